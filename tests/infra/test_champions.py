"""The champion record: it follows the publication pointer."""

import datetime as dt
import json
import tempfile
from contextlib import suppress
from pathlib import Path

import pytest
from contracts.publications import REORDER, SAR, Wrapped, lose, publish, staged
from hypothesis import given, settings
from hypothesis import strategies as st

from restock.infra.champions import read_champion, rollback, sync_champion
from restock.infra.local_store import LocalStore
from restock.infra.publications import Superseded, current, make_current
from restock.infra.store import Conflict, NotFound, StoreError

pytestmark = pytest.mark.unit
KEY = "champions/FR.json"


@pytest.fixture
def store(home: object) -> LocalStore:
    return LocalStore(home / "store")


def test_there_is_none_before_the_first_publication(store: LocalStore) -> None:
    assert read_champion(store, "FR") is None
    assert sync_champion(store, "FR") is None
    with pytest.raises(NotFound, match="nothing is published"):
        rollback(store, "FR")
    assert list(store.list()) == []


def test_the_record_says_what_is_in_service_and_why(store: LocalStore) -> None:
    publish(store, 0)
    publish(store, 1)
    champion = sync_champion(store, "FR")
    assert champion.plan.key == REORDER.key
    assert (champion.publication, champion.evidence) == ("run-1", "evidence")
    assert (champion.since.day, champion.as_of.day, champion.previous) == (1, 2, None)
    publish(store, 2, SAR)
    champion = sync_champion(store, "FR")
    assert champion.plan.candidate().key == SAR.key
    assert (champion.since.day, champion.previous) == (3, REORDER.key)
    assert store.get(KEY).data == champion.bytes()


def test_syncing_again_writes_nothing(store: LocalStore) -> None:
    publish(store, 0)
    first = sync_champion(store, "FR")
    modified = store.local(KEY).stat().st_mtime_ns
    assert sync_champion(store, "FR") == first
    assert store.local(KEY).stat().st_mtime_ns == modified


def test_a_record_that_fell_behind_or_was_damaged_is_healed(store: LocalStore) -> None:
    publish(store, 0)
    sync_champion(store, "FR")
    publish(store, 1, SAR)  # and the process dies before the record is written
    assert read_champion(store, "FR").plan.key == SAR.key
    assert sync_champion(store, "FR").publication == "run-1"
    for damage in (b"", b"{", b"{}"):
        store.put(KEY, damage)
        assert sync_champion(store, "FR").publication == "run-1"
        assert b"run-1" in store.get(KEY).data


@pytest.mark.parametrize("lost", ["before", "after"])
def test_a_lost_answer_is_settled(store: LocalStore, lost: str) -> None:
    publish(store, 0)
    champion = sync_champion(Wrapped(store, KEY, **{lost: lose(1)}), "FR")
    assert store.get(KEY).data == champion.bytes()


def test_of_two_that_follow_at_once_the_record_ends_with_the_pointer(store: LocalStore) -> None:
    publish(store, 0)

    def other_run() -> None:
        wrapped.before = lambda: None
        publish(store, 1, SAR)
        sync_champion(store, "FR")

    wrapped = Wrapped(store, KEY, before=other_run)
    assert sync_champion(wrapped, "FR").publication == "run-1"
    assert store.get(KEY).data == read_champion(store, "FR").bytes()


def test_a_record_that_never_rests_is_given_up(store: LocalStore) -> None:
    publish(store, 0)
    numbers = iter(range(99))
    busy = Wrapped(store, KEY, before=lambda: store.put(KEY, str(next(numbers)).encode()))
    with pytest.raises(Conflict, match="keeps changing"):
        sync_champion(busy, "FR")


def test_a_rolled_back_plan_is_barred_on_its_evidence(store: LocalStore) -> None:
    publish(store, 0)
    publish(store, 1, SAR, evidence="as of run 1")
    champion = rollback(store, "FR")
    assert (champion.plan.key, champion.publication) == (REORDER.key, "run-0")
    assert champion.barred_evidence() == {SAR.key: "as of run 1"}
    assert (champion.barred[0].token, champion.barred[0].as_of.day) == ("run-1", 2)
    assert store.get(KEY).data == champion.bytes()
    make_next(store, 2)
    assert sync_champion(store, "FR").barred_evidence() == {SAR.key: "as of run 1"}


def test_a_plan_without_evidence_is_barred_on_all_that_was_known(store: LocalStore) -> None:
    publish(store, 0)
    publish(store, 1, SAR, evidence="")
    assert rollback(store, "FR").barred_evidence() == {SAR.key: "2011-12-02:barred"}


