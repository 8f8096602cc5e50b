"""Fan-in that loses nothing: every future is asked for its result, lost ones are run again.

After a worker was killed too often, Dask gives the task up, but Prefect's future stays Pending
for ``wait`` and ``as_completed``, and a flow built on them ends Completed. Only ``result()``
says so. ``retries=`` on a task dies with the worker.
"""

import asyncio
import concurrent.futures
import logging
import time
from collections.abc import Callable, Collection, Mapping
from typing import Any, Generic, NamedTuple, Protocol, TypeVar

from distributed.comm.core import CommClosedError
from distributed.scheduler import KilledWorker
from prefect.exceptions import CrashedRun

R = TypeVar("R")
R_co = TypeVar("R_co", covariant=True)

# The work itself did not fail: the place where it ran went away.
LOST = (
    KilledWorker,
    CommClosedError,
    CrashedRun,
    concurrent.futures.CancelledError,
    asyncio.CancelledError,
)

SECONDS_OF_HOPE = 1.0  # between two looks at what is not worth waiting for

logger = logging.getLogger(__name__)


class Future(Protocol[R_co]):
    """A Prefect future, a Dask future or one of ``concurrent.futures``."""

    def result(self) -> R_co:
        """The result, or the error of the work."""
        ...


More = Mapping[str, Future[R]]
"""More named work."""


class Gathered(NamedTuple, Generic[R]):
    """What came back, in the order of the futures."""

    results: dict[str, R]
    failures: dict[str, BaseException]


class NotFinished(TimeoutError):
    """Work that is not waited for any longer; the message says why."""


def gather(
    futures: Mapping[str, Future[R]],
    resubmit: Callable[[str], Future[R]],
    *,
    retries: int = 2,
    done: "Callable[[str, R], More[R] | None] | None" = None,
    failed: "Callable[[str, BaseException], More[R] | None] | None" = None,
    hopeless: Callable[[Collection[str]], Mapping[str, str]] | None = None,
    poll: float = 0.05,
) -> Gathered[R]:
    """Wait for named work; work that was lost with its worker is submitted again.

    resubmit: called with a name to submit that work once more, at most ``retries`` times each.
    Dask runs work at least once, so that it must be idempotent anyway.
    done: called with each name and result as it comes in. failed: the same with an error that
    is final. Both may hand back more named work, which is waited for too.
    hopeless: asked about once a second, with the names of what is pending, which of it is not
    worth waiting for, and why: that is cancelled and fails with NotFinished.

    Errors of the work itself are failures at once: retrying those is up to the task.
    """
    waiting = _Waiting(futures, resubmit, retries, done, failed)
    asked = time.monotonic()
    while waiting.pending:
        idle = not waiting.collect()
        now = time.monotonic()
        if hopeless and now > asked + SECONDS_OF_HOPE:
            asked = now
            for name, reason in hopeless(tuple(waiting.pending)).items():
                waiting.cancel(name, reason)
        if waiting.pending and idle:
            time.sleep(poll)
    if waiting.crashed:
        _mark_crashed(waiting.crashed)
    return Gathered(
        _ordered(waiting.results, waiting.left), _ordered(waiting.failures, waiting.left)
    )


class _Waiting(Generic[R]):
    """What is awaited and what became of the rest. left: name → how often it may be lost."""

    def __init__(
        self,
        futures: Mapping[str, Future[R]],
        resubmit: Callable[[str], Future[R]],
        retries: int,
        done: "Callable[[str, R], More[R] | None] | None",
        failed: "Callable[[str, BaseException], More[R] | None] | None",
    ) -> None:
        self.pending = dict(futures)
        self.left = dict.fromkeys(futures, retries)
        self.results: dict[str, R] = {}
        self.failures: dict[str, BaseException] = {}
        self.crashed: dict[Any, BaseException] = {}
        self._resubmit, self._retries, self._done, self._failed = resubmit, retries, done, failed

    def collect(self) -> int:
        """Take what is done; how much that was."""
        finished = [name for name, future in self.pending.items() if _inner(future).done()]
        for name in finished:
            future = self.pending.pop(name)
            try:
                result = future.result()
            except LOST as error:
                self._lose(name, future, error)
            except Exception as error:
                self.fail(name, error)
            else:
                self.results[name] = result
                self._expect(self._done(name, result) if self._done else None)
        return len(finished)

    def cancel(self, name: str, reason: str) -> None:
        """Wait for it no longer."""
        _inner(self.pending.pop(name)).cancel()
        self.fail(name, NotFinished(reason))

    def fail(self, name: str, error: BaseException) -> None:
        """It is final."""
        self.failures[name] = error
        self._expect(self._failed(name, error) if self._failed else None)

    def _lose(self, name: str, future: Future[R], error: BaseException) -> None:
        if run_id := getattr(future, "task_run_id", None):
            self.crashed[run_id] = error
        if self.left[name]:
            self.left[name] -= 1
            logger.warning("%s was lost with its worker (%s): again", name, type(error).__name__)
            self.pending[name] = self._resubmit(name)
        else:
            logger.error("%s was lost %d times: given up", name, self._retries + 1)
            self.fail(name, error)

    def _expect(self, more: "More[R] | None") -> None:
        for name, future in (more or {}).items():
            self.pending[name], self.left[name] = future, self._retries


def _inner(future: Any) -> Any:
    """The future of the executor: Prefect's own wrapper says nothing about lost work."""
    return getattr(future, "wrapped_future", future)


def _mark_crashed(runs: dict[Any, BaseException], patience: float = 5.0) -> None:
    """Tell the server: the process that would have said so is gone, and the run looks alive.

    The server may know such a run only seconds later, from what the process sent last.
    """
    from prefect.client.orchestration import get_client
    from prefect.client.schemas.objects import State
    from prefect.states import Crashed

    client = get_client(sync_client=True)
    until = time.monotonic() + patience
    while runs and time.monotonic() < until:
        for run_id, error in list(runs.items()):
            try:
                state: State[Any] = Crashed(message=f"lost with its worker: {error!r}")
                client.set_task_run_state(run_id, state, force=True)
                del runs[run_id]
            except Exception:
                logger.debug("the server did not take the state of %s", run_id, exc_info=True)
        if runs:
            time.sleep(0.5)


V = TypeVar("V")


def _ordered(values: dict[str, V], names: Mapping[str, object]) -> dict[str, V]:
    return {name: values[name] for name in names if name in values}
