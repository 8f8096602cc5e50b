"""Where the code of compiled kernels is kept, and who compiles it when several processes need it.

numba keeps machine code beside the sources and asks only whether the kernel's own file has
changed. Here it is kept in the user's cache folder, one folder to a kind of CPU, so that sources
may be read-only and two machines may share a home; a kernel is stale as well when a file changes
that it takes helpers from; and processes that need a kernel at once wait for the first of them.
"""

import fcntl
import hashlib
import logging
import os
import platform
import re
from collections.abc import Callable, Iterator
from contextlib import contextmanager, suppress
from functools import cache
from pathlib import Path
from typing import Any, ClassVar

import numba
from numba.core import codegen, config
from numba.core.caching import CompileResultCacheImpl, FunctionCache, UserWideCacheLocator
from numba.core.compiler_lock import global_compiler_lock

_KERNELS = Path(__file__).parent
_HELPERS = re.compile(rb"^from restock\.kernels\.(\w+) import", re.MULTILINE)
_held: set[str] = set()  # locks of this process; guarded by numba's own lock

logger = logging.getLogger(__name__)


def kept(dispatcher: Any) -> Any:
    """Let a numba function keep its code here, and be compiled by one process at a time.

    Where our folder cannot be made, numba's own choice of folder is taken; where there is none
    either, every process compiles for itself.
    """
    if config.DISABLE_JIT:  # numba's switch for debugging: it is a plain function
        return dispatcher
    try:
        files = _Files(dispatcher.py_func)
    except RuntimeError:
        logger.debug("no folder to keep the code of %r in", dispatcher)
        return dispatcher
    dispatcher._cache = files
    dispatcher.compile = _one_at_a_time(dispatcher.compile, files.lock)
    return dispatcher


@cache
def folder() -> Path | None:
    """Where this process keeps code; None for a user without a home.

    In ``NUMBA_CACHE_DIR``, or else in ``restock/kernels`` of the user's cache (``XDG_CACHE_HOME``,
    ``~/.cache``): there, the folder of this CPU, its features and the versions that made the code.
    """
    if config.CACHE_DIR:
        root = Path(config.CACHE_DIR)
    else:
        try:
            given = Path(os.environ.get("XDG_CACHE_HOME", ""))
            root = (given if given.is_absolute() else Path.home() / ".cache") / "restock/kernels"
        except RuntimeError:
            return None
    cpu = config.CPU_NAME or codegen.ll.get_host_cpu_name()
    features = config.CPU_FEATURES
    if features is None:
        features = codegen.get_host_cpu_features()
    made_by = f"{features} {numba.__version__} {platform.python_version()}"
    return root / f"{cpu}-{hashlib.sha256(made_by.encode()).hexdigest()[:12]}"


def kept_signatures(dispatcher: Any) -> int:
    """For how many kinds of arguments the code of a kernel is kept, by the sources of today."""
    files = dispatcher._cache
    return len(files._cache_file._load_index()) if isinstance(files, _Files) else 0


@cache
def source_stamp(path: Path) -> str:
    """sha256 of a source file and of every file of kernels that it imports, however far."""
    found: set[Path] = set()
    waiting = [path]
    while waiting:
        file = waiting.pop()
        if file not in found:
            found.add(file)
            waiting += _helpers(file)
    return hashlib.sha256(b"".join(_source(file) for file in sorted(found))).hexdigest()


@cache
def _source(file: Path) -> bytes:
    return file.read_bytes()


def _helpers(file: Path) -> Iterator[Path]:
    for name in _HELPERS.findall(_source(file)):
        yield _KERNELS / f"{name.decode()}.py"


class _Locator(UserWideCacheLocator):  # type: ignore[misc]
    """Tells numba our folder and our stamp."""

    def __init__(self, py_func: Any, py_file: str) -> None:
        super().__init__(py_func, py_file)
        root = folder()
        if root is None:
            raise OSError("no home")
        self._cache_path = str(root / self.get_suitable_cache_subpath(py_file))

    @classmethod
    def from_function(cls, py_func: Any, py_file: str) -> "_Locator | None":
        """None where there is no such folder and none can be made."""
        try:
            found = cls(py_func, py_file)
            found.ensure_cache_path()
        except OSError:
            return None
        return found

    def ensure_cache_path(self) -> None:
        """A folder that is there will do, even a read-only one: an image brings its code along."""
        Path(self._cache_path).mkdir(parents=True, exist_ok=True)

    def get_source_stamp(self) -> str:
        return source_stamp(Path(self._py_file))


class _Impl(CompileResultCacheImpl):  # type: ignore[misc]
    _locator_classes: ClassVar[list[Any]] = [_Locator, *CompileResultCacheImpl._locator_classes]


class _Files(FunctionCache):  # type: ignore[misc]
    """numba's files of one kernel, in our folder."""

    _impl_class = _Impl

    @property
    def lock(self) -> str:
        """The file that a process locks while it loads or compiles the kernel."""
        return f"{self._cache_file._index_path}.lock"

    def save_overload(self, sig: Any, data: Any) -> None:
        """Code that cannot be kept is still good code."""
        try:
            super().save_overload(sig, data)
        except OSError as error:
            logger.debug("%s: its code is not kept: %s", self._name, error)


def _one_at_a_time(compile: Callable[[Any], Any], lock: str) -> Callable[[Any], Any]:
    def compile_or_load(signature: Any) -> Any:
        # numba's lock first, as everywhere: two threads of a process would wait for each other
        with global_compiler_lock, _alone(lock):
            return compile(signature)

    return compile_or_load


@contextmanager
def _alone(lock: str) -> Iterator[None]:
    """Hold a lock file, which the system takes back from a process that dies.

    Kernels call each other, never in a circle, so that no two processes wait for each other.
    """
    if lock in _held:
        yield
        return
    descriptor = None
    with suppress(OSError):  # a read-only folder, or one without locks: everybody for himself
        descriptor = os.open(lock, os.O_RDWR | os.O_CREAT | os.O_CLOEXEC, 0o600)
        fcntl.flock(descriptor, fcntl.LOCK_EX)
    _held.add(lock)
    try:
        yield
    finally:
        _held.discard(lock)
        if descriptor is not None:
            os.close(descriptor)
