"""Several nodes of one job, each the real script in a process of its own, are one cluster."""

import os
import signal
import socket
import subprocess
import sys
from collections.abc import Callable, Iterator
from pathlib import Path

import psutil
import pytest
from contracts.certificates import Authority

from restock.infra.azureml.node import Place, joined, place, run
from restock.infra.azureml.vault import NotStarted
from restock.infra.processes import LOOPBACK, free_port
from restock.infra.settings import SettingsError, load_settings

Node = subprocess.Popen[str]
OF_PYTORCH = {
    "NODE_RANK": "2",
    "WORLD_SIZE": "3",
    "MASTER_ADDR": "10.0.0.4",
    "MASTER_PORT": "6105",
}
OF_MPI = {
    "OMPI_COMM_WORLD_RANK": "1",
    "OMPI_COMM_WORLD_SIZE": "2",
    "AZ_BATCH_MASTER_NODE": "10.0.0.4:6000",
}


@pytest.mark.unit
def test_a_node_learns_its_place_from_the_job() -> None:
    assert place(OF_PYTORCH) == Place(rank=2, nodes=3, leader="10.0.0.4", port=6105)
    assert place(OF_MPI) == Place(rank=1, nodes=2, leader="10.0.0.4")
    assert place({}) == Place(rank=0, nodes=1)


@pytest.mark.unit
@pytest.mark.parametrize("missing", ["WORLD_SIZE", "MASTER_ADDR", "MASTER_PORT"])
def test_half_a_place_is_none(missing: str) -> None:
    environment = {name: value for name, value in OF_PYTORCH.items() if name != missing}
    with pytest.raises(ValueError, match=f"{missing} is not set: start the job with"):
        place(environment)


@pytest.mark.unit
def test_nodes_do_not_talk_in_clear_text_beyond_one_machine(tmp_path: Path) -> None:
    settings = load_settings(home=tmp_path, cores=1)
    with pytest.raises(SettingsError, match="the scheduler on 10.0.0.4 would run what anybody"):
        joined(settings, place(OF_PYTORCH))
    assert joined(settings, Place(port=99)).runner == "dask://127.0.0.1:99"
    shown = {f"tls_{name}": tmp_path / name for name in ("ca_file", "cert", "key")}
    secure = joined(load_settings(home=tmp_path, cores=1, dask=shown), place(OF_PYTORCH))
    assert secure.runner == "tls://10.0.0.4:6105"


# The driver counts on two other nodes, has one of them killed while it works, and goes on.
DRIVER = """
import os, signal, sys, time
from pathlib import Path
from distributed import Client
from restock.infra.runners import scheduler_address, security
from restock.infra.settings import load_settings

def work(n):
    import os, time
    time.sleep(0.2)
    return os.getppid(), n  # a worker's parent is its node

settings = load_settings()
assert settings.runner.startswith("tls://"), settings.runner
with Client(scheduler_address(settings.runner), security=security(settings)) as client:
    client.wait_for_workers(3, timeout=120)
    futures = client.map(work, range(60), pure=False)
    nodes = {client.submit(work, 0, workers=[one], pure=False).result()[0]
             for one in client.scheduler_info(n_workers=-1)["workers"]}
    doomed = next(pid for pid in nodes if pid != os.getppid())
    os.kill(doomed, signal.SIGKILL)
    done = client.gather(futures)
    assert [n for _, n in done] == list(range(60))
print("nodes", len(nodes), "doomed", doomed, flush=True)
sys.exit(7)
"""


@pytest.fixture
def start(tmp_path: Path) -> Iterator[Callable[[int, int, int], Node]]:
    """Start a node of a job whose nodes have certificates."""
    authority = Authority()
    authority.publish(tmp_path / "ca.pem")
    authority.issue(tmp_path, "127.0.0.1")
    (tmp_path / "driver.py").write_text(DRIVER)
    started: list[Node] = []

    def start(rank: int, nodes: int, port: int) -> Node:
        node = subprocess.Popen(
            [sys.executable, "-m", "restock.infra.azureml", "--", sys.executable, "driver.py"],
            cwd=tmp_path,
            env={
                **os.environ,
                "NODE_RANK": str(rank),
                "WORLD_SIZE": str(nodes),
                "MASTER_ADDR": "127.0.0.1",
                "MASTER_PORT": str(port),
                "RESTOCK_CORES": "1",
                "RESTOCK_HOME": str(tmp_path / f"home-{rank}"),
                "RESTOCK_DASK__TLS_CA_FILE": str(tmp_path / "ca.pem"),
                "RESTOCK_DASK__TLS_CERT": str(tmp_path / "cert.pem"),
                "RESTOCK_DASK__TLS_KEY": str(tmp_path / "key.pem"),
            },
            stdout=subprocess.PIPE,
            stderr=subprocess.STDOUT,
            text=True,
            start_new_session=True,
        )
        started.append(node)
        return node

    yield start
    for node in started:
        if node.poll() is None:
            os.killpg(node.pid, signal.SIGKILL)
        node.communicate()


@pytest.mark.platform
def test_a_job_goes_on_without_a_node_that_dies_and_ends_as_its_command(
    start: Callable[[int, int, int], Node],
) -> None:
    port = free_port()
    others = [start(rank, 3, port) for rank in (2, 1)]  # they wait for the first
    first = start(0, 3, port)
    told, _ = first.communicate(timeout=300)
    assert first.returncode == 7, told
    assert "nodes 3" in told
    ends = {node.pid: node.wait(120) for node in others}
    doomed = int(told.split("doomed ")[1].split()[0])
    assert ends.pop(doomed) == -signal.SIGKILL
    assert list(ends.values()) == [0]


@pytest.mark.platform
def test_a_taken_port_and_a_program_that_is_not_there_are_named(tmp_path: Path) -> None:
    settings = load_settings(home=tmp_path, cores=1)
    with pytest.raises(NotStarted, match="restok cannot be started .*: write behind -- a program"):
        run(["restok"], Place(port=free_port()), settings)
    with socket.create_server((LOOPBACK, 0)) as taken:
        port = taken.getsockname()[1]
        with pytest.raises(NotStarted, match=f"listen on dask://{LOOPBACK}:{port} .*in use.*: end"):
            run(["true"], Place(port=port), settings)


INTERRUPTED = """
import asyncio, os, signal, sys
from restock.infra.azureml import node

async def start(*command, **more):
    driver = await really(*command, **more)
    print("command", driver.pid, flush=True)
    os.kill(os.getpid(), signal.SIGTERM)
    await asyncio.sleep(0.1)  # the loop hears of it before it hears of the command
    return driver

really, asyncio.create_subprocess_exec = asyncio.create_subprocess_exec, start
sys.exit(node.main())
"""


@pytest.mark.platform
def test_a_node_that_is_ended_while_its_command_starts_ends_it(tmp_path: Path) -> None:
    alone = {"NODE_RANK": "0", "WORLD_SIZE": "1", "MASTER_ADDR": LOOPBACK}
    alone |= {"MASTER_PORT": str(free_port()), "RESTOCK_HOME": str(tmp_path), "RESTOCK_CORES": "1"}
    done = subprocess.run(
        [sys.executable, "-c", INTERRUPTED, "--", "sleep", "30"],
        cwd=tmp_path,
        env={**os.environ, **alone},
        capture_output=True,
        text=True,
        timeout=120,
    )
    assert done.returncode == 128 + signal.SIGTERM, done.stderr
    assert f"the command ended with -{signal.SIGTERM:d}" in done.stdout
    command = int(done.stdout.split("command ")[1].split()[0])
    assert not psutil.pid_exists(command)
