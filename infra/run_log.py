"""What everybody said in one run, read from the server in the order of time."""

import re
import time
from collections import deque
from collections.abc import Callable, Iterator, Sequence
from datetime import datetime, timedelta
from typing import Any
from uuid import UUID

from pydantic import BaseModel, ConfigDict

from restock.infra.log_lines import split

PAGE = 200  # the most that a server hands out at once
POLL_SECONDS = 0.2
STATE_SECONDS = 1.0  # between two looks whether the run is over, or has started others
HOLD_SECONDS = 0.4
"""A line waits so long for those of other nodes that are older and come later."""
LATE = timedelta(seconds=5)
"""Lines that come later than this after a newer one are told at the end of the run."""
GRACE_SECONDS = 6.0
"""Without a new line after the end of a run: its nodes may still have something to send."""
LAST_WORDS = ("prefect.flow_runs", "Finished in state")
LAST_WORDS_SECONDS = 30.0
"""The same before the last words of the flow, which come when its workers have ended. A killed
flow has none."""


class NoSuchRun(ValueError):
    """The text names what there is."""


class Line(BaseModel):
    """One line of the log of a run.

    flow_run, task_run: names. worker, host, pid: who said it; none for the flow's own process.
    market: what it is about, where that is one market.
    """

    model_config = ConfigDict(frozen=True)

    time: datetime
    level: int
    logger: str
    message: str
    flow_run: str
    task_run: str | None = None
    worker: str | None = None
    host: str | None = None
    pid: int | None = None
    market: str | None = None


class RunLog:
    """The log of a flow run and of the flows that it started.

    client: Prefect's synchronous client. run: of ``find_run``.
    """

    def __init__(self, client: Any, run: Any) -> None:
        self._client, self._run = client, run
        self._flows: dict[UUID, str] = {run.id: run.name}
        self._find_children()
        self._tasks: dict[UUID, str | None] = {}

    def read(self, after: datetime | None = None) -> Iterator[tuple[int, Line]]:
        """All lines at or after a time, in order, each with a key of its own.

        A line that came to the server twice, because its relay was killed, is told once.
        """
        from prefect.client.schemas.filters import LogFilter
        from prefect.client.schemas.sorting import LogSort

        seen: deque[int] = deque(maxlen=10 * PAGE)
        offset = 0
        while True:
            wanted: dict[str, Any] = {"flow_run_id": {"any_": list(self._flows)}}
            if after is not None:
                wanted["timestamp"] = {"after_": after}
            page = self._client.read_logs(
                LogFilter.model_validate(wanted), PAGE, offset, LogSort.TIMESTAMP_ASC
            )
            fresh = {key: one for one in page if (key := _key(one)) not in seen}
            self._find_tasks({one.task_run_id for one in fresh.values() if one.task_run_id})
            for key, one in fresh.items():
                yield key, self._line(one)
            if len(page) < PAGE:
                return
            seen.extend(fresh)
            newest = page[-1].timestamp
            # a page on starts at its last moment, unless all of it is of one moment
            offset = offset + PAGE if newest == after else 0
            after = newest

    def follow(self) -> Iterator[Line]:
        """All lines, and the new ones as they come, until the run has ended and all is told."""
        held: dict[int, tuple[float, Line]] = {}
        shown: set[int] = set()
        after: datetime | None = None
        over, looked, heard, grace = False, 0.0, time.monotonic(), LAST_WORDS_SECONDS
        while True:
            now = time.monotonic()
            if not over and now > looked + STATE_SECONDS:
                over, looked = self._is_over(), now
                heard = now if over else heard
                self._find_children()
            last = over and now > heard + grace
            for key, line in self.read(None if last else after):
                if key not in shown and key not in held:
                    held[key] = (now, line)
                    heard = now
                    grace = GRACE_SECONDS if self._ends_with(line) else grace
            ready = [line.time for came, line in held.values() if last or now > came + HOLD_SECONDS]
            if ready:
                due = {key: line for key, (_, line) in held.items() if line.time <= max(ready)}
                for key in sorted(due, key=lambda key: due[key].time):
                    yield due[key]
                    del held[key]
                shown |= due.keys()
                after = max(ready) - LATE
            if last:
                return
            time.sleep(POLL_SECONDS)

    def _ends_with(self, line: Line) -> bool:
        logger, words = LAST_WORDS
        mine = line.flow_run == self._run.name and line.task_run is None
        return mine and line.logger == logger and line.message.startswith(words)

    def _is_over(self) -> bool:
        state = self._client.read_flow_run(self._run.id).state
        return bool(state and state.is_final())

    def _find_children(self) -> None:
        from prefect.client.schemas.filters import FlowRunFilter

        parents = {"parent_flow_run_id": {"any_": list(self._flows)}}
        for child in self._client.read_flow_runs(
            flow_run_filter=FlowRunFilter.model_validate(parents)
        ):
            self._flows[child.id] = child.name

    def _line(self, said: Any) -> Line:
        message, source = split(said.message)
        return Line(
            time=said.timestamp,
            level=said.level,
            logger=said.name,
            message=message,
            flow_run=self._flows[said.flow_run_id],
            task_run=self._tasks.get(said.task_run_id),
            **(source._asdict() if source else {}),
        )

    def _find_tasks(self, wanted: set[UUID]) -> None:
        """The names of a page's tasks. The server may never hear of one that was killed."""
        from prefect.client.schemas.filters import FlowRunFilter, TaskRunFilter

        unknown = wanted - self._tasks.keys()
        if not unknown:
            return
        self._tasks |= dict.fromkeys(unknown)
        found = self._client.read_task_runs(
            flow_run_filter=FlowRunFilter.model_validate({"id": {"any_": list(self._flows)}}),
            task_run_filter=TaskRunFilter.model_validate({"id": {"any_": list(unknown)}}),
        )
        self._tasks |= {one.id: one.name for one in found}


