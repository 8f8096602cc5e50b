"""The realised ledger: each day judged by the lists in force, once, whoever runs when."""

import datetime as dt
from pathlib import Path

import pandas as pd
import pytest
from contracts.publications import NIGHT, SAR, Wrapped, publish, staged

from restock.dataset import Interactions
from restock.infra.champions import rollback
from restock.infra.local_store import LocalStore
from restock.infra.publications import make_current
from restock.infra.realised_ledger import Ledger, update
from restock.infra.settings import load_settings
from restock.infra.store import Store
from restock.monitoring.policy import DriftPolicy

pytestmark = pytest.mark.unit

POLICY = DriftPolicy()
DELAY = POLICY.label_delay_days


@pytest.fixture
def store(tmp_path: Path) -> LocalStore:
    return LocalStore(tmp_path / "store")


def day(at: int) -> dt.date:
    """Days after the first publication."""
    return NIGHT + dt.timedelta(days=at)


def orders(end: dt.date) -> Interactions:
    """Every day, each customer buys the first item of its list, and one that is on none."""
    rows = [
        {
            "market": "FR",
            "customer_id": f"customer {customer:05d}",
            "order_id": f"{at} {customer}",
            "item_id": item,
            "timestamp": pd.Timestamp(NIGHT) + pd.Timedelta(days=at, hours=9),
            "quantity": 1.0,
            "unit_price": 2.0,
        }
        for at in range(-10, 40)
        for customer in range(3)
        for item in (f"item {(customer + 1) % 7}", "never listed")
    ]
    return Interactions.from_frame(pd.DataFrame(rows)).before(end)


def ledger(store: Store, end: dt.date, tmp_path: Path) -> Ledger:
    settings = load_settings(home=tmp_path)
    return update(store, orders(end), "FR", 2, POLICY, settings)


def files(store: LocalStore) -> dict[str, tuple[bytes, object]]:
    return {e.key: (store.get(e.key).data, e.modified) for e in store.list("realised")}


def test_every_day_is_judged_by_the_lists_in_force(store: LocalStore, tmp_path: Path) -> None:
    publish(store, 0)
    make_current(store, staged(store, 5), replaces="run-0")
    found = ledger(store, day(8), tmp_path)
    tokens = dict(zip(found.days["day"].dt.date, found.days["token"], strict=True))
    assert tokens == {day(at): "run-0" if at < 5 else "run-5" for at in range(8)}
    assert (found.days["orders"] == 3).all() and (found.days["taken"] == 3).all()
    assert found.days["captured"].sum() == pytest.approx(found.days["spend"].sum() / 2)
    assert list(found.days["mature"]) == [at < 8 - DELAY for at in range(8)]
    assert list(found.lists["token"]) == ["run-0", "run-5"]
    assert found.lists["churn"].isna().tolist() == [True, False]
    assert ledger(store, day(3), tmp_path).lists["token"].tolist() == ["run-0"]


def test_the_same_again_changes_nothing_and_a_later_run_adds_what_is_new(
    store: LocalStore, tmp_path: Path
) -> None:
    publish(store, 0)
    first = ledger(store, day(6), tmp_path)
    before = files(store)
    pd.testing.assert_frame_equal(ledger(store, day(6), tmp_path).days, first.days)
    assert files(store) == before
    later = ledger(store, day(9), tmp_path).days
    assert list(later["day"].dt.date) == [day(at) for at in range(9)]
    final = first.days[first.days["mature"]]
    pd.testing.assert_frame_equal(later.head(len(final)), final)


def test_what_is_final_is_never_computed_again(store: LocalStore, tmp_path: Path) -> None:
    publish(store, 0)
    ledger(store, day(9), tmp_path)
    make_current(store, staged(store, 10), replaces="run-0")
    for entry in store.list("publications/FR/run-0"):
        store.delete(entry.key)
    found = ledger(store, day(14), tmp_path)
    gone = {day(at) for at in range(9 - DELAY, 10)}  # they were not final, and their lists are lost
    assert set(found.days["day"].dt.date) == {day(at) for at in range(14)} - gone
    assert found.lost == ("run-0",)


def test_an_earlier_day_reads_the_ledger_up_to_it(store: LocalStore, tmp_path: Path) -> None:
    publish(store, 0)
    ledger(store, day(9), tmp_path)
    before = files(store)
    found = ledger(store, day(4), tmp_path)
    assert list(found.days["day"].dt.date) == [day(at) for at in range(4)]
    assert files(store) == before


@pytest.mark.parametrize(("ours", "theirs"), [(6, 9), (9, 6)])
def test_two_runs_at_once_leave_what_the_later_one_knows(
    store: LocalStore, tmp_path: Path, ours: int, theirs: int
) -> None:
    publish(store, 0)
    other = iter([lambda: ledger(store, day(theirs), tmp_path)])
    racing = Wrapped(store, "FR.parquet", before=lambda: next(other, lambda: None)())
    found = ledger(racing, day(ours), tmp_path)  # type: ignore[arg-type]
    assert len(found.days) == ours
    assert len(pd.read_parquet(tmp_path / "store/realised/FR.parquet")) == 9


def test_days_after_a_roll_back_are_judged_by_the_lists_it_returned_to(
    store: LocalStore, tmp_path: Path
) -> None:
    publish(store, 0)
    publish(store, 1, SAR)
    rollback(store, "FR", effective=day(4))
    found = ledger(store, day(6), tmp_path).days
    tokens = dict(zip(found["day"].dt.date, found["token"], strict=True))
    assert [tokens[day(at)] for at in range(6)] == ["run-0", *["run-1"] * 3, *["run-0"] * 2]


def test_nothing_published_is_an_empty_ledger(store: LocalStore, tmp_path: Path) -> None:
    found = ledger(store, day(3), tmp_path)
    assert found.days.empty and found.lists.empty and not found.periods
    assert not store.list("realised")
