"""Flows as jobs of the pool for Azure ML, whose nodes are processes of this machine."""

import os
import re
import subprocess
import sys
import time
from collections.abc import Callable, Iterator
from contextlib import suppress
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import psutil
import pytest
from contracts.certificates import Authority
from contracts.nights import MARKETS, published

from restock.infra.local_store import LocalStore

pytestmark = pytest.mark.platform
COMMAND = "from restock.cli.main import main; main()"
PATIENCE_SECONDS = 240


@dataclass
class Pool:
    """folder: of the worker; its home is in it. environment: of the worker and its jobs."""

    folder: Path
    environment: dict[str, str]
    worker: subprocess.Popen[bytes]

    def submit(self, *arguments: str) -> subprocess.CompletedProcess[str]:
        return subprocess.run(
            [sys.executable, "-c", COMMAND, "submit", "azureml", *arguments],
            env=self.environment,
            cwd=self.folder,
            capture_output=True,
            text=True,
        )

    def detached(self, orders: Path) -> str:
        """Id of a run on one node."""
        done = self.submit("retrain", "--orders", str(orders), "--job", "compute=local", "--detach")
        assert done.returncode == 0, done.stderr
        found = re.search(r"prefect flow-run cancel (\S+)", done.stderr)
        assert found and done.stdout.split() == [found[1]], done.stdout + done.stderr
        return found[1]

    def nodes(self, run: str) -> list[psutil.Process]:
        """The nodes of a run's job that live."""
        found = []
        for process in psutil.Process(self.worker.pid).children(recursive=True):
            with suppress(psutil.NoSuchProcess):
                script = "restock.infra.azureml" in process.cmdline()  # which a zombie has not
                if script and process.environ().get("PREFECT__FLOW_RUN_ID") == run:
                    found.append(process)
        return found


@pytest.fixture(scope="module")
def pool(api: str, tmp_path_factory: pytest.TempPathFactory) -> Iterator[Pool]:
    """A worker of the pool, with certificates for the nodes of its jobs."""
    folder = tmp_path_factory.mktemp("pool")
    authority = Authority()
    authority.publish(folder / "ca.pem")
    authority.issue(folder, "127.0.0.1")
    (folder / "prefect").mkdir()
    environment = {
        **{name: value for name, value in os.environ.items() if not name.startswith("PREFECT_")},
        "PREFECT_API_URL": api,
        "PREFECT_HOME": str(folder / "prefect"),
        "PREFECT_WORKER_QUERY_SECONDS": "1",
        "RESTOCK_HOME": str(folder / "home"),
        "RESTOCK_CORES": "1",
        "RESTOCK_DASK__TLS_CA_FILE": str(folder / "ca.pem"),
        "RESTOCK_DASK__TLS_CERT": str(folder / "cert.pem"),
        "RESTOCK_DASK__TLS_KEY": str(folder / "key.pem"),
    }
    deploy = "restock.infra.deploy --folder azureml --other-flows"
    done = subprocess.run(
        [sys.executable, "-m", *deploy.split()],
        env=environment,
        cwd=folder,
        capture_output=True,
        text=True,
    )
    assert done.returncode == 0, done.stderr
    with (folder / "worker.txt").open("wb") as output:
        worker = subprocess.Popen(
            [sys.executable, "-m", "prefect", "worker", "start", "--pool", "azureml"],
            env=environment,
            cwd=folder,
            stdout=output,
            stderr=subprocess.STDOUT,
        )
    try:
        yield Pool(folder, environment, worker)
    finally:
        family = [psutil.Process(worker.pid), *psutil.Process(worker.pid).children(recursive=True)]
        for process in family:
            with suppress(psutil.NoSuchProcess):
                process.kill()
        worker.wait()


@pytest.fixture
def client(api: str) -> Iterator[Any]:
    """Of the server."""
    from prefect.client.orchestration import get_client
    from prefect.settings import PREFECT_API_URL, temporary_settings

    with temporary_settings({PREFECT_API_URL: api}), get_client(sync_client=True) as client:
        yield client


@pytest.fixture
def state(client: Any) -> Callable[[str], Any]:
    """The state of a run."""
    return lambda run: client.read_flow_run(run).state


@pytest.fixture
def log(client: Any) -> Callable[[str], str]:
    """What was said in a run."""
    from restock.infra.run_log import RunLog, find_run

    def log(run: str) -> str:
        lines = RunLog(client, find_run(client, run)).read()
        return "\n".join(line.message for _, line in lines)

    return log


def until(holds: Callable[[], Any]) -> Any:
    """What a condition comes to, when it holds."""
    end = time.monotonic() + PATIENCE_SECONDS
    while not (found := holds()):
        assert time.monotonic() < end, "it never came"
        time.sleep(0.2)
    return found


def test_a_night_on_three_nodes_publishes_what_threads_publish(
    pool: Pool, nights, orders: Path
) -> None:
    _, alone = nights()
    done = pool.submit(
        *("retrain", "--orders", str(orders), "--job", "compute=local", "--nodes", "3")
    )
    assert done.returncode == 0, done.stdout + done.stderr
    assert "scheduler on tls://127.0.0.1" in done.stdout  # which the first node says
    workers = set(re.findall(r"(\S+-\d+-\d+)@\S+ judge", done.stdout))
    assert len(workers) > 1, done.stdout
    together = published(LocalStore(pool.folder / "home" / "store"))
    assert sorted(together) == sorted(MARKETS)
    assert together == published(LocalStore(alone))


def test_a_job_that_is_killed_crashes_its_run_and_one_that_is_cancelled_ends(
    pool: Pool, state: Callable[[str], Any], log: Callable[[str], str], orders: Path
) -> None:
    killed, cancelled = pool.detached(orders), pool.detached(orders)
    until(lambda: state(killed).is_running())
    (node,) = pool.nodes(killed)
    node.kill()  # what it started goes away with it, and does not say that the run failed
    until(lambda: state(cancelled).is_running())
    subprocess.run(
        [sys.executable, "-m", "prefect", "flow-run", "cancel", cancelled],
        env=pool.environment,
        cwd=pool.folder,
        check=True,
        capture_output=True,
    )
    until(lambda: state(killed).is_final())
    assert state(killed).is_crashed()
    assert "failed: its first node was killed by SIGKILL" in state(killed).message
    until(lambda: state(cancelled).is_final())
    assert state(cancelled).is_cancelled()
    until(lambda: not pool.nodes(cancelled))
    until(lambda: re.search("has ended, and its run is Cancel", log(cancelled)))
