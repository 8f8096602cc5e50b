"""Fan-in that loses nothing: every future is asked for its result, lost ones are run again.

After a worker was killed too often, Dask gives the task up, but Prefect's future stays Pending
for ``wait`` and ``as_completed``, and a flow built on them ends Completed. Only ``result()``
says so. ``retries=`` on a task dies with the worker.
"""

import asyncio
import concurrent.futures
import logging
import time
from collections.abc import Callable, Mapping
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

logger = logging.getLogger(__name__)


class Future(Protocol[R_co]):
    """A Prefect future, a Dask future or one of ``concurrent.futures``."""

    def result(self) -> R_co:
        """The result, or the error of the work."""
        ...


class Gathered(NamedTuple, Generic[R]):
    """What came back, in the order of the futures."""

    results: dict[str, R]
    failures: dict[str, BaseException]


class NotFinished(TimeoutError):
    """Work did not finish in time; perhaps no worker offers the resource that it asks for."""


def gather(
    futures: Mapping[str, Future[R]],
    resubmit: Callable[[str], Future[R]],
    *,
    retries: int = 2,
    timeout: float | None = None,
    done: Callable[[str, R], None] | None = None,
    poll: float = 0.05,
) -> Gathered[R]:
    """Wait for named work; work that was lost with its worker is submitted again.

    resubmit: called with a name to submit that work once more, at most ``retries`` times each.
    Dask runs work at least once, so that it must be idempotent anyway.
    timeout: seconds for everything together; what is not finished then is cancelled and fails
    with NotFinished.
    done: called with each name and result as it comes in.

    Errors of the work itself are failures at once: retrying those is up to the task.
    """
    pending, left = dict(futures), dict.fromkeys(futures, retries)
    results: dict[str, R] = {}
    failures: dict[str, BaseException] = {}
    crashed: dict[Any, BaseException] = {}
    until = None if timeout is None else time.monotonic() + timeout
    while pending:
        finished = [name for name, future in pending.items() if _inner(future).done()]
        for name in finished:
            future = pending.pop(name)
            try:
                results[name] = future.result()
            except LOST as error:
                if run_id := getattr(future, "task_run_id", None):
                    crashed[run_id] = error
                if left[name]:
                    left[name] -= 1
                    logger.warning("%s was lost with its worker (%r): again", name, error)
                    pending[name] = resubmit(name)
                else:
                    logger.error("%s was lost %d times: given up", name, retries + 1)
                    failures[name] = error
            except Exception as error:
                failures[name] = error
            else:
                if done:
                    done(name, results[name])
        if until is not None and time.monotonic() > until:
            for name, future in pending.items():
                _inner(future).cancel()
                failures[name] = NotFinished(f"{name} did not finish within {timeout:.0f} s")
            break
        if pending and not finished:
            time.sleep(poll)
    if crashed:
        _mark_crashed(crashed)
    return Gathered(_ordered(results, futures), _ordered(failures, futures))


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
