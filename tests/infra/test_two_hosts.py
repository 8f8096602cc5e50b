"""One platform on two hosts that share nothing: server and store on one, workers on both."""

import json
import logging
import sys
from collections.abc import Iterator
from typing import Any

import pytest
from contracts.debugging import Debugger, line_of
from contracts.hosted import COMMAND, Platform
from contracts.hosts import forwarded, two_hosts
from contracts.nights import write_orders

from restock.dataset import load_sample
from restock.infra.processes import free_port

pytestmark = pytest.mark.platform
FLOW = """
import logging, os, signal, warnings
from importlib import import_module
from pathlib import Path
from joblib import Parallel, delayed
from prefect import flow, task
from restock.infra import logs
from restock.infra.gather import gather
from restock.infra.in_run import in_run
from restock.infra.placement import asking
from restock.infra.runners import offers_here
from restock.infra.settings import load_settings

def speak(worker):
    logging.getLogger("a.library").warning("%s of another library", worker)
    logging.getLogger("restock.toy").info("%s of our own", worker)
    warnings.warn(f"{worker} of python")
    return os.getpid()

@task(task_run_name="die")
def die():
    grave = Path("grave")
    if grave.exists():
        logging.getLogger("a.library").warning("risen again")
        return
    with logs.about("FR"):
        Parallel(2, backend="loky")([delayed(in_run(speak))("far-child")])
        grave.touch()
        speak("far")
    os.kill(os.getpid(), signal.SIGKILL)

@task(task_run_name="import {package}")
def use(package):
    logging.getLogger("a.library").warning(import_module(package).__name__)

def twice(n):  # a task itself travels with the path that it has at home
    found = 2 * n
    return found

@task(task_run_name="halt")
def halt(n):
    return twice(n)

@flow(name="halting")
def halting():
    with asking({"HALT": 1}):
        assert halt.submit(21).result() == 42

@flow(name="toy")
def toy():
    print("begun", flush=True)
    offers = offers_here(load_settings())
    work = {
        "die": (die, (), {"FAR": 1}),
        "torch": (use, ("torch",), offers.needs("GPU")),
        "pyspark": (use, ("pyspark",), offers.needs("SPARK")),
    }
    def submit(name):
        task, arguments, needs = work[name]
        with asking(needs):
            return task.submit(*arguments)
    done = gather({name: submit(name) for name in work}, submit)
    assert not done.failures, done.failures
    logging.getLogger("a.library").warning("ended")
"""
QUEUE = """
import os, time, uuid
from pathlib import Path

def work(n):
    Path("done").mkdir(exist_ok=True)
    Path("done", f"{n}-{uuid.uuid4().hex}").touch()
    time.sleep(0.5)
    return n
"""
SCALE = """
import json, time
from distributed import Client
from restock.infra.runners import scheduler_address, security
from restock.infra.settings import load_settings
from restock_queue import work

settings = load_settings()
seen, futures = [], []

def workers():
    found = client.scheduler_info(n_workers=-1)["workers"].values()
    return sum("GPU" in one["resources"] for one in found)

def see():
    if seen[-1:] != [workers()]:
        seen.append(workers())

with Client(scheduler_address(settings.runner), security=security(settings)) as client:
    until = time.monotonic() + 90
    client.wait_for_workers(4, timeout=60)
    see()
    while seen[-1] < 3 and time.monotonic() < until:  # the queue is kept long
        pending = sum(not one.done() for one in futures)
        more = range(len(futures), len(futures) + 12 - pending)
        futures += [client.submit(work, n, resources={"GPU": 1}, pure=False) for n in more]
        see()
        time.sleep(0.1)
    while seen[-1] > 1 and time.monotonic() < until:
        see()
        time.sleep(0.1)
    print(json.dumps({"seen": seen, "results": client.gather(futures)}))
"""


@pytest.fixture(scope="module")
def platform(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Platform]:
    folder = tmp_path_factory.mktemp("hosts")
    with two_hosts(folder) as (near, far):
        for host in (near, far):
            (host.folder / "code").mkdir()
            (host.folder / "code" / "restock_toy.py").write_text(FLOW)
            (host.folder / "code" / "restock_queue.py").write_text(QUEUE)
        platform = Platform(near, far, folder)
        platform.worker(near, "near", "CPU=1")
        platform.worker(far, "far", "CPU=1 FAR=1")
        platform.worker(far, "spark", "SPARK=1", without="torch")
        platform.worker(near, "torch", "GPU=1", without="pyspark")
        yield platform


