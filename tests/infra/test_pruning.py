"""What is old goes; what is in service, and the way back from it, stays whole."""

import datetime as dt
import os
from pathlib import Path

import pandas as pd
import pytest
from contracts.publications import REORDER, SAR, about, interactions, table
from hypothesis import given, settings
from hypothesis import strategies as st

from restock.infra.champions import rollback, sync_champion
from restock.infra.exposure_store import put_exposures
from restock.infra.local_store import LocalStore
from restock.infra.model_store import ModelRef, open_model, put_model
from restock.infra.pruning import Removed, prune
from restock.infra.publications import current, make_current, read_current, read_publication, stage
from restock.infra.records import About, Pointer
from restock.infra.snapshots import SnapshotRef, open_snapshot, put_snapshot
from restock.infra.store import NotFound
from restock.models import Candidate

pytestmark = pytest.mark.unit

NOW = dt.datetime.now(dt.UTC)
BEFORE = NOW - dt.timedelta(days=90)


@pytest.fixture
def store(tmp_path: Path) -> LocalStore:
    return LocalStore(tmp_path)


def age(store: LocalStore, folder: str, days: float) -> None:
    """Everything in a folder was written so many days ago."""
    for entry in store.list(folder):
        path = store.local(entry.key)
        assert path is not None
        at = (NOW - dt.timedelta(days=days)).timestamp()
        os.utime(path, (at, at))


def published(store: LocalStore, number: int, card: About, days: float) -> Pointer:
    """A publication of so many days ago."""
    manifest = stage(store, "FR", f"run-{number}", table(tag=str(number)), card)
    now = current(store, "FR")
    pointer = make_current(store, manifest, replaces=now.token if now else None)
    age(store, f"publications/FR/run-{number}", days)
    return pointer


def night(store: LocalStore, number: int, plan: Candidate = REORDER, days: float = 0) -> Pointer:
    """A night with a snapshot, a model and a report of its own, so many days ago."""
    orders = interactions(50 + number, seed=number)
    snapshot = put_snapshot(store, orders)
    model = put_model(store, plan.create().fit(orders), {})
    hashes = {"snapshot": snapshot.hash, "model": model.hash}
    pointer = published(store, number, about(number, plan).model_copy(update=hashes), days)
    sync_champion(store, "FR")
    store.put(f"reports/run-{number}/night.json", b"{}")
    store.put(f"quarantine/run-{number}/lines.parquet", b"lines")
    for folder in (f"reports/run-{number}", f"quarantine/run-{number}", snapshot.key, model.key):
        age(store, folder, days)
    return pointer


def keys(store: LocalStore) -> set[str]:
    return {entry.key for entry in store.list()}


def things(removed: list[Removed]) -> dict[str, int]:
    return {one.kind: len(one.things) for one in removed}


def test_old_nights_go_and_the_way_back_stays(store: LocalStore) -> None:
    for number, (plan, days) in enumerate(
        [(REORDER, 400), (REORDER, 300), (SAR, 200), (SAR, 199), (SAR, 198), (SAR, 1)]
    ):
        night(store, number, plan, days)
    removed = prune(store, BEFORE)
    # run-1: last of the plan before; run-2: first of this one; run-4: the one before; run-5: now
    assert {key.split("/")[2] for key in keys(store) if key.startswith("publications/FR/run")} == {
        "run-1",
        "run-2",
        "run-4",
        "run-5",
    }
    assert things(removed) == {
        "models": 2,
        "publications": 2,
        "quarantine": 5,
        "reports": 5,
        "snapshots": 2,
    }
    assert rollback(store, "FR").publication == "run-4"
    assert rollback(store, "FR", to_plan_before=True).publication == "run-1"
    with pytest.raises(NotFound):
        read_publication(store, "FR", "run-0")


