"""Publishing a market: stage, verify, swap, roll back, clean up."""

import datetime as dt
import os

import pytest
from contracts.publications import (
    REORDER,
    SAR,
    Corrupting,
    Wrapped,
    about,
    lose,
    publish,
    staged,
    table,
)

from restock.infra import records
from restock.infra.local_store import LocalStore
from restock.infra.publication_table import UNKNOWN_CUSTOMER
from restock.infra.publications import (
    Superseded,
    clean_stale,
    current,
    history,
    make_current,
    read_current,
    read_customer,
    read_manifest,
    read_publication,
    stage,
    step_back,
    verify,
)
from restock.infra.store import Conflict, NotFound, Store, StoreError, Unavailable

pytestmark = pytest.mark.unit


@pytest.fixture
def store(home: object) -> LocalStore:
    return LocalStore(home / "store")


def everything(store: LocalStore) -> dict[str, tuple[bytes, float]]:
    return {
        entry.key: (store.get(entry.key).data, entry.modified.timestamp()) for entry in store.list()
    }


def test_a_staged_publication_is_not_seen_before_the_swap(store: LocalStore) -> None:
    manifest = staged(store, 0)
    assert (manifest.rows, manifest.customers, manifest.token) == (6, 3, "run-0")
    assert read_manifest(store, "FR", "run-0") == manifest
    assert current(store, "FR") is None
    assert list(history(store, "FR")) == []
    for read in (lambda: read_current(store, "FR"), lambda: read_customer(store, "FR", "x")):
        with pytest.raises(NotFound, match="restock retrain --markets FR"):
            read()
    pointer = make_current(store, manifest, replaces=None)
    assert current(store, "FR") == pointer
    assert (pointer.token, pointer.previous, pointer.manifest) == ("run-0", None, manifest.hash)
    assert read_current(store, "FR").to_pylist() == table(tag="0").to_pylist()


def test_a_customer_reads_its_own_list_best_first(store: LocalStore) -> None:
    publish(store, 0)
    rows = read_customer(store, "FR", "customer 00001").to_pylist()
    assert [(row["rank"], row["item_id"]) for row in rows] == [(1, "item 2"), (2, "item 3")]
    assert rows[0]["item_name"] == "Lamp 0"
    assert rows[0]["score"] == 1.0
    assert (rows[0]["bought_before"], rows[1]["bought_before"]) == (True, False)
    assert read_customer(store, "FR", "nobody").num_rows == 0


def test_an_earlier_publication_can_still_be_read(store: LocalStore) -> None:
    publish(store, 0)
    publish(store, 1)
    assert read_publication(store, "FR", "run-0").to_pylist() == table(tag="0").to_pylist()
    with pytest.raises(NotFound, match="no publication run-7"):
        read_publication(store, "FR", "run-7")


def test_the_list_for_unknown_customers_is_no_customer(store: LocalStore) -> None:
    rows = [{**row, "customer_id": UNKNOWN_CUSTOMER} for row in table(customers=1).to_pylist()]
    with_unknown = table().from_pylist([*table().to_pylist(), *rows])
    assert stage(store, "FR", "run", with_unknown, about()).customers == 3


def test_staging_again_changes_nothing(store: LocalStore) -> None:
    manifest = staged(store, 0)
    before = everything(store)
    assert staged(store, 0) == manifest
    later = stage(store, "FR", "run-0", table(tag="0"), about(0, evidence="seen later"))
    assert later == manifest
    assert everything(store) == before


@pytest.mark.parametrize(
    "other",
    [
        {"table": table(tag="other"), "about": about(0)},
        {"table": table(tag="0"), "about": about(0, SAR)},
        {"table": table(tag="0"), "about": about(1)},
        {"table": table(tag="0"), "about": about(0, k=3)},
    ],
)
def test_other_content_under_a_used_token_is_refused(
    store: LocalStore, other: dict[str, object]
) -> None:
    manifest = staged(store, 0)
    make_current(store, manifest, replaces=None)
    before = everything(store)
    with pytest.raises(Conflict, match="FR: run-0 is staged already"):
        stage(store, "FR", "run-0", **other)
    verify(store, manifest)
    assert {key: before[key] for key in before} == everything(store)