def _key(said: Any) -> int:
    """The same for one line that the server has twice: its time is exact to the microsecond."""
    about = (said.flow_run_id, said.task_run_id, said.name, said.message)
    return hash((said.timestamp, *about))


def find_run(client: Any, name: str) -> Any:
    """The newest flow run of this id, name or beginning of a name; ``last``: the newest of all.

    NoSuchRun says which are there.
    """
    from prefect.client.schemas.filters import FlowRunFilter
    from prefect.client.schemas.sorting import FlowRunSort
    from prefect.exceptions import ObjectNotFound

    def newest(limit: int = 1, **wanted: Any) -> Sequence[Any]:
        found: Sequence[Any] = client.read_flow_runs(
            flow_run_filter=FlowRunFilter.model_validate(
                {**wanted, "state": {"type": {"not_any_": ["SCHEDULED"]}}}
            ),
            sort=FlowRunSort.START_TIME_DESC,
            limit=limit,
        )
        return found

    try:
        return client.read_flow_run(UUID(name))
    except ValueError:
        found = newest() if name == "last" else newest(name={"any_": [name]})
    except ObjectNotFound:
        found = ()
    if not found and name != "last":
        similar = newest(limit=PAGE, name={"like_": name})
        found = [one for one in similar if one.name.startswith(name)]
    if found:
        return found[0]
    there = ", ".join(one.name for one in newest(limit=5)) or "none at all"
    raise NoSuchRun(f"there is no run {name!r}; the newest are: {there}")


def chosen(
    lines: Iterator[Line], *, market: str | None, worker: str | None, level: int
) -> Iterator[Line]:
    """The lines of a market, of workers whose name or host contains a text, from a level on."""
    tests: list[Callable[[Line], bool]] = [lambda line: line.level >= level]
    if market is not None:
        tests.append(lambda line: line.market == market or _names(line, market))
    if worker is not None:
        tests.append(lambda line: worker in f"{line.worker or 'flow'}@{line.host or ''}")
    return (line for line in lines if all(test(line) for test in tests))


def _names(line: Line, market: str) -> bool:
    """Whether a line that is about no one market names this one."""
    words = set(re.findall(r"[A-Za-z0-9_]+", f"{line.message} {line.task_run or ''}"))
    return line.market is None and market in words