def test_what_is_in_service_stays_however_old(store: LocalStore) -> None:
    pointer = night(store, 0)
    age(store, "", 4000)
    prune(store, BEFORE)
    assert read_current(store, "FR").num_rows == table().num_rows
    open_model(ModelRef(store=store.uri, hash=pointer.model))
    (snapshot,) = {entry.key.split("/")[1] for entry in store.list("snapshots")}
    open_snapshot(SnapshotRef(store=store.uri, hash=snapshot))


def test_a_dry_run_foretells_and_doing_it_again_finds_nothing(store: LocalStore) -> None:
    for number in range(4):
        night(store, number, days=200)
    before = keys(store)
    foretold = prune(store, BEFORE, dry_run=True)
    assert keys(store) == before and foretold
    assert prune(store, BEFORE) == foretold
    gone = before - keys(store)
    assert len(gone) == sum(one.objects for one in foretold)
    assert prune(store, BEFORE) == []


def test_a_model_that_a_record_names_stays(store: LocalStore) -> None:
    """One that waits for MLflow, say."""
    for number in range(4):
        night(store, number, days=200)
    now = current(store, "FR")
    assert now is not None
    named = now.trail[1].model  # the first one brought the plan: it stays
    store.put("spool/tracking/waiting.json", f'{{"model": "{named}"}}'.encode())
    prune(store, BEFORE)
    assert store.list(f"models/{named}")
    store.delete("spool/tracking/waiting.json")
    prune(store, BEFORE)
    assert not store.list(f"models/{named}")


def test_one_that_is_broken_off_goes_on(store: LocalStore) -> None:
    for number in range(4):
        night(store, number, days=200)

    class Dies(Exception):
        pass

    class Breaking(LocalStore):
        left = 3

        def delete(self, key: str) -> None:
            self.left -= 1
            if self.left < 0:
                raise Dies
            super().delete(key)

    foretold = prune(store, BEFORE, dry_run=True)
    with pytest.raises(Dies):
        prune(Breaking(store.root), BEFORE)
    read_current(store, "FR")
    prune(store, BEFORE)
    assert not {thing for one in foretold for thing in one.things} & {
        "/".join(key.split("/")[:depth]) for key in keys(store) for depth in (2, 3)
    }


def test_exposures_go_by_their_day_and_only_when_asked(store: LocalStore) -> None:
    days = [NOW - dt.timedelta(days=at) for at in (200, 91, 10)]
    log = {
        "market": "FR",
        "customer_id": "a",
        "item_id": "item 1",
        "position": 1,
        "propensity": 0.5,
        "policy": "old",
        "timestamp": [pd.Timestamp(day).tz_localize(None) for day in days],
        "outcome": "none",
    }
    put_exposures(store, pd.DataFrame(log))
    assert prune(store, BEFORE) == []
    assert things(prune(store, BEFORE, exposures=True)) == {"exposures": 2}
    assert [entry.key.split("/")[2] for entry in store.list("exposures")] == [str(days[2].date())]


@settings(max_examples=30)
@given(st.lists(st.tuples(st.sampled_from([REORDER, SAR]), st.integers(0, 200)), max_size=8))
def test_whatever_came_before_the_market_is_served_and_can_go_back(
    tmp_path_factory: pytest.TempPathFactory, nights: list[tuple[Candidate, int]]
) -> None:
    store = LocalStore(tmp_path_factory.mktemp("store"))
    for number, (plan, days) in enumerate(sorted(nights, key=lambda one: -one[1])):
        published(store, number, about(number, plan), days)
    prune(store, BEFORE)
    now = current(store, "FR")
    if now is None:
        return
    read_current(store, "FR")
    if now.previous:
        for to_plan_before in {False, now.plan_before is not None}:
            trial = LocalStore(tmp_path_factory.mktemp("trial"))
            for entry in store.list():
                trial.put(entry.key, store.get(entry.key).data)
            there = rollback(trial, "FR", to_plan_before=to_plan_before).publication
            assert read_publication(trial, "FR", there).num_rows