def test_two_writers_under_one_token_cannot_mix_their_rows(store: LocalStore) -> None:
    def other_run() -> None:
        wrapped.before = lambda: None
        stage(store, "FR", "run-0", table(tag="other"), about(0))

    wrapped = Wrapped(store, "manifest.json", before=other_run)
    with pytest.raises(Conflict, match="run-0 is staged already"):
        staged(wrapped, 0)
    winner = read_manifest(store, "FR", "run-0")
    verify(store, winner)
    make_current(store, winner, replaces=None)
    assert read_current(store, "FR")["item_name"][0].as_py() == "Lamp other"


def test_rows_written_late_do_not_replace_those_of_the_winner(store: LocalStore) -> None:
    class Slow(Wrapped):
        def put_file(self, key: str, path: object) -> None:
            if "run-0" in key:
                stage(self.store, "FR", "run-0", table(tag="other"), about(0))
            self.store.put_file(key, path)

    with pytest.raises(Conflict, match="run-0 is staged already"):
        staged(Slow(store, ""), 0)
    verify(store, read_manifest(store, "FR", "run-0"))


def test_what_does_not_read_back_is_not_published(store: LocalStore) -> None:
    with pytest.raises(StoreError, match="not what its manifest says"):
        staged(Corrupting(store), 0)
    manifest = staged(store, 1)
    for damage in (b"", b"PAR1 something else"):
        store.put(f"publications/FR/run-1/{manifest.file}", damage)
        with pytest.raises(StoreError, match="not what its manifest says"):
            make_current(store, manifest, replaces=None)
    store.delete(f"publications/FR/run-1/{manifest.file}")
    with pytest.raises(StoreError, match="not what its manifest says"):
        make_current(store, manifest, replaces=None)
    store.delete("publications/FR/run-1/manifest.json")
    with pytest.raises(StoreError, match="manifest of run-1 has changed"):
        make_current(store, manifest, replaces=None)
    assert current(store, "FR") is None


def test_making_current_again_changes_nothing(store: LocalStore) -> None:
    pointer = publish(store, 0)
    before = everything(store)
    assert publish(store, 0) == pointer
    assert make_current(store, staged(store, 0), replaces="anything") == pointer
    assert everything(store) == before


def test_the_trail_tells_every_move_newest_first(store: LocalStore) -> None:
    publish(store, 0)
    publish(store, 1)
    publish(store, 2, SAR)
    publish(store, 3, SAR)
    moves = history(store, "FR")
    assert [step.token for step in moves] == ["run-3", "run-2", "run-1", "run-0"]
    assert [step.previous for step in moves] == ["run-2", "run-1", "run-0", None]
    assert [step.since.day for step in moves] == [3, 3, 1, 1]
    assert {step.action for step in moves} == {"published"}
    assert [step.plan_key for step in moves] == [SAR.key, SAR.key, REORDER.key, REORDER.key]


def test_the_later_of_two_runs_is_told_who_won(store: LocalStore) -> None:
    publish(store, 0)
    winner, loser = staged(store, 1), staged(store, 2)
    make_current(store, winner, replaces="run-0")
    before = everything(store)
    with pytest.raises(Conflict, match="FR: run-1 was published at .* UTC, while this run"):
        make_current(store, loser, replaces="run-0")
    with pytest.raises(Conflict, match="run-1"):
        make_current(store, loser, replaces=None)
    assert everything(store) == before
    assert make_current(store, loser, replaces="run-1").previous == "run-1"


def test_a_run_that_is_overtaken_within_the_swap_is_told_who_won(store: LocalStore) -> None:
    publish(store, 0)
    winner, loser = staged(store, 1), staged(store, 2)
    overtaken = Wrapped(
        store, "current.json", before=lambda: make_current(store, winner, replaces="run-0")
    )
    with pytest.raises(Conflict, match="FR: run-1 was published"):
        make_current(overtaken, loser, replaces="run-0")
    assert current(store, "FR").token == "run-1"


