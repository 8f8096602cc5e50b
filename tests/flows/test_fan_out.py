"""What is said of batches on their way."""

import concurrent.futures
from collections.abc import Sequence
from pathlib import Path
from typing import Any, NamedTuple

import pytest
from distributed.scheduler import KilledWorker

from restock.tasks.fan_out import fan_out


class Market(NamedTuple):
    """A unit of work."""

    title: str


class Worker:
    """Stands for a task; the worker of its first batch is killed."""

    def __init__(self) -> None:
        self.tries = 0

    def submit(self, _: str, __: Any, units: Sequence[Market]) -> Any:
        self.tries += 1
        future: concurrent.futures.Future[list[str]] = concurrent.futures.Future()
        if self.tries == 1:
            future.set_exception(KilledWorker("judge-1", "tcp://10.0.0.5:1", 1))
        else:
            future.set_result([unit.title for unit in units])
        return future


@pytest.mark.unit
def test_a_batch_that_is_lost_is_named_by_its_markets(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch, caplog: pytest.LogCaptureFixture
) -> None:
    monkeypatch.setenv("RESTOCK_HOME", str(tmp_path))
    batches = [[Market(name) for name in names.split()] for names in ("PT", "FR DE IE")]
    worker: Any = Worker()
    done = fan_out(worker, None, batches, "judging")
    assert done == ([["PT"], ["FR", "DE", "IE"]], []) and worker.tries == 3
    said = [record.getMessage() for record in caplog.records if "lost" in record.getMessage()]
    assert said == ["judging PT (1 of 2) was lost with its worker (KilledWorker): again"]