def test_what_a_worker_on_the_other_host_says_is_heard_though_it_is_killed(
    platform: Platform,
) -> None:
    run = platform.flow("toy")
    assert run.stdout and run.stdout.readline() == "begun\n", platform.near.errors(run)
    tail = platform.restock("logs", "toy", "-f", "--json")
    assert run.wait(120) == 0, platform.near.errors(run)
    told, _ = tail.communicate(timeout=60)
    lines = platform.lines("toy")
    heard = sorted((one["time"], one["message"]) for one in map(json.loads, told.splitlines()))
    assert heard == sorted((one["time"], one["message"]) for one in lines)
    said: dict[str, Any] = {}
    for line in lines:
        said.setdefault(line["message"].split(": ")[-1].split("\n")[0], []).append(line)
    for words, logger, level in (
        ("of another library", "a.library", logging.WARNING),
        ("of our own", "restock.toy", logging.INFO),
        ("of python", "py.warnings", logging.WARNING),
    ):
        for worker in ("far", "far-child"):
            (line,) = said[f"{worker} {words}"]
            assert (line["logger"], line["level"], line["worker"]) == (logger, level, worker)
            assert (line["host"], line["task_run"]) == (platform.far.name, "die")
            assert line["market"] == "FR"
    assert [line["worker"] for line in said["risen again"]] == ["far"]
    assert [line["worker"] for line in said["ended"]] == [None]
    for package, worker in (("torch", "torch"), ("pyspark", "spark")):  # only they have it
        assert [line["worker"] for line in said[package]] == [worker]


def test_one_night_runs_on_both_hosts(platform: Platform) -> None:
    frame = load_sample().orders
    orders = write_orders(
        platform.near.folder / "orders.parquet", frame[frame["market"].isin(["BE", "DE"])]
    )
    night = platform.restock("retrain", "--orders", str(orders), "--json")
    out, _ = night.communicate(timeout=200)
    assert night.returncode == 0, platform.near.errors(night)
    markets = json.loads(out)["markets"]
    assert {one["market"]: one["state"] for one in markets} == dict.fromkeys(
        ("BE", "DE"), "published"
    )
    # the other two offer no CPU
    assert {line["worker"] for line in platform.lines("last")} == {None, "near", "far"}
    assert not (platform.far.folder / ".restock" / "store").exists()


def test_no_secret_is_in_a_log_or_in_what_is_left_on_a_disk(platform: Platform) -> None:
    """After a flow and a night: in no file of theirs, the server's database among them."""
    files = [
        path
        for host in (platform.near, platform.far)
        for path in host.folder.rglob("*")
        if path.is_file() and not path.is_symlink()
    ]
    assert any(path.name == "prefect.db" for path in files)
    held = {path: path.read_bytes() for path in files}
    server = b"".join(text for path, text in held.items() if path.name.startswith("prefect.db"))
    assert b"toy" in server and b"retrain" in server  # both have run
    assert all(platform.secrets)
    telling = [
        path for path, text in held.items() if any(one.encode() in text for one in platform.secrets)
    ]
    assert telling == []


def test_the_queue_drives_workers_from_one_to_three_and_back_and_nothing_is_lost(
    platform: Platform,
) -> None:
    near, far = platform.near, platform.far
    scaling = {"workers_min": 0, "workers_max": 2, "tasks_per_worker": 2, "idle_seconds": 1}
    giving = far.start(
        *(sys.executable, "-c", COMMAND, "workers", "--offers", "GPU"),
        **platform.environment(far),
        **{f"RESTOCK_DASK__{name.upper()}": str(value) for name, value in scaling.items()},
    )
    driver = near.start(sys.executable, "-c", SCALE, **platform.environment(near))
    out, _ = driver.communicate(timeout=200)
    assert driver.returncode == 0, near.errors(driver) + far.errors(giving)
    came = json.loads(out)
    assert came["seen"] == [1, 2, 3, 2, 1], far.errors(giving)
    assert came["results"] == list(range(len(came["results"])))
    here, there = (list((host.folder / "done").iterdir()) for host in (near, far))
    assert here and there
    once = sorted(int(path.name.split("-")[0]) for path in here + there)
    assert once == came["results"]  # and no work was done twice
    giving.terminate()
    assert giving.wait(30) == 0


def test_a_breakpoint_is_hit_on_the_other_host(platform: Platform) -> None:
    far, flow = platform.far, free_port()
    platform.worker(far, "halted", "HALT=1", RESTOCK_DEBUG=str(flow))
    code = far.folder / "code" / "restock_toy.py"
    line = line_of(code, "return found")
    with forwarded(far, flow + 1) as port, Debugger({code: [line]}) as debugger:
        debugger.attach(port)
        run = platform.flow("halting")
        stop = debugger.next_stop()
        assert (stop.path, stop.line, stop.value("found")) == (code, line, "42")
        assert stop.value("__import__('socket').gethostname()") == repr(far.name)
        stop.go_on()
        assert run.wait(60) == 0, platform.near.errors(run)
