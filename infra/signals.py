"""What SIGINT and SIGTERM do to a command that has others to end: nothing of it is left behind."""

import asyncio
import signal
import sys
import threading
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from types import FrameType

ENDING = (signal.SIGINT, signal.SIGTERM)

Handler = Callable[[int, FrameType | None], object]


@contextmanager
def later(then: Handler | None = None) -> Iterator[None]:
    """Who interrupts while a process starts is heard when it is known, and can be ended, too.

    then: who hears from the end on, if all went well. None: who did before.
    """
    came: list[int] = []
    before = {number: signal.getsignal(number) for number in ENDING if _is_ours(number)}
    after = before
    for number in before:
        signal.signal(number, lambda number, _: came.append(number))
    try:
        yield
        if then is not None:
            after = dict.fromkeys(before, then)
    finally:
        for number, handler in after.items():
            signal.signal(number, handler)
        for heard in came:
            signal.raise_signal(heard)


@contextmanager
def sigterm_exits() -> Iterator[None]:
    """SIGTERM is an exit, as Ctrl-C is: the default is an end without any cleaning up."""
    if not _is_ours(signal.SIGTERM) or signal.getsignal(signal.SIGTERM) is not signal.SIG_DFL:
        yield
        return
    signal.signal(signal.SIGTERM, lambda number, _: sys.exit(128 + number))
    try:
        yield
    finally:
        signal.signal(signal.SIGTERM, signal.SIG_DFL)


def sigterm_cancels() -> None:
    """SIGTERM cancels the task that calls this, as Ctrl-C does; a second one changes nothing."""
    this = asyncio.current_task()
    assert this is not None
    asyncio.get_running_loop().add_signal_handler(
        signal.SIGTERM, lambda: this.cancelling() or this.cancel()
    )


def _is_ours(number: int) -> bool:
    """Whether we may handle it: not where others do who are not Python's, or where it is ignored.

    Only the main thread has handlers.
    """
    here = threading.current_thread() is threading.main_thread()
    return here and signal.getsignal(number) not in (None, signal.SIG_IGN)
