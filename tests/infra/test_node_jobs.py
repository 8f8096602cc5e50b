"""A queue drives nodes, each a job: from none to two and back, one of them killed meanwhile."""

import asyncio
import os
import signal
import subprocess
import sys
import threading
import time
from collections.abc import Callable, Coroutine, Iterator
from pathlib import Path
from types import SimpleNamespace
from typing import Any

import psutil
import pytest
from distributed import Client
from prefect.context import FlowRunContext

from restock.infra import node_jobs, runners
from restock.infra.cloud_jobs import JobSpec, JobState, Phase
from restock.infra.node_jobs import Nodes, ServiceAway, keep
from restock.infra.node_services import source
from restock.infra.node_workers import Load
from restock.infra.placement import Offers, place
from restock.infra.processes import free_port
from restock.infra.runners import offers_here
from restock.infra.settings import SettingsError, load_settings

PATIENCE_SECONDS = 240


@pytest.fixture
def scheduler(tmp_path: Path) -> Iterator[str]:
    port = free_port()
    options = f"--host 127.0.0.1 --port {port} --dashboard-address 127.0.0.1:0"
    process = subprocess.Popen(
        [sys.executable, "-m", "distributed.cli.dask_scheduler", *options.split()],
        stdout=subprocess.DEVNULL,
        stderr=subprocess.DEVNULL,
    )
    yield f"127.0.0.1:{port}"
    process.kill()
    process.wait()


@pytest.mark.platform
def test_the_queue_drives_nodes_and_one_that_is_killed_is_replaced(
    scheduler: str, tmp_path: Path
) -> None:
    done = tmp_path / "done"
    done.mkdir()
    options = f"--runner dask://{scheduler} --service local --offers GPU --min 0 --max 2"
    said = (tmp_path / "said.txt").open("w")
    giving = subprocess.Popen(
        [sys.executable, "-m", "restock.cli", "nodes", *options.split()],
        cwd=tmp_path,
        env={
            **os.environ,
            "RESTOCK_HOME": str(tmp_path / "home"),
            "RESTOCK_CORES": "1",
            "RESTOCK_DASK__IDLE_SECONDS": "2",
        },
        stdout=said,
        stderr=subprocess.STDOUT,
    )
    try:
        with Client(f"tcp://{scheduler}", timeout=120) as client:
            counts, killed = _drive(client, giving.pid, str(done))
        pieces = [tuple(map(int, path.name.split("-")[:2])) for path in done.iterdir()]
    finally:
        giving.terminate()
        assert giving.wait(60) == 0
        said.close()
    told = (tmp_path / "said.txt").read_text()
    assert counts[0] == counts[-1] == 0 and max(counts) == 2, (counts, told)
    # of what the killed node had done the results are lost with it, and done again
    lost = {number for number, node in pieces if node == killed}
    kept = sorted(number for number, node in pieces if node != killed)
    assert lost and kept == list(range(len(kept)))
    assert told.count(" started as job ") == 3, told
    assert "failed: its first node was killed by SIGKILL" in told
    assert not psutil.pid_exists(killed)


def _drive(client: Client, giving: int, done: str) -> tuple[list[int], int]:
    """Keep the queue long until two nodes work, kill one, wait until it is replaced, then stop."""

    def work(number: int) -> int:  # travels by value
        import os
        import time
        import uuid
        from pathlib import Path

        time.sleep(0.3)
        Path(done, f"{number}-{os.getpgid(0)}-{uuid.uuid4().hex}").touch()
        return number

    counts, killed, started = [0], 0, set[str]()
    futures = []
    until = time.monotonic() + PATIENCE_SECONDS
    while len(started) < 3 or futures or counts[-1] > 0:
        assert time.monotonic() < until, (counts, started)
        workers = client.scheduler_info(n_workers=-1)["workers"].values()
        names = {str(one["name"]).rpartition("-")[0] for one in workers}
        started |= names
        if counts[-1] != len(names):
            counts.append(len(names))
        if len(names) == 2 and not killed:
            killed = _kill(giving, Path(done))
        if len(started) < 3:
            pending = sum(future.status == "pending" for future in futures)
            new = range(len(futures), len(futures) + 12 - pending)
            futures += [
                client.submit(work, number, resources={"GPU": 1}, pure=False) for number in new
            ]
        elif futures and all(future.done() for future in futures):
            assert client.gather(futures) == list(range(len(futures)))
            futures = []  # results that somebody wants are kept where they are
        time.sleep(0.1)
    return counts, killed


