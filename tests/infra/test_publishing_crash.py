"""Real processes that publish, are killed, and race, on both kinds of store."""

import datetime as dt
import json
import os
import signal
import subprocess
import sys
import uuid
from pathlib import Path

import pytest
from contracts.publications import SAR, interactions, publish, staged

from restock.infra.champions import sync_champion
from restock.infra.publications import (
    clean_stale,
    current,
    history,
    make_current,
    read_current,
    read_customer,
    read_manifest,
)
from restock.infra.settings import load_settings
from restock.infra.snapshots import open_snapshot, put_snapshot
from restock.infra.store import Store, open_store

pytestmark = pytest.mark.platform
TESTS = Path(__file__).parents[1]

PRELUDE = """
import json, sys, time
sys.path.insert(0, sys.argv[1])
from contracts.publications import REORDER, SAR, about, staged
from restock.infra.champions import rollback
from restock.infra.publications import make_current
from restock.infra.snapshots import SnapshotRef, open_snapshot
from restock.infra.store import Conflict, open_store
store = open_store(sys.argv[2])

def say(text):
    print(text, flush=True)
"""
STAGE_AND_HANG = "staged(store, 1, SAR); say('here'); time.sleep(600)"
SWAP_AND_HANG = (
    "make_current(store, staged(store, 1, SAR), replaces='run-0'); say('here'); time.sleep(600)"
)
RACE = """
night = int(sys.argv[3])
manifest = staged(store, night)
say("ready")
sys.stdin.readline()
try:
    make_current(store, manifest, replaces="run-0")
    say("won")
except Conflict as error:
    say(str(error))
"""
OPEN = """
say("ready")
sys.stdin.readline()
say(open_snapshot(SnapshotRef.model_validate_json(sys.argv[3])).hash)
"""


def start(script: str, store: Store, *more: str) -> subprocess.Popen[str]:
    return subprocess.Popen(
        [sys.executable, "-c", PRELUDE + script, str(TESTS), store.uri, *more],
        stdin=subprocess.PIPE,
        stdout=subprocess.PIPE,
        text=True,
    )


def kill_when_there(script: str, store: Store) -> None:
    process = start(script, store)
    assert process.stdout.readline() == "here\n"
    os.kill(process.pid, signal.SIGKILL)
    assert process.wait() == -signal.SIGKILL


@pytest.fixture(params=["local", "azure"])
def store(request: pytest.FixtureRequest, home: Path, monkeypatch: pytest.MonkeyPatch) -> Store:
    if request.param == "local":
        return open_store("store")
    connection = request.getfixturevalue("azurite")
    monkeypatch.setenv("RESTOCK_AZURE__CONNECTION_STRING", connection)
    return open_store(f"azure://devstoreaccount1/test-{uuid.uuid4().hex}")


def test_killed_between_stage_and_swap_the_old_publication_stays(store: Store) -> None:
    before = publish(store, 0)
    rows = read_current(store, "FR")
    kill_when_there(STAGE_AND_HANG, store)
    assert current(store, "FR") == before
    assert read_current(store, "FR").equals(rows)
    assert read_manifest(store, "FR", "run-1") is not None

    assert list(clean_stale(store, "FR")) == []  # that run may still be at it
    assert list(clean_stale(store, "FR", older_than=dt.timedelta(0))) == ["run-1"]
    assert read_manifest(store, "FR", "run-1") is None
    assert publish(store, 1, SAR).previous == "run-0"


def test_the_same_run_goes_on_where_it_was_killed(store: Store) -> None:
    publish(store, 0)
    kill_when_there(STAGE_AND_HANG, store)
    before = {entry.key: entry.modified for entry in store.list("publications/FR/run-1")}
    pointer = make_current(store, staged(store, 1, SAR), replaces="run-0")
    assert current(store, "FR") == pointer
    assert before == {entry.key: entry.modified for entry in store.list("publications/FR/run-1")}


def test_killed_between_the_pointer_and_the_record_the_next_run_heals(store: Store) -> None:
    publish(store, 0)
    sync_champion(store, "FR")
    kill_when_there(SWAP_AND_HANG, store)
    assert json.loads(store.get("champions/FR.json").data)["publication"] == "run-0"
    assert current(store, "FR").token == "run-1"
    assert sync_champion(store, "FR").plan.key == SAR.key
    assert json.loads(store.get("champions/FR.json").data)["publication"] == "run-1"


def test_of_two_retrains_one_wins_and_the_other_is_told(store: Store) -> None:
    publish(store, 0)
    runs = {night: start(RACE, store, str(night)) for night in (1, 2)}
    for run in runs.values():
        assert run.stdout.readline() == "ready\n"
    said = {}
    for run in runs.values():
        run.stdin.write("\n")
        run.stdin.flush()
    for night, run in runs.items():
        said[night] = run.communicate(timeout=60)[0].strip()
    (winner,) = [night for night, text in said.items() if text == "won"]
    loser = 3 - winner
    assert f"FR: run-{winner} was published" in said[loser]
    assert [step.token for step in history(store, "FR")] == [f"run-{winner}", "run-0"]
    assert read_customer(store, "FR", "customer 00000")["item_name"][0].as_py() == f"Lamp {winner}"


def test_two_processes_that_open_a_snapshot_at_once_share_one(store: Store) -> None:
    ref = put_snapshot(store, interactions(5000))
    runs = [start(OPEN, store, ref.model_dump_json()) for _ in range(3)]
    for run in runs:
        assert run.stdout.readline() == "ready\n"
    for run in runs:
        run.stdin.write("\n")
        run.stdin.flush()
    assert [run.communicate(timeout=60)[0].strip() for run in runs] == [ref.hash] * 3
    cache = load_settings().cache
    if store.local(ref.key) is None:
        assert [path.name for path in (cache / "snapshots").iterdir()] == [ref.hash]
        assert not list((cache / ".tmp").iterdir())
        store.delete(f"{ref.key}/lines.arrow")  # the node's own copy is enough
        assert open_snapshot(ref).hash == ref.hash
    else:
        assert not cache.exists()
