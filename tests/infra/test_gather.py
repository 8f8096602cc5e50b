"""The fan-in loses nothing: with real futures, and with workers that are killed in the middle."""

import concurrent.futures
import os
import signal
import sys
import threading
import time
from pathlib import Path

import cloudpickle  # type: ignore[import-untyped]
import pytest
from distributed.scheduler import KilledWorker

from restock.infra.gather import NotFinished, gather
from restock.infra.settings import Settings

# The workers cannot import a test module: they are sent its functions.
cloudpickle.register_pickle_by_value(sys.modules[__name__])


def _fail() -> int:
    raise ZeroDivisionError("the work itself")


@pytest.mark.unit
def test_errors_of_the_work_are_named_and_not_run_again() -> None:
    with concurrent.futures.ThreadPoolExecutor(2) as pool:
        seen: list[str] = []
        results, failures = gather(
            {"FR": pool.submit(lambda: 1), "DE": pool.submit(_fail), "IE": pool.submit(lambda: 3)},
            lambda name: pytest.fail(f"{name} was submitted again"),
            done=lambda name, _: seen.append(name),
        )
    assert results == {"FR": 1, "IE": 3} and list(results) == ["FR", "IE"]
    assert sorted(seen) == ["FR", "IE"]
    assert isinstance(failures["DE"], ZeroDivisionError) and list(failures) == ["DE"]


@pytest.mark.unit
def test_lost_work_is_submitted_again_a_bounded_number_of_times() -> None:
    submitted: list[str] = []

    def lost(name: str) -> concurrent.futures.Future[int]:
        submitted.append(name)
        future: concurrent.futures.Future[int] = concurrent.futures.Future()
        if name == "DE" and len(submitted) > 2:
            future.set_result(7)
        else:
            future.set_exception(KilledWorker("task", None, 3))
        return future

    results, failures = gather({"FR": lost("FR"), "DE": lost("DE")}, lost, retries=2)
    assert results == {"DE": 7}
    assert isinstance(failures["FR"], KilledWorker)
    assert submitted.count("FR") == 3 and submitted.count("DE") == 2


@pytest.mark.unit
def test_what_comes_in_may_bring_more_work() -> None:
    with concurrent.futures.ThreadPoolExecutor(2) as pool:

        def halve(name: str, number: int) -> dict[str, concurrent.futures.Future[int]]:
            return {f"{name}/2": pool.submit(lambda: number // 2)} if number > 1 else {}

        def instead(name: str, error: BaseException) -> dict[str, concurrent.futures.Future[int]]:
            assert isinstance(error, ZeroDivisionError)
            return {f"{name} again": pool.submit(lambda: 1)}

        results, failures = gather(
            {"8": pool.submit(lambda: 8), "bad": pool.submit(_fail)},
            lambda name: pytest.fail(f"{name} was submitted again"),
            done=halve,
            failed=instead,
        )
    assert results == {"8": 8, "8/2": 4, "8/2/2": 2, "8/2/2/2": 1, "bad again": 1}
    assert list(failures) == ["bad"]


@pytest.mark.unit
def test_what_brings_no_hope_is_not_waited_for(monkeypatch: pytest.MonkeyPatch) -> None:
    from restock.infra import gather as module

    monkeypatch.setattr(module, "SECONDS_OF_HOPE", 0.05)
    never: concurrent.futures.Future[int] = concurrent.futures.Future()
    replaced: list[str] = []
    results, failures = gather(
        {"FR": never},
        lambda _: never,
        failed=lambda name, error: replaced.append(f"{name}: {error}"),
        hopeless=lambda pending: dict.fromkeys(pending, "no worker offers GPU any more"),
    )
    assert not results and never.cancelled()
    assert isinstance(failures["FR"], NotFinished)
    assert str(failures["FR"]) == "no worker offers GPU any more"
    assert replaced == ["FR: no worker offers GPU any more"]


@pytest.mark.platform
def test_a_flow_survives_killed_workers_and_names_what_is_missing(
    prefect_api: str,
    server_settings: Settings,
    tmp_path: Path,
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    """Markets beside the poisoned one come back, wherever they ran; the run says who is lost."""
    from prefect import flow, task
    from prefect.client.orchestration import get_client

    from restock.infra import runners

    ours = runners.cluster_config
    at_once = {"distributed.scheduler.allowed-failures": 0}  # fewer restarts of workers
    monkeypatch.setattr(runners, "cluster_config", lambda made: {**ours(made), **at_once})

    @task(persist_result=False)
    def judge(market: str, folder: str) -> str:
        starts = Path(folder) / f"{market}.{os.getpid()}"
        starts.write_text("")
        if market == "poison":
            os.kill(os.getpid(), signal.SIGKILL)
        if market == "FR" and len(list(Path(folder).glob("FR.*"))) == 1:
            time.sleep(60)  # killed from outside meanwhile
        return f"{market} judged"

    def kill_the_first_judge_of_france() -> None:
        until = time.monotonic() + 60
        while time.monotonic() < until:
            if begun := list(tmp_path.glob("FR.*")):
                time.sleep(4)  # the server hears that it runs
                os.kill(int(begun[0].suffix[1:]), signal.SIGKILL)
                return
            time.sleep(0.05)

    missing: dict[str, BaseException] = {}

    @flow(task_runner=runners.task_runner(server_settings))
    def night() -> list[str]:
        threading.Thread(target=kill_the_first_judge_of_france).start()
        futures = {name: judge.submit(name, str(tmp_path)) for name in ("FR", "DE", "poison", "IE")}
        results, failures = gather(
            futures, lambda name: judge.submit(name, str(tmp_path)), retries=2
        )
        missing.update(failures)
        return list(results.values())

    assert night() == ["FR judged", "DE judged", "IE judged"]
    assert list(missing) == ["poison"] and isinstance(missing["poison"], KilledWorker)

    client = get_client(sync_client=True)
    until = time.monotonic() + 20
    while time.monotonic() < until:
        states = {run.id: run.state_name for run in client.read_task_runs() if run.state}
        if "Crashed" in states.values() and "Running" not in states.values():
            break
        time.sleep(0.5)
    assert "Crashed" in states.values() and "Running" not in states.values(), states