def test_another_process_of_the_same_run_is_no_conflict(store: LocalStore) -> None:
    manifest = staged(store, 0)
    twice = Wrapped(
        store, "current.json", before=lambda: make_current(store, manifest, replaces=None)
    )
    assert make_current(twice, manifest, replaces=None) == current(store, "FR")
    assert len(history(store, "FR")) == 1


@pytest.mark.parametrize("lost", ["before", "after"])
def test_a_lost_answer_is_settled_by_reading_back(store: LocalStore, lost: str) -> None:
    publish(store, 0)
    unsure = Wrapped(store, "current.json", **{lost: lose(1)})
    pointer = make_current(unsure, staged(store, 1), replaces="run-0")
    assert current(store, "FR") == pointer
    assert [step.token for step in history(store, "FR")] == ["run-1", "run-0"]
    unsure = Wrapped(store, "manifest.json", **{lost: lose(1)})
    assert read_manifest(store, "FR", "run-2") is None
    assert staged(unsure, 2) == read_manifest(store, "FR", "run-2")


def test_a_store_that_stays_away_leaves_the_old_publication(store: LocalStore) -> None:
    publish(store, 0)
    away = Wrapped(store, "current.json", before=lose(99))
    with pytest.raises(Unavailable):
        make_current(away, staged(store, 1), replaces="run-0")
    assert current(store, "FR").token == "run-0"
    assert make_current(store, staged(store, 1), replaces="run-0").token == "run-1"


def test_a_publication_that_had_its_turn_does_not_come_back(store: LocalStore) -> None:
    publish(store, 0)
    publish(store, 1)
    with pytest.raises(Superseded, match="run-0 was published before and replaced by run-1"):
        make_current(store, staged(store, 0), replaces="run-1")
    step_back(store, "FR")
    with pytest.raises(Superseded, match="run-1 was rolled back; run-0 stays current"):
        make_current(store, staged(store, 1), replaces="run-0")
    assert current(store, "FR").token == "run-0"


def test_one_may_return_to_what_the_same_orders_gave_before(store: LocalStore) -> None:
    publish(store, 0)
    night = {
        name: stage(store, "FR", name, table(tag=name), about(1)) for name in ("all", "in-stock")
    }
    make_current(store, night["all"], replaces="run-0")
    make_current(store, night["in-stock"], replaces="all")
    assert make_current(store, night["all"], replaces="in-stock").previous == "in-stock"
    assert step_back(store, "FR").token == "in-stock"
    assert current(store, "FR").previous == "run-0"  # not "all", which was just left
    assert step_back(store, "FR").token == "run-0"
    assert current(store, "FR").previous is None


def test_a_rollback_returns_to_the_publication_before(store: LocalStore) -> None:
    for night, plan in enumerate([REORDER, REORDER, SAR]):
        publish(store, night, plan)
    pointer = step_back(store, "FR")
    assert (pointer.token, pointer.action, pointer.previous) == ("run-1", "rolled back", "run-0")
    assert pointer.plan.candidate() == REORDER.model_copy(update={"config": REORDER.resolved})
    assert pointer.since.day == 1
    assert read_current(store, "FR")["item_name"][0].as_py() == "Lamp 1"
    pointer = step_back(store, "FR")
    assert (pointer.token, pointer.previous) == ("run-0", None)
    with pytest.raises(StoreError, match="nothing to return to"):
        step_back(store, "FR")
    make_current(store, staged(store, 3), replaces="run-0")
    assert current(store, "FR").previous == "run-0"
    actions = [(step.token, step.action) for step in history(store, "FR")]
    assert actions == [
        ("run-3", "published"),
        ("run-0", "rolled back"),
        ("run-1", "rolled back"),
        ("run-2", "published"),
        ("run-1", "published"),
        ("run-0", "published"),
    ]


def test_a_rollback_needs_a_whole_publication_to_return_to(store: LocalStore) -> None:
    with pytest.raises(NotFound, match="nothing is published"):
        step_back(store, "FR")
    publish(store, 0)
    publish(store, 1)
    manifest = read_manifest(store, "FR", "run-0")
    store.put(f"publications/FR/run-0/{manifest.file}", b"damaged")
    with pytest.raises(StoreError, match="not what its manifest says"):
        step_back(store, "FR")
    store.delete("publications/FR/run-0/manifest.json")
    with pytest.raises(
        NotFound, match="run-0 is no longer in .*run-1 stays; restock rollback --plan"
    ):
        step_back(store, "FR")
    assert current(store, "FR").token == "run-1"


