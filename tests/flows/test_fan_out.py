"""What is said of batches on their way."""

import concurrent.futures
import sys
import threading
import time
from collections.abc import Sequence
from pathlib import Path
from typing import Any, NamedTuple

import cloudpickle  # type: ignore[import-untyped]
import pytest
from distributed import LocalCluster
from distributed.scheduler import KilledWorker

from restock.infra import gather, patience
from restock.infra.prefect_env import send_what_is_left
from restock.infra.runners import task_runner
from restock.tasks.fan_out import FannedIn, fan_out

# The workers cannot import a test module: they are sent its functions.
cloudpickle.register_pickle_by_value(sys.modules[__name__])


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


@pytest.mark.platform
def test_when_all_workers_are_gone_what_is_missing_is_named_with_the_remedy(
    api: str, tmp_path: Path, monkeypatch: pytest.MonkeyPatch, caplog: pytest.LogCaptureFixture
) -> None:
    from prefect import flow, task
    from prefect.settings import (
        PREFECT_API_URL,
        PREFECT_LOGGING_TO_API_WHEN_MISSING_FLOW,
        temporary_settings,
    )

    begun = tmp_path / "begun"

    @task(persist_result=False)
    def judge(title: str, _: None, units: Sequence[Market]) -> list[str]:
        if title == "FR":
            begun.touch()
            time.sleep(60)
        return [unit.title for unit in units]

    def take_the_workers() -> None:
        until = time.monotonic() + 60
        while not begun.exists() and time.monotonic() < until:
            time.sleep(0.05)
        cluster.scale(0)

    @flow
    def night() -> FannedIn:
        batches = [[Market(name) for name in names.split()] for names in ("PT", "FR", "DE IE")]
        return fan_out(judge, None, batches, "judging")

    monkeypatch.setattr(gather, "SECONDS_OF_HOPE", 0.1)
    monkeypatch.setattr(patience, "PATIENCE_SECONDS", 1.0)
    monkeypatch.setattr(patience, "TELL_SECONDS", 0.0)
    monkeypatch.setenv("RESTOCK_HOME", str(tmp_path))
    options = {"n_workers": 1, "threads_per_worker": 1, "dashboard_address": "127.0.0.1:0"}
    with (
        LocalCluster(**options, host="127.0.0.1") as cluster,
        temporary_settings(
            {PREFECT_API_URL: api, PREFECT_LOGGING_TO_API_WHEN_MISSING_FLOW: "ignore"}
        ),
    ):
        runner = cluster.scheduler_address.replace("tcp://", "dask://")
        monkeypatch.setenv("RESTOCK_RUNNER", runner)
        threading.Thread(target=take_the_workers).start()
        done = night.with_options(task_runner=task_runner())()
        send_what_is_left()
    assert done.results == [["PT"]]
    remedy = f"start some with restock workers --runner {runner}"
    why = f"NotFinished: no worker came within 0 minutes: {remedy}"
    assert done.failures == [(Market(name), why) for name in ("FR", "DE", "IE")]
    said = [one.getMessage() for one in caplog.records if one.name == patience.__name__]
    assert len(said) == 1 and "2 pieces of work" in said[0] and remedy in said[0]
