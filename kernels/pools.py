"""The thread pools of libraries, which a whole process shares: BLAS, OpenMP and Arrow.

Who needs them small holds them for a while. Of several that hold at once the smallest number
counts, and the last one to let go gives back what was there before.
"""

import sys
from collections.abc import Iterator
from contextlib import contextmanager
from threading import Lock

from threadpoolctl import OpenBLASController, threadpool_limits


class _Pools:
    """What was there before, and how many threads each holder wants."""

    def __init__(self) -> None:
        self.lock = Lock()
        self.held: list[int] = []
        self.before: threadpool_limits | None = None
        self.arrow = 0

    def take(self, threads: int) -> None:
        with self.lock:
            if not self.held:
                self.arrow = _arrow_threads()
                self.before = _limit(threads)
            self.held.append(threads)
            self._apply()

    def let_go(self, threads: int) -> None:
        with self.lock:
            self.held.remove(threads)
            if self.held:
                self._apply()
            elif self.before is not None:
                OpenBLASController.clear_controlling_thread(force=True)
                self.before.restore_original_limits()
                _limit_arrow(self.arrow)

    def _apply(self) -> None:
        # OpenMP counts per calling thread, so that whoever comes sets it for itself
        _limit(min(self.held))
        _limit_arrow(min(self.held))


_pools = _Pools()


@contextmanager
def held(threads: int) -> Iterator[None]:
    """Let the libraries that are loaded use ``threads`` threads for a while, or fewer."""
    _pools.take(threads)
    try:
        yield
    finally:
        _pools.let_go(threads)


def _limit(threads: int) -> threadpool_limits:
    # only the thread that called it first is heard, unless told otherwise: here a lock does it
    OpenBLASController.clear_controlling_thread(force=True)
    return threadpool_limits(limits=threads)


def _arrow_threads() -> int:
    """0 where Arrow is not loaded."""
    arrow = sys.modules.get("pyarrow")
    return arrow.cpu_count() if arrow else 0


def _limit_arrow(threads: int) -> None:
    arrow = sys.modules.get("pyarrow")
    if arrow and threads:
        arrow.set_cpu_count(threads)
