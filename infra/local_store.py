"""A store in a local folder: atomic files, compare-and-swap under a file lock."""

import fcntl
import hashlib
import os
import shutil
import time
import uuid
from collections.abc import Iterator, Sequence
from contextlib import contextmanager, suppress
from datetime import UTC, datetime
from pathlib import Path
from zlib import crc32

from restock.infra.store import Blob, Conflict, Entry, NotFound, check_key

LOCK_FILES = 64
ABANDONED_SECONDS = 86_400  # a temporary file this old belongs to a process that was killed
_NO_OBJECT = (FileNotFoundError, NotADirectoryError, IsADirectoryError)


class LocalStore:
    """Objects are files below ``root``; safe for the threads and processes of one machine.

    A write goes to a temporary file, is flushed to disk, then renamed. The ETag is the
    sha256 of the content. Writers of a key take its lock (``flock``, released by the kernel
    when a process dies); readers take none.
    """

    def __init__(self, root: Path) -> None:
        self.root = root.expanduser().absolute()
        self._temporary = self.root / ".tmp"
        self._locks = self.root / ".locks"

    def __repr__(self) -> str:
        return f"LocalStore({str(self.root)!r})"

    @property
    def uri(self) -> str:
        """``file://`` and the absolute path."""
        return self.root.as_uri()

    def put(self, key: str, data: bytes) -> str:
        """See ``Store.put``."""
        path = self._path(key)
        with self._staged() as temporary:
            _write(temporary, data)
            with self._locked(key):
                _move(temporary, path, self.root)
        return _etag(data)

    def get(self, key: str) -> Blob:
        """See ``Store.get``."""
        data = self._read(key)
        if data is None:
            raise NotFound(f"there is no {key} in {self.root}")
        return Blob(data, _etag(data))

    def list(self, folder: str = "") -> Sequence[Entry]:
        """See ``Store.list``."""
        top = self._path(folder) if folder else self.root
        found = []
        for parent, folders, names in os.walk(top):
            folders[:] = [name for name in folders if not name.startswith(".")]
            for name in names:
                path = Path(parent, name)
                with suppress(FileNotFoundError):  # deleted since the folder was read
                    about = path.stat()
                    modified = datetime.fromtimestamp(about.st_mtime, UTC)
                    key = path.relative_to(self.root).as_posix()
                    found.append(Entry(key, about.st_size, modified))
        return sorted(found, key=lambda entry: entry.key)

    def compare_and_swap(self, key: str, data: bytes, etag: str | None) -> str:
        """See ``Store.compare_and_swap``."""
        path = self._path(key)
        with self._staged() as temporary:
            _write(temporary, data)
            with self._locked(key):
                now = self._read(key)
                if (None if now is None else _etag(now)) != etag:
                    raise Conflict(f"{key} in {self.root} was changed by another process")
                _move(temporary, path, self.root)
        return _etag(data)

    def delete(self, key: str) -> None:
        """See ``Store.delete``. Folders that become empty go too."""
        path = self._path(key)
        with self._locked(key), suppress(*_NO_OBJECT):
            path.unlink()
        for parent in path.parents:
            if parent == self.root:
                break
            try:
                parent.rmdir()
            except OSError:  # not empty, or gone
                break

    def put_file(self, key: str, path: Path) -> None:
        """See ``Store.put_file``."""
        target = self._path(key)
        with self._staged() as temporary:
            shutil.copyfile(path, temporary)
            _flush(temporary)
            with self._locked(key):
                _move(temporary, target, self.root)

    def get_file(self, key: str, path: Path) -> None:
        """See ``Store.get_file``."""
        source = self._path(key)
        if not source.is_file():
            raise NotFound(f"there is no {key} in {self.root}")
        path.parent.mkdir(parents=True, exist_ok=True)
        shutil.copyfile(source, path)

    def local(self, key: str) -> Path | None:
        """See ``Store.local``."""
        return self._path(key)

    def _path(self, key: str) -> Path:
        return self.root / check_key(key)

    def _read(self, key: str) -> bytes | None:
        try:
            return self._path(key).read_bytes()
        except _NO_OBJECT:
            return None

    @contextmanager
    def _staged(self) -> Iterator[Path]:
        self._temporary.mkdir(parents=True, exist_ok=True)
        _sweep(self._temporary)
        path = self._temporary / uuid.uuid4().hex
        try:
            yield path
        finally:
            path.unlink(missing_ok=True)

    @contextmanager
    def _locked(self, key: str) -> Iterator[None]:
        self._locks.mkdir(parents=True, exist_ok=True)
        # Opened anew each time: flock then excludes the threads of one process as well.
        descriptor = os.open(
            self._locks / f"{crc32(key.encode()) % LOCK_FILES:02d}", os.O_RDWR | os.O_CREAT
        )
        try:
            fcntl.flock(descriptor, fcntl.LOCK_EX)
            yield
        finally:
            os.close(descriptor)


def _etag(data: bytes) -> str:
    return hashlib.sha256(data).hexdigest()


def _write(path: Path, data: bytes) -> None:
    path.write_bytes(data)
    _flush(path)


def _flush(path: Path) -> None:
    """Force a file's bytes, or a folder's list of names, to disk."""
    descriptor = os.open(path, os.O_RDONLY)
    try:
        os.fsync(descriptor)
    finally:
        os.close(descriptor)


def _move(temporary: Path, path: Path, root: Path) -> None:
    """Rename into place, making folders that are missing; durable when it returns."""
    while True:
        _make_folders(path.parent, root)
        try:
            temporary.replace(path)
            break
        except FileNotFoundError:  # a delete has just removed the empty folder: make it again
            if not temporary.exists():
                raise
        except IsADirectoryError:
            raise ValueError(f"{path} is a folder of other keys") from None
    _flush(path.parent)


def _make_folders(folder: Path, root: Path) -> None:
    missing = []
    while folder != root and not folder.is_dir():
        missing.append(folder)
        folder = folder.parent
    for one in reversed(missing):
        try:
            one.mkdir(exist_ok=True)
            _flush(one.parent)
        except (FileExistsError, NotADirectoryError):
            if one.is_file() or one.parent.is_file():
                raise ValueError(f"{one} is an object: it cannot be a folder of others") from None
            return
        except FileNotFoundError:
            return  # removed under our feet, as above: the caller tries again


def _sweep(folder: Path) -> None:
    """Remove what killed processes left behind."""
    limit = time.time() - ABANDONED_SECONDS
    for path in folder.iterdir():
        with suppress(FileNotFoundError):
            if path.stat().st_mtime < limit:
                path.unlink()
