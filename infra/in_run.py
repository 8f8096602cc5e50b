"""Work that joblib hands to threads or processes stays part of the run that asked for it."""

import logging
import os
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from contextvars import copy_context
from dataclasses import dataclass
from datetime import UTC, datetime
from pathlib import Path
from typing import Any, Generic, ParamSpec, TypeVar

from restock.infra import log_lines, log_relay, logs

P = ParamSpec("P")
R = TypeVar("R")


@dataclass(frozen=True)
class Run:
    """The run that a process works for, for its children."""

    folder: str
    worker: str
    market: str | None
    ids: dict[str, str | None]


class _ChildHandler(logging.Handler):
    """Lines of a child process, which knows nothing of Prefect."""

    def __init__(self, run: Run) -> None:
        super().__init__()
        self._lines, self._ids = log_lines.Lines(Path(run.folder), run.worker), run.ids

    def emit(self, record: logging.LogRecord) -> None:
        """Append the record."""
        try:
            when = datetime.fromtimestamp(record.created, UTC).isoformat()
            said = {"name": record.name, "level": record.levelno, "message": self.format(record)}
            self._lines.say({**said, "timestamp": when, **self._ids})
        except Exception:
            self.handleError(record)


class in_run(Generic[P, R]):
    """A function that logs as part of the run that asked for it, wherever joblib calls it.

    ``Parallel()(delayed(in_run(fit))(x) for x in xs)``: in a thread it runs in the caller's
    context; in a process of its own everything that it and libraries log, and warnings, goes to
    the run's log. Outside of a run it is the function alone.
    """

    def __init__(self, function: Callable[P, R]) -> None:
        self._function, self._run, self._here = function, _this_run(), os.getpid()
        self._context: Any = copy_context()

    def __call__(self, *args: P.args, **kwargs: P.kwargs) -> R:
        if os.getpid() == self._here and self._context is not None:
            result: R = self._context.copy().run(self._function, *args, **kwargs)
            return result
        if self._run is None:
            return self._function(*args, **kwargs)
        with _speaking_for(self._run):
            return self._function(*args, **kwargs)

    def __getstate__(self) -> dict[str, Any]:
        """A context does not travel."""
        return {**self.__dict__, "_context": None}


@contextmanager
def _speaking_for(run: Run) -> Iterator[None]:
    """Everything that this process logs meanwhile belongs to the run."""
    handler, root = _ChildHandler(run), logging.getLogger()
    logs.configure()
    root.addHandler(handler)
    try:
        with logs.about(run.market):
            yield
    finally:
        root.removeHandler(handler)
        handler.close()


def _this_run() -> Run | None:
    ids = _ids()
    if ids is None:
        return None
    log_relay.here()
    return Run(str(log_lines.folder_of_node()), f"{log_lines.name()}-child", logs.market(), ids)


def _ids() -> dict[str, str | None] | None:
    """The ids of the flow run and the task run of this context; None outside of a run."""
    from prefect.context import FlowRunContext, TaskRunContext

    if task := TaskRunContext.get():
        of_flow = task.task_run.flow_run_id
        return (
            {"flow_run_id": str(of_flow), "task_run_id": str(task.task_run.id)} if of_flow else None
        )
    if (flow := FlowRunContext.get()) and flow.flow_run:
        return {"flow_run_id": str(flow.flow_run.id), "task_run_id": None}
    return None
