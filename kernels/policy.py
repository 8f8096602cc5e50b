"""How kernels are compiled: once per CPU type, cached on disk, without the GIL."""

from collections.abc import Callable
from concurrent.futures import ThreadPoolExecutor
from typing import Any, TypeVar

import numba

F = TypeVar("F", bound=Callable[..., Any])
T = TypeVar("T")


def kernel(function: F) -> F:
    """Compile ``function`` in nopython mode, cached and free of the GIL.

    ``fastmath`` stays off: it reorders sums, and results must not depend on the machine.
    """
    compiled: F = numba.njit(cache=True, nogil=True)(function)
    return compiled


def inlined(function: F) -> F:
    """The same for a small helper that is always merged into its callers.

    For helpers in inner loops that are handed large records: a call would copy them.
    """
    compiled: F = numba.njit(cache=True, nogil=True, forceinline=True)(function)
    return compiled


def over_blocks(work: Callable[[int, int], T], n: int, size: int, threads: int = 1) -> list[T]:
    """``work(first, last)`` for every block of ``size`` out of ``n``, results in order.

    Blocks must not depend on each other: then neither ``size`` nor ``threads`` changes a
    result. Plain threads do, since kernels release the GIL; numba's own thread pool is left
    alone, because two threads that enter it at once can abort the process.
    """
    size = max(size, 1)
    firsts = range(0, n, size)
    if threads <= 1 or len(firsts) <= 1:
        return [work(first, min(first + size, n)) for first in firsts]
    with ThreadPoolExecutor(threads) as pool:
        return list(pool.map(lambda first: work(first, min(first + size, n)), firsts))
