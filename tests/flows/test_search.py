"""A search as people run it: the same plans whatever happens on the way."""

import json
import os
import signal
import subprocess
import sys
from collections.abc import Callable, Iterator
from pathlib import Path
from typing import Any

import pandas as pd
import pytest

from restock.infra.local_store import LocalStore
from restock.infra.processes import free_port

pytestmark = pytest.mark.platform

Done = subprocess.CompletedProcess
TINY = ("--families", "reorder,popular,item_knn", "--trials", "16", "--json")

# Dask's workers import the main script too: the first one that works is killed at it.
A_WORKER_IS_KILLED_AT_WORK = """
import os, signal
from pathlib import Path
from restock.tuning import running

def run(*arguments, _run=running.run, **more):
    outcomes = _run(*arguments, **more)
    try:
        Path({died!r}).open("x").close()
    except FileExistsError:
        return outcomes
    os.kill(os.getpid(), signal.SIGKILL)

running.run = run
"""
KILLED_AFTER_SOME_BATCHES = """
import os, signal
from restock.infra import search_store

def put_finished(*arguments, _put=search_store.put_finished, _done=[]):
    _put(*arguments)
    _done.append(1)
    if len(_done) == 3:
        os.kill(os.getpid(), signal.SIGKILL)

search_store.put_finished = put_finished
"""


@pytest.fixture(scope="module")
def few(orders: Path, tmp_path_factory: pytest.TempPathFactory) -> Path:
    """Real order lines of two markets."""
    frame = pd.read_parquet(orders)
    path = tmp_path_factory.mktemp("few") / "orders.parquet"
    frame[frame["market"].isin(["FR", "PT"])].to_parquet(path, index=False)
    return path


@pytest.fixture
def searched(restock, few: Path, tmp_path: Path) -> Callable[..., dict[str, Any]]:
    """Run ``restock search`` on these orders with a store of its own; the record it printed."""

    def run(name: str, *arguments: str, **settings: str) -> dict[str, Any]:
        given = arguments or ("--orders", str(few), *TINY)
        done = restock("search", *given, HOME=str(tmp_path / name), **settings)
        assert done.returncode == 0, done.stderr[-3000:]
        return dict(json.loads(done.stdout))

    return run


@pytest.fixture
def whole(once: Callable[..., tuple["Done[str]", Path]], few: Path) -> dict[str, Any]:
    """The record of a search that nothing disturbed."""
    done, _ = once("search", "--orders", str(few), *TINY, CORES="2")
    return dict(json.loads(done.stdout))


def plans(result: dict[str, Any]) -> dict[str, Any]:
    """Market → what was chosen and what became of it."""
    return {one["market"]: (one["plan"], one["state"], one["lift"]) for one in result["markets"]}


def finished(store: LocalStore, token: str) -> dict[str, Any]:
    """Key of every batch in the journal → when it was written."""
    return {entry.key: entry.modified for entry in store.list(f"searches/{token}/done")}


def works(store: LocalStore, keys: Any) -> list[str]:
    """The ids of the work in some batches."""
    return [one["work"] for key in keys for one in json.loads(store.get(key).data)["done"]]


def test_one_two_and_killed_workers_find_the_same_plans(
    searched: Callable[..., dict[str, Any]], whole: dict[str, Any], tmp_path: Path
) -> None:
    one = searched("one", CORES="1")
    assert {outcome["market"] for outcome in one["markets"]} == {"FR", "PT"}
    assert plans(whole) == plans(one)
    died = tmp_path / "died"
    killed = searched(
        "killed", RUNNER="dask", code=A_WORKER_IS_KILLED_AT_WORK.format(died=str(died))
    )
    assert died.exists()
    assert plans(killed) == plans(one)
    store = LocalStore(tmp_path / "killed" / "store")
    assert all(store.get(f"plans/{market}.json") for market in plans(one))
    assert not store.list(f"searches/{killed['token']}/kept")


