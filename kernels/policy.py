"""How kernels are compiled and how many threads they run on: the one place that decides both.

Compiled for the CPU of this machine, or the one that ``NUMBA_CPU_NAME`` and
``NUMBA_CPU_FEATURES`` name; without numba's own threads, so that its threading layer never
starts (two threads that enter it at once can abort the process): blocks of work go to plain
threads, which kernels serve well because they release the GIL. ``threads`` says how many.
"""

import os
from collections.abc import Callable, Iterator
from concurrent.futures import ThreadPoolExecutor
from contextlib import contextmanager
from contextvars import ContextVar
from typing import Any, TypeVar

from restock.kernels.cores import available_cores

F = TypeVar("F", bound=Callable[..., Any])
T = TypeVar("T")

THREADS = "RESTOCK_THREADS"
"""The environment variable by which a process learns how many threads its plan gives a task."""
_granted: ContextVar[int | None] = ContextVar("granted", default=None)


def kernel(function: F) -> F:
    """Compile ``function`` in nopython mode, once on a node, free of the GIL.

    ``fastmath`` stays off: it reorders sums, and results must not depend on the machine.
    """
    return _compiled(function)


def inlined(function: F) -> F:
    """The same for a small helper that is always merged into its callers.

    For helpers in inner loops that are handed large records: a call would copy them.
    """
    return _compiled(function, forceinline=True)


def _compiled(function: F, **how: bool) -> F:
    # numba takes half a second to load: who only asks for ``threads`` does without
    import numba

    from restock.kernels.code_cache import kept

    compiled: F = kept(numba.njit(nogil=True, **how)(function))
    return compiled


def threads() -> int:
    """Threads that a call may use where it is made, at least 1.

    What was ``granted`` to this thread, as every block of ``over_blocks`` that runs beside
    others has 1; else what ``RESTOCK_THREADS`` says, which the thread plan sets in the processes
    that it starts, up to the cores of this process; else all of them. ValueError when the
    variable is no number.
    """
    given = _granted.get()
    if given is not None:
        return given
    cores, planned = available_cores(), os.environ.get(THREADS, "")
    if not planned:
        return cores
    if not (planned.isascii() and planned.isdigit() and int(planned)):
        raise ValueError(f"{THREADS}={planned!r} is no number of threads: set it to 1 or more")
    return min(int(planned), cores)


@contextmanager
def granted(count: int) -> Iterator[None]:
    """Let this thread's calls use ``count`` threads for a while, whatever they ask for.

    Of what was granted before it is a part: never more.
    """
    before = _granted.set(min(count, _granted.get() or count))
    try:
        yield
    finally:
        _granted.reset(before)


def over_blocks(work: Callable[[int, int], T], n: int, size: int, threads: int = 1) -> list[T]:
    """``work(first, last)`` for every block of ``size`` out of ``n``, results in order.

    Blocks must not depend on each other: then neither ``size`` nor ``threads`` changes a
    result. No more threads are started than were granted to the caller, if a number was.
    """
    size = max(size, 1)
    firsts = range(0, n, size)
    threads = min(threads, _granted.get() or threads, len(firsts))
    if threads <= 1:
        return [work(first, min(first + size, n)) for first in firsts]
    with ThreadPoolExecutor(threads, initializer=_granted.set, initargs=(1,)) as pool:
        return list(pool.map(lambda first: work(first, min(first + size, n)), firsts))
