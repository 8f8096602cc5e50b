"""Breakpoints are hit in the flow, in Dask's workers and in Spark's, by a client of debugpy."""

import json
import os
import socket
import subprocess
import sys
from collections.abc import Callable, Iterator
from pathlib import Path

import pytest
from contracts.debugging import Debugger, line_of

from restock.dataset import load_sample
from restock.evaluation import contest
from restock.flows import retrain
from restock.infra import debugger
from restock.infra.processes import free_port

COMMAND = "from restock.cli.main import main; main()"
FLOW = """
from prefect import flow
from restock.infra.runners import task_runner, warm_up
from toy_tasks import frame_of

@flow(name="toy", task_runner=task_runner())
def toy():
    warm_up()
    rows = 3
    return frame_of.submit(rows).result()
"""
TASKS = """
from prefect import task
from restock.infra.spark import spark_session

def doubled(part):
    part["value"] = 2.0 * part["value"]
    return part

@task
def frame_of(rows):
    numbers = [(row % 2, float(row)) for row in range(rows)]
    frame = spark_session(1).createDataFrame(numbers, ["key", "value"])
    found = frame.groupBy("key").applyInPandas(doubled, frame.schema)
    return sorted(found.toPandas()["value"])
"""
RUN = """
from restock.infra.settings import load_settings
from restock.infra.prefect_env import connect

if __name__ == "__main__":
    with connect(load_settings()):
        from toy_flow import toy
        print(toy())
"""
Start = Callable[..., "subprocess.Popen[str]"]


@pytest.fixture
def start(tmp_path: Path, prefect_api: str) -> Iterator[Start]:
    """Start a Python process with these settings; it ends with the test."""
    started = []

    def start(
        *arguments: str, stderr: int | None = None, **settings: object
    ) -> "subprocess.Popen[str]":
        mine = {f"RESTOCK_{name}": str(value) for name, value in settings.items()}
        path = os.pathsep.join([str(tmp_path), os.environ.get("PYTHONPATH", "")])
        env = {**os.environ, **mine, "PREFECT_API_URL": prefect_api, "PYTHONPATH": path}
        env |= {"RESTOCK_HOME": str(tmp_path / "home"), "RESTOCK_CORES": "1"}
        env.pop("PYTHONDONTWRITEBYTECODE", None)
        process = subprocess.Popen(
            [sys.executable, *arguments],
            env=env,
            cwd=tmp_path,
            text=True,
            stdout=subprocess.PIPE,
            stderr=stderr,
        )
        started.append(process)
        return process

    yield start
    for process in started:
        process.terminate()
        process.wait(30)


@pytest.mark.platform
def test_the_flow_and_the_workers_that_it_starts_are_one_session(
    start: Start, tmp_path: Path
) -> None:
    orders, port = tmp_path / "orders.parquet", free_port()
    frame = load_sample().orders
    frame[frame["market"] == "BE"].to_parquet(orders)
    in_flow, in_worker = Path(retrain.__file__), Path(contest.__file__)
    flow_line = line_of(in_flow, "decided = tasks.choose")
    worker_line = line_of(in_worker, "folds: list")
    command = ("retrain", "--orders", str(orders), "--runner", "dask", "--json")
    run = start("-c", COMMAND, *command, DEBUG=port)
    with Debugger({in_flow: [flow_line], in_worker: [worker_line]}) as debugger:
        debugger.attach(port)
        stop = debugger.next_stop()
        assert (stop.path, stop.line) == (in_worker, worker_line)
        assert stop.session > 0 and stop.value("unit.markets[0]") == "'BE'"
        while stop.session > 0:
            stop.go_on()
            stop = debugger.next_stop()
        assert (stop.path, stop.line) == (in_flow, flow_line)
        assert stop.value("judged.failures") == "[]"
        stop.go_on()
        out, _ = run.communicate(timeout=240)
    assert [one["state"] for one in json.loads(out)["markets"]] == ["published"]
    assert run.returncode == 0


@pytest.mark.platform
def test_workers_of_another_cluster_have_ports_of_their_own_and_spark_joins_its_driver(
    start: Start, tmp_path: Path
) -> None:
    mine = tmp_path / "mine"  # what the editor shows, of files that run elsewhere
    mine.mkdir()
    for name, text in {"toy_flow": FLOW, "toy_tasks": TASKS, "run": RUN}.items():
        for folder in (tmp_path, mine):
            (folder / f"{name}.py").write_text(text)
    scheduler, port = free_port(), free_port()
    dask = ["-m", "distributed.cli.dask_scheduler", "--host", "127.0.0.1", "--no-dashboard"]
    start(*dask, "--port", str(scheduler))
    worker = ["-m", "distributed.cli.dask_worker", f"tcp://127.0.0.1:{scheduler}"]
    worker += ["--host", "127.0.0.1", "--no-dashboard", "--nthreads", "1"]
    start(*worker, "--preload", "restock.infra.dask_preload", DEBUG=port)
    flow, tasks = mine / "toy_flow.py", mine / "toy_tasks.py"
    lines = [line_of(flow, "return"), line_of(tasks, "found = "), line_of(tasks, "return part")]
    paths = [{"localRoot": str(mine), "remoteRoot": str(tmp_path)}]
    with Debugger({flow: lines[:1], tasks: lines[1:]}) as debugger:
        debugger.attach(port + 1, pathMappings=paths)
        run = start(str(tmp_path / "run.py"), RUNNER=f"dask://127.0.0.1:{scheduler}", DEBUG=port)
        debugger.attach(port, pathMappings=paths)
        seen: list[tuple[int, Path, int, str]] = []
        for asked in ("rows", "numbers", "sorted(part['value'])", "sorted(part['value'])"):
            stop = debugger.next_stop()
            seen.append((stop.session, stop.path, stop.line, stop.value(asked)))
            stop.go_on()
        out, _ = run.communicate(timeout=240)
    assert seen[0] == (1, flow, lines[0], "3")
    assert seen[1] == (0, tasks, lines[1], "[(0, 0.0), (1, 1.0), (0, 2.0)]")
    assert {(path, line) for _, path, line, _ in seen[2:]} == {(tasks, lines[2])}
    assert all(session > 1 for session, *_ in seen[2:])
    assert sorted(value for *_, value in seen[2:]) == ["[0.0, 4.0]", "[2.0]"]
    assert out.splitlines()[-1] == "[0.0, 2.0, 4.0]"


@pytest.mark.platform
def test_a_port_that_is_taken_and_a_missing_extra_are_told_before_anything_starts(
    start: Start, monkeypatch: pytest.MonkeyPatch
) -> None:
    with socket.socket() as other:
        other.bind(("127.0.0.1", 0))
        other.listen()
        port = other.getsockname()[1]
        run = start("-c", COMMAND, "retrain", DEBUG=port, stderr=subprocess.PIPE)
        _, said = run.communicate(timeout=120)
    assert run.returncode == 2 and f"port {port} of 127.0.0.1 is taken" in said
    monkeypatch.setattr("restock.models.requirements.find_spec", lambda _: None)
    with pytest.raises(ImportError, match=r"pip install 'restock\[debug\]'"):
        debugger.check(free_port())


@pytest.mark.thorough
@pytest.mark.unit
def test_without_a_debugger_nothing_of_it_is_there() -> None:
    code = (
        "import sys; from restock.infra import debugger, runners, spark; import restock.cli.main;"
        "assert debugger.session() is None and not spark._debugged();"
        "assert not {'debugpy', 'pydevd'} & sys.modules.keys()"
    )
    subprocess.run([sys.executable, "-c", code], check=True)
