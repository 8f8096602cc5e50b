"""The ledger of experiments in the store."""

import datetime as dt
from pathlib import Path
from typing import Any

import pytest

from restock.evaluation.link import Entry
from restock.infra.link_ledger import add_entry, put_entry, read_entries, read_entry_file
from restock.infra.local_store import LocalStore
from restock.infra.store import Conflict, StoreError

pytestmark = pytest.mark.unit


@pytest.fixture
def store(tmp_path: Path) -> LocalStore:
    return LocalStore(tmp_path)


def entry(name: str, **changes: Any) -> Entry:
    about: dict[str, Any] = {
        "markets": ("FR",),
        "start": dt.date(2025, 3, 1),
        "end": dt.date(2025, 3, 29),
        "control": "reorder (market)",
        "treatment": "blend (pooled)",
        "lift": 0.012,
        "error": 0.006,
        "offline": {"ndcg_at_10": 0.03, "revenue_share_at_10": 0.02},
    }
    return Entry(name=name, **{**about, **changes})


def test_entries_come_back_in_order_of_start_and_by_market(store: LocalStore) -> None:
    late = entry("a", start=dt.date(2025, 3, 10), markets=("DE", "FR"))
    assert put_entry(store, late) == "experiments/a/entry.json"
    put_entry(store, entry("b"))
    store.put("experiments/c/experiment.json", b"{}")  # designed, not analysed yet
    assert [one.name for one in read_entries(store)] == ["b", "a"]
    assert [one.name for one in read_entries(store, ["DE"])] == ["a"]
    assert read_entries(store, ["ES"]) == []


def test_an_analysis_may_be_repeated_but_an_added_entry_replaces_none(store: LocalStore) -> None:
    put_entry(store, entry("a"))
    put_entry(store, entry("a", lift=0.02))
    assert read_entries(store)[0].lift == 0.02
    add_entry(store, entry("a", lift=0.02))
    with pytest.raises(Conflict, match="another name"):
        add_entry(store, entry("a", lift=0.5))
    assert read_entries(store)[0].lift == 0.02


def test_what_cannot_be_read_is_named(store: LocalStore, tmp_path: Path) -> None:
    with pytest.raises(StoreError, match="No such file"):
        read_entry_file(tmp_path / "none.json")
    wrong = tmp_path / "wrong.json"
    wrong.write_text(entry("a").model_dump_json().replace("0.006", "-1"))
    with pytest.raises(StoreError, match="error: Input should be greater than 0"):
        read_entry_file(wrong)
    store.put("experiments/a/entry.json", b"[]")
    with pytest.raises(StoreError, match=r"experiments/a/entry\.json"):
        read_entries(store)
