"""Snapshots: written once, named by content, memory-mapped."""

from pathlib import Path

import pandas as pd
import pyarrow as pa
import pytest
from contracts.publications import interactions

from restock.dataset import Interactions
from restock.infra.local_store import LocalStore
from restock.infra.settings import load_settings
from restock.infra.snapshots import SnapshotRef, open_snapshot, put_snapshot
from restock.infra.store import NotFound, StoreError

pytestmark = pytest.mark.unit


@pytest.fixture
def store(home: Path) -> LocalStore:
    return LocalStore(home / "store")


def test_what_was_put_is_what_is_opened(store: LocalStore) -> None:
    data = interactions()
    ref = put_snapshot(store, data)
    assert (ref.store, ref.hash) == (store.uri, data.hash)
    opened = open_snapshot(SnapshotRef.model_validate_json(ref.model_dump_json()))
    assert opened.hash == data.hash
    assert opened.as_of == data.as_of
    assert opened.catalogue.markets == data.catalogue.markets


def test_feature_tables_are_stored_with_the_lines(store: LocalStore) -> None:
    data = interactions()
    table = pd.DataFrame({"id": ["12"], "known_at": [pd.Timestamp("2011-01-02")], "staff": [3]})
    ref = put_snapshot(store, data.with_features(customers=table))
    assert ref.hash != data.hash
    opened = open_snapshot(ref)
    assert opened.hash == ref.hash
    found = opened.features.read("customer", opened)
    assert found.values[opened.catalogue.customer_codes(["12"])[0], -1] == 3
    path = store.local(f"{ref.key}/features/customer.parquet")
    path.write_bytes(path.read_bytes()[:-10])
    with pytest.raises(StoreError, match=r"customer\.parquet is damaged"):
        open_snapshot(ref)


def test_the_rows_are_mapped_not_read(store: LocalStore) -> None:
    ref = put_snapshot(store, interactions(20_000))
    before = pa.total_allocated_bytes()
    opened = open_snapshot(ref)
    assert len(opened) > 1000
    assert pa.total_allocated_bytes() - before < 10_000
    for name in ("customer", "minute", "value"):
        with pytest.raises(ValueError, match="read-only"):
            getattr(opened, name)[0] = 1


def test_putting_again_writes_nothing(store: LocalStore) -> None:
    put_snapshot(store, interactions())
    before = [(entry.key, entry.modified) for entry in store.list()]
    put_snapshot(store, interactions())
    assert [(entry.key, entry.modified) for entry in store.list()] == before
    other = put_snapshot(store, interactions(seed=1))
    assert len(store.list("snapshots")) == 2 * len(before)
    assert open_snapshot(other).hash == other.hash


def test_the_same_rows_give_the_same_bytes(home: Path) -> None:
    for name in ("a", "b"):
        interactions().save(home / name)
    for path in (home / "a").iterdir():
        assert path.read_bytes() == (home / "b" / path.name).read_bytes()


def test_a_snapshot_that_is_not_there_says_so(store: LocalStore) -> None:
    with pytest.raises(NotFound, match="snapshots/0000"):
        open_snapshot(SnapshotRef(store=store.uri, hash="0" * 64))
    with pytest.raises(ValueError, match="hash"):
        SnapshotRef(store=store.uri, hash="../../etc")


def test_what_the_disk_spoilt_is_not_stored(
    store: LocalStore, monkeypatch: pytest.MonkeyPatch
) -> None:
    data = interactions()
    other, save = interactions(seed=1), Interactions.save
    monkeypatch.setattr(Interactions, "save", lambda _, folder: save(other, folder))
    with pytest.raises(StoreError, match="do not hold what was saved"):
        put_snapshot(store, data)
    assert list(store.list()) == []


def test_a_truncated_snapshot_is_refused(store: LocalStore) -> None:
    ref = put_snapshot(store, interactions())
    path = store.local(f"{ref.key}/lines.arrow")
    path.write_bytes(path.read_bytes()[:-10])
    with pytest.raises(StoreError, match="lines.arrow is damaged"):
        open_snapshot(ref, load_settings())
