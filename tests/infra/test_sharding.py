"""Dask workers fit one model and list for everybody: what one machine does alone, list by list."""

from collections.abc import Iterator
from dataclasses import replace
from pathlib import Path
from types import SimpleNamespace
from typing import Any

import numpy as np
import pytest
from contracts import sharded
from contracts.orders import many
from contracts.recommender import assert_same
from distributed import Client, LocalCluster

from restock.dataset import Interactions
from restock.infra.local_store import LocalStore
from restock.infra.sharding import Workers, fit_sharded
from restock.infra.snapshots import SnapshotRef, put_snapshot
from restock.models import Candidate
from restock.models.popularity import lines_by_market

pytestmark = pytest.mark.platform

LINES = 100
WORKERS = 4


@pytest.fixture(scope="module")
def client() -> Iterator[Client]:
    options = {"n_workers": WORKERS, "threads_per_worker": 1, "processes": True}
    with (
        LocalCluster(**options, host="127.0.0.1", dashboard_address="127.0.0.1:0") as nodes,
        Client(nodes, set_as_default=False) as client,
    ):
        client.run(sharded.shrink, LINES)
        yield client


def test_a_cluster_without_workers_is_told_how_to_start_some() -> None:
    empty: Any = SimpleNamespace(nthreads=dict)
    with pytest.raises(ValueError, match="restock workers --runner dask://HOST:PORT"):
        Workers(empty)


@pytest.fixture
def train(monkeypatch: pytest.MonkeyPatch) -> Interactions:
    monkeypatch.setattr("restock.dataset.interactions.SHARD_LINES", LINES)
    train = replace(many())
    assert train.shards.size - 1 > 2 * WORKERS
    return train


@pytest.fixture
def snapshot(train: Interactions, tmp_path: Path) -> SnapshotRef:
    return put_snapshot(LocalStore(tmp_path), train)


@pytest.mark.parametrize(
    ("name", "config"),
    [("reorder", {}), ("item_knn", {"neighbours": 3}), ("sar", {}), ("sar", {"neighbours": 3})],
)
def test_lists_are_those_of_one_machine(
    client: Client, train: Interactions, snapshot: SnapshotRef, name: str, config: dict[str, Any]
) -> None:
    candidate = Candidate(name=name, config=config, scope="pooled")
    alone = candidate.create().fit(train)
    fitted = fit_sharded(client, snapshot, candidate)
    assert_same(fitted.recommend(10), alone.recommend(train.customers, 10))
    np.testing.assert_array_equal(fitted.counts.result()["lines"], lines_by_market(train))
    only = np.arange(train.n_items) % 2 == 0
    new = {"history": "new", "allowed": only}
    assert_same(fitted.recommend(5, **new), alone.recommend(train.customers, 5, **new))
    assert_same(fitted.model().recommend(train.customers, 10), alone.recommend(train.customers, 10))


def test_a_lost_worker_changes_no_list(
    client: Client, train: Interactions, snapshot: SnapshotRef
) -> None:
    candidate = Candidate(name="item_knn", scope="pooled")
    fitted = fit_sharded(client, snapshot, candidate)
    fitted.counts.result()
    gone = sorted(client.nthreads())[0]
    client.retire_workers([gone], remove=True, close_workers=True)
    assert_same(fitted.recommend(10), candidate.create().fit(train).recommend(train.customers, 10))


def test_a_model_that_cannot_is_named(client: Client, snapshot: SnapshotRef) -> None:
    with pytest.raises(ValueError, match="ease .*does not learn by shards, only reorder, item_knn"):
        fit_sharded(client, snapshot, Candidate(name="ease", scope="pooled"))