def _kill(giving: int, done: Path) -> int:
    """The machine of the first node goes away, with all that ran there; 0 if nothing has yet."""
    node = psutil.Process(giving).children()[0]
    if not any(f"-{node.pid}-" in piece.name for piece in done.iterdir()):
        return 0
    os.killpg(node.pid, signal.SIGKILL)
    return node.pid


class Cloud:
    """A service that starts whatever it is asked for, and is away when it shall cancel ``away``.

    answers: set while it answers who starts a job. phase: of all jobs; None: it is away.
    """

    def __init__(self, away: str = "") -> None:
        self.jobs, self.cancelled, self.away = 0, list[str](), away
        self.asked, self.answers = threading.Event(), threading.Event()
        self.answers.set()
        self.phase: Phase | None = Phase.RUNNING

    def start(self, spec: JobSpec) -> str:
        self.asked.set()
        assert self.answers.wait(PATIENCE_SECONDS)
        if self.phase is None:
            raise ConnectionError("no answer")
        self.jobs += 1
        return f"job-{self.jobs}"

    def state(self, job: str) -> JobState:
        if self.phase is None:
            raise ConnectionError("no answer")
        return JobState(self.phase)

    def cancel(self, job: str) -> None:
        if job == self.away:
            raise ConnectionError("no answer")
        self.cancelled.append(job)

    def log(self, job: str, start: int) -> str:
        return ""


def nodes_of(
    cloud: Cloud,
    between: tuple[int, int],
    said: list[str],
    home: Path,
    monkeypatch: pytest.MonkeyPatch,
    names: frozenset[str] = frozenset(),
) -> tuple[Nodes, Callable[[], Coroutine[Any, Any, None]]]:
    """Nodes of a cluster whose queue is empty, and what adapts them. names: of its workers."""

    async def look(*_: object) -> Load:
        return Load(0, 0, names, frozenset())

    monkeypatch.setattr(node_jobs, "look", look)
    settings = load_settings(home=home)
    spec = source("local", settings, {}).spec
    made = Nodes(cloud, lambda name: spec(name, "", ""), {}, settings, between, said.append)
    client: Any = None
    return made, lambda: made.adapt(client)