def test_a_plan_that_came_back_is_no_longer_barred(store: LocalStore) -> None:
    publish(store, 0)
    publish(store, 1, SAR)
    rollback(store, "FR")
    make_next(store, 2, SAR, evidence="new")
    champion = sync_champion(store, "FR")
    assert (champion.plan.key, champion.barred) == (SAR.key, ())
    champion = rollback(store, "FR")
    assert champion.barred_evidence() == {SAR.key: "new"}


def test_a_plan_that_stays_in_service_is_not_barred(store: LocalStore) -> None:
    publish(store, 0)
    publish(store, 1)
    champion = rollback(store, "FR")
    assert (champion.publication, champion.barred) == ("run-0", ())
    with pytest.raises(StoreError, match="nothing to return to"):
        rollback(store, "FR")


def test_a_crash_within_a_rollback_is_healed(store: LocalStore) -> None:
    publish(store, 0)
    publish(store, 1, SAR)
    sync_champion(store, "FR")
    with pytest.raises(RuntimeError):
        rollback(Wrapped(store, KEY, before=_die), "FR")
    assert current(store, "FR").token == "run-0"
    assert b"run-1" in store.get(KEY).data
    assert sync_champion(store, "FR").barred_evidence() == {SAR.key: "evidence"}
    assert b"run-0" in store.get(KEY).data


def make_next(store: LocalStore, night: int, *plan: object, **options: str) -> None:
    now = current(store, "FR")
    make_current(store, staged(store, night, *plan, **options), replaces=now.token)


def _die() -> None:
    raise RuntimeError("the process died")


def test_one_step_returns_to_the_plan_before_past_its_refits(store: LocalStore) -> None:
    publish(store, 0)
    publish(store, 1)
    for day in (2, 3, 4):
        publish(store, day, SAR)
    champion = rollback(store, "FR", to_plan_before=True, effective=dt.date(2011, 12, 9))
    assert (champion.publication, champion.plan.key) == ("run-1", REORDER.key)
    assert champion.barred_evidence().keys() == {SAR.key}
    pointer = current(store, "FR")
    assert pointer.effective == dt.date(2011, 12, 9)
    assert set(pointer.withdrawn) == {"run-2", "run-3", "run-4"}
    for day in (2, 3, 4):  # none of them comes back by running its night again
        with pytest.raises(Superseded):
            make_current(store, staged(store, day, SAR), replaces="run-1")
    assert rollback(store, "FR").publication == "run-0"


def test_a_barred_plan_is_no_plan_to_return_to(store: LocalStore) -> None:
    for day, plan in enumerate((REORDER, SAR, REORDER, SAR)):
        publish(store, day, plan)
    assert rollback(store, "FR", to_plan_before=True).publication == "run-2"
    with pytest.raises(StoreError, match="no plan before"):  # run-1 is of the plan just left
        rollback(store, "FR", to_plan_before=True)
    assert current(store, "FR").token == "run-2"


def test_without_a_plan_before_there_is_none_to_return_to(store: LocalStore) -> None:
    publish(store, 0)
    publish(store, 1)
    with pytest.raises(StoreError, match="no plan before reorder"):
        rollback(store, "FR", to_plan_before=True)
    assert current(store, "FR").token == "run-1"


def test_a_pointer_of_before_there_was_an_effective_day_is_still_read(store: LocalStore) -> None:
    publish(store, 0)
    key = "publications/FR/current.json"
    about = json.loads(store.get(key).data)
    del about["effective"]
    store.put(key, json.dumps(about).encode())
    assert current(store, "FR").effective is None


@pytest.mark.thorough
@settings(max_examples=25, deadline=None)
@given(st.lists(st.sampled_from(["reorder", "sar", "back", "plan"]), min_size=1, max_size=8))
def test_no_roll_back_ends_on_what_was_withdrawn_or_barred(moves: list[str]) -> None:
    with tempfile.TemporaryDirectory() as folder:
        store = LocalStore(Path(folder))
        publish(store, 0)
        for day, move in enumerate(moves, start=1):
            if move in ("reorder", "sar"):
                manifest = staged(store, day, SAR if move == "sar" else REORDER)
                make_current(store, manifest, replaces=current(store, "FR").token)
                continue
            with suppress(StoreError):
                rollback(store, "FR", to_plan_before=move == "plan")
            pointer = current(store, "FR")
            assert pointer.token not in pointer.withdrawn
            assert pointer.plan_key not in {bar.plan_key for bar in pointer.barred}