def test_rows_that_were_cut_off_are_not_read_and_the_remedy_is_told(store: LocalStore) -> None:
    publish(store, 0)
    manifest = read_manifest(store, "FR", "run-0")
    path = store.local(f"publications/FR/run-0/{manifest.file}")
    path.write_bytes(path.read_bytes()[:-1])
    for read in (read_current, lambda store, market: read_customer(store, market, "c")):
        with pytest.raises(StoreError, match="is damaged: .* restock rollback --market FR"):
            read(store, "FR")


def test_cleaning_removes_what_was_staged_and_never_made_current(store: LocalStore) -> None:
    for night in range(3):
        publish(store, night)
    step_back(store, "FR")  # run-2 is withdrawn, not forgotten
    staged(store, 7)
    store.put("publications/FR/run-8/recommendations-0.parquet", b"half a stage")
    stage(store, "DE", "run-7", table("DE"), about())
    at_once = dt.timedelta(0)
    assert list(clean_stale(store, "FR")) == []
    assert list(clean_stale(store, "FR", older_than=at_once)) == ["run-7", "run-8"]
    assert list(clean_stale(store, "FR", older_than=at_once)) == []
    left = {entry.key.split("/")[2] for entry in store.list("publications/FR")}
    assert left == {"run-0", "run-1", "run-2", "current.json"}
    assert read_manifest(store, "DE", "run-7") is not None
    assert make_current(store, staged(store, 7), replaces="run-1").token == "run-7"


def test_cleaning_goes_by_the_last_write(store: LocalStore) -> None:
    manifest = staged(store, 0)
    old = dt.datetime.now().timestamp() - 13 * 3600
    os.utime(store.local(f"publications/FR/run-0/{manifest.file}"), (old, old))
    assert list(clean_stale(store, "FR")) == []
    os.utime(store.local("publications/FR/run-0/manifest.json"), (old, old))
    assert list(clean_stale(store, "FR")) == ["run-0"]


def test_publications_from_before_the_trail_are_left_alone(
    store: LocalStore, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(records, "TRAIL_STEPS", 2)
    monkeypatch.setattr("restock.infra.publications.TRAIL_STEPS", 2)
    for night in range(5):
        publish(store, night)
    assert [step.token for step in history(store, "FR")] == ["run-4", "run-3", "run-2"]
    assert list(clean_stale(store, "FR", older_than=dt.timedelta(0))) == []
    staged(store, 9)
    assert list(clean_stale(store, "FR", older_than=dt.timedelta(0))) == ["run-9"]


@pytest.mark.parametrize("market", ["BR/../MX", "br", "B", "", "TOOLONGCODE", "F R", "FR\n"])
def test_a_code_that_is_none_is_refused(store: Store, market: str) -> None:
    calls = [
        lambda: stage(store, market, "run", table(), about()),
        lambda: current(store, market),
        lambda: step_back(store, market),
        lambda: clean_stale(store, market),
        lambda: read_customer(store, market, "x"),
        lambda: read_manifest(store, market, "run"),
    ]
    for call in calls:
        with pytest.raises(ValueError, match="no market code"):
            call()
    assert list(store.list()) == []


@pytest.mark.parametrize("token", ["", "..", "a/b", "current.json", ".x", "x" * 101, "a\n"])
def test_a_token_that_is_none_is_refused(store: Store, token: str) -> None:
    with pytest.raises(ValueError, match="no token"):
        stage(store, "FR", token, table(), about())


def test_a_damaged_pointer_says_so_and_is_not_overwritten(store: LocalStore) -> None:
    publish(store, 0)
    key = "publications/FR/current.json"
    newer = store.get(key).data.replace(b'"schema_version": 1', b'"schema_version": 2')
    for data in (b"", b"{}", newer):
        store.put(key, data)
        with pytest.raises(StoreError, match=r"publications/FR/current\.json in .* cannot be"):
            make_current(store, staged(store, 1), replaces="run-0")
        assert store.get(key).data == data