@pytest.mark.unit
def test_each_node_is_cancelled_at_the_end_and_people_hear_of_it(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    async def three_nodes() -> None:
        for _ in range(3):
            await adapt()
        await made.close()

    cloud, said = Cloud(away="job-2"), list[str]()
    made, adapt = nodes_of(cloud, (3, 3), said, tmp_path, monkeypatch)
    asyncio.run(three_nodes())
    assert cloud.cancelled == ["job-1", "job-3"]
    assert [line.split(maxsplit=2)[2] for line in said[3:]] == [
        "cancelled: this command ends",
        "may go on as job job-2: no answer",
        "cancelled: this command ends",
    ]


@pytest.mark.unit
@pytest.mark.parametrize("answers", [True, False])
def test_a_node_whose_start_is_interrupted_is_cancelled_or_named(
    answers: bool, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    async def interrupted() -> None:
        adapting = asyncio.ensure_future(adapt())
        assert await asyncio.to_thread(cloud.asked.wait, PATIENCE_SECONDS)
        adapting.cancel()
        await asyncio.sleep(0)  # it hears of that before the service answers
        cloud.phase = Phase.RUNNING if answers else None
        cloud.answers.set()
        with pytest.raises(asyncio.CancelledError):
            await adapting
        await made.close()

    cloud, said = Cloud(), list[str]()
    cloud.answers.clear()
    made, adapt = nodes_of(cloud, (1, 1), said, tmp_path, monkeypatch)
    asyncio.run(interrupted())
    assert cloud.cancelled == (["job-1"] if answers else [])
    (told,) = said
    assert ("cancelled: this command ends" if answers else "may have started node-") in told


@pytest.mark.unit
def test_a_start_without_an_answer_names_what_may_have_started(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    cloud = Cloud()
    cloud.phase = None
    _, adapt = nodes_of(cloud, (1, 1), [], tmp_path, monkeypatch)
    with pytest.raises(ServiceAway, match="no answer; it may have started node-.* all the same"):
        asyncio.run(adapt())


@pytest.mark.unit
def test_nodes_that_are_of_no_use_are_not_promised(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    cloud = Cloud()
    made, adapt = nodes_of(cloud, (1, 3), [], tmp_path, monkeypatch)
    asyncio.run(adapt())
    assert made.may_come() == 3  # one is on its way
    monkeypatch.setattr(node_jobs, "LATE_SECONDS", -1.0)
    assert made.may_come() == 0
    monkeypatch.undo()
    made, adapt = nodes_of(cloud, (1, 3), [], tmp_path, monkeypatch)
    cloud.phase = Phase.FAILED
    for _ in range(3):
        assert made.may_come() == 3
        asyncio.run(adapt())
    assert made.may_come() == 0  # two in a row have failed


@pytest.mark.platform
def test_flows_count_on_nodes_that_only_their_work_will_start(
    scheduler: str, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(runners, "WORKER_SECONDS", 0.0)
    settings = load_settings(home=tmp_path, runner=f"dask://{scheduler}")
    cloud, spec = Cloud(), source("local", settings, {}).spec
    made = Nodes(cloud, lambda name: spec(name, "", ""), {"GPU": 1}, settings, (0, 3), print)

    def offered() -> Offers:
        runner: Any = SimpleNamespace(client=client)
        with FlowRunContext.model_construct(task_runner=runner):
            try:
                return offers_here(settings)
            except ValueError as error:
                assert "restock workers --runner dask://" in str(error)
                return Offers(slots={})

    async def until(wanted: dict[str, int]) -> None:
        end = time.monotonic() + PATIENCE_SECONDS
        while (offers := await asyncio.to_thread(offered)).slots != wanted:
            assert time.monotonic() < end, offers
            await asyncio.sleep(0.1)

    async def through() -> None:
        keeping = asyncio.ensure_future(keep(settings, made, 0.1, print))
        await until({"CPU": 3, "GPU": 3})
        work = client.submit(sum, [1], resources={"GPU": 1})
        assert await asyncio.to_thread(cloud.asked.wait, PATIENCE_SECONDS)
        cloud.phase = None  # it is away
        await until({})
        cloud.phase = Phase.RUNNING
        await until({"CPU": 3, "GPU": 3})
        assert place(["gru"], {}, offered()).where == {"gru": "GPU"}
        work.cancel()
        keeping.cancel()
        await keeping

    with Client(f"tcp://{scheduler}", timeout=120, set_as_default=False) as client:
        assert offered().slots == {}
        asyncio.run(through())
        assert offered().slots == {}


@pytest.mark.unit
def test_a_scheduler_that_is_not_there_is_named(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(node_jobs, "ANSWER_SECONDS", 0.2)
    nobody = f"127.0.0.1:{free_port()}"
    settings = load_settings(home=tmp_path, runner=f"dask://{nobody}")
    made = Nodes(Cloud(""), pytest.fail, {}, settings, (0, 1), print)
    with pytest.raises(ConnectionError, match=f"the scheduler tcp://{nobody} does not answer"):
        asyncio.run(keep(settings, made, 1.0, print))


@pytest.mark.unit
def test_where_nodes_come_from_is_checked_before_anybody_is_asked(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    here = load_settings(home=tmp_path)
    with pytest.raises(ValueError, match="jobs of local have no variables: compute"):
        source("local", here, {"compute": "x"})
    with pytest.raises(SettingsError, match="is a folder of this machine"):
        source("azureml", here, {"compute": "gpu-low"})
    shared = load_settings(home=tmp_path, storage="azure://shop/restock")
    with pytest.raises(SettingsError, match="set RESTOCK_AZUREML__SUBSCRIPTION"):
        source("azureml", shared, {"compute": "gpu-low", "environment": "azureml:restock-gpu:1"})
    spec = source("local", here, {}).spec("node-1", "tls://h:1", "GPU")
    assert spec.command[-6:] == ["--runner", "tls://h:1", "--offers", "GPU", "--name", "node-1"]


@pytest.mark.platform
def test_a_node_that_is_ended_while_its_worker_starts_leaves_nothing(
    scheduler: str, tmp_path: Path
) -> None:
    node = subprocess.Popen(
        [sys.executable, "-m", "restock.cli", "workers", "--runner", f"dask://{scheduler}"],
        cwd=tmp_path,
        env={**os.environ, "RESTOCK_HOME": str(tmp_path / "home"), "RESTOCK_CORES": "1"},
    )
    try:
        until = time.monotonic() + PATIENCE_SECONDS
        while not (family := _workers(node.pid)):
            assert node.poll() is None and time.monotonic() < until
            time.sleep(0.02)
        node.terminate()
        assert node.wait(120) == 0
    finally:
        node.kill()
    assert not psutil.wait_procs(family, timeout=120)[1]


def _workers(node: int) -> list[psutil.Process]:
    """Its worker processes that have read what they are: they have threads."""
    children = psutil.Process(node).children(recursive=True)
    spawned = [one for one in children if "spawn_main" in " ".join(one.cmdline())]
    return [one for one in spawned if one.num_threads() > 1]