def test_a_killed_search_goes_on_where_it_stood(
    searched: Callable[..., dict[str, Any]],
    whole: dict[str, Any],
    restock,
    few: Path,
    tmp_path: Path,
) -> None:
    home = str(tmp_path / "cut")
    killed = restock(
        "search", "--orders", str(few), *TINY, HOME=home, code=KILLED_AFTER_SOME_BATCHES
    )
    assert killed.returncode == -signal.SIGKILL
    store = LocalStore(tmp_path / "cut" / "store")
    (page,) = [entry.key for entry in store.list("searches") if entry.key.endswith("/run.json")]
    token = page.split("/")[1]
    before = finished(store, token)
    assert len(before) >= 3 and not store.list("plans")

    resumed = searched("cut", "--resume", token, "--json")
    assert resumed["token"] == token and plans(resumed) == plans(whole)
    after = finished(store, token)
    assert {key: after[key] for key in before} == before
    again = set(works(store, after.keys() - before.keys()))
    assert again and not again & set(works(store, before))
    # what is done is shown again, nothing is run, and what a kill at the end has left is removed
    store.put(f"searches/{token}/kept/left.npz", b"scorecards")
    assert plans(searched("cut", "--resume", token, "--json")) == plans(whole)
    assert finished(store, token) == after
    assert not store.list(f"searches/{token}/kept")


def test_without_mlflow_the_search_succeeds_and_tracking_waits(
    searched: Callable[..., dict[str, Any]], tmp_path: Path
) -> None:
    away = {"MLFLOW__TRACKING_URI": "http://127.0.0.1:9"}
    result = searched("away", **away)
    store = LocalStore(tmp_path / "away" / "store")
    assert [entry.key for entry in store.list("spool/tracking") if result["token"] in entry.key]


@pytest.fixture
def cluster(home: Path, tmp_path: Path) -> Iterator[str]:
    """A scheduler and three real workers: one offers CPU, one SPARK, one GPU."""
    dask = str(Path(sys.executable).parent / "dask")
    port = free_port()
    address = f"tcp://127.0.0.1:{port}"
    here = ["--host", "127.0.0.1", "--no-dashboard"]
    commands = [[dask, "scheduler", "--port", str(port), *here]]
    for name in ("cpu", "spark", "gpu"):
        offer = ["--name", name, "--resources", f"{name.upper()}=1", "--nthreads", "1"]
        commands.append([dask, "worker", address, *offer, *here])
    started = []
    try:
        for command in commands:
            log = (tmp_path / f"dask-{len(started)}.log").open("w")
            env = {**os.environ, "RESTOCK_HOME": str(home)}
            started.append(subprocess.Popen(command, stdout=log, stderr=log, cwd=tmp_path, env=env))
        yield f"dask://127.0.0.1:{port}"
    finally:
        for process in started[::-1]:
            process.terminate()
        for process in started:
            process.wait(timeout=30)


def test_sar_als_and_wide_deep_are_tuned_in_one_search_where_their_resource_is(
    restock, few: Path, cluster: str, home: Path, tmp_path: Path
) -> None:
    frame = pd.read_parquet(few)
    small = tmp_path / "small.parquet"
    frame[frame["market"] == "PT"].to_parquet(small, index=False)
    done = restock(
        *("search", "--orders", str(small), "--trials", "8", "--json"),
        *("--families", "sar,als,wide_deep", "--on", "als=SPARK"),
        RUNNER=cluster,
    )
    assert done.returncode == 0, done.stderr[-3000:]
    result = json.loads(done.stdout)
    ran = {one["family"]: one for one in result["families"]}
    for family, resource in {"sar": "CPU", "als": "SPARK", "wide_deep": "GPU"}.items():
        assert ran[family]["resource"] == resource
        assert ran[family]["workers"] == [resource.lower()]
        assert sum(ran[family]["trials"]) > 1 and not ran[family]["failed"]
    assert not result["left_out"]


def test_what_no_worker_offers_is_left_out_with_the_reason(
    searched: Callable[..., dict[str, Any]], few: Path
) -> None:
    given = ("--orders", str(few), "--trials", "6", "--families", "reorder,gru", "--json")
    result = searched("none", *given, "--on", "gru=GPU")
    assert "no worker offers GPU" in result["left_out"]["gru"]
    assert {one["family"] for one in result["families"]} == {"reorder"}


@pytest.mark.parametrize(
    ("arguments", "says"),
    [
        (["--resume", "2011-12-10-none"], "there is no search 2011-12-10-none"),
        (["--markets", "ZZ", "--trials", "3"], "no orders of market ZZ"),
    ],
)
def test_bad_input_is_one_sentence(restock, few: Path, arguments: list[str], says: str) -> None:
    given = [] if "--resume" in arguments else ["--orders", str(few)]
    done = restock("search", *given, *arguments)
    assert done.returncode == 2, done.stderr[-3000:]
    assert says in done.stderr and "Traceback" not in done.stderr
