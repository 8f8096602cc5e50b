"""The strongest similar items against sorting, in whatever parts they are found."""

import tracemalloc
from itertools import pairwise
from unittest import mock

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from restock.benchmarks.growth import orders
from restock.dataset import Pairs
from restock.kernels import strongest as kernels
from restock.kernels.neighbours import COSINE, COUNT, JACCARD, LIFT
from restock.models import rows as models
from restock.models.neighbours import Neighbourhood
from restock.models.rows import item_sums

pytestmark = pytest.mark.unit

ITEMS = 7
ROWS = st.lists(
    st.dictionaries(st.integers(0, ITEMS - 1), st.sampled_from((0.5, 1.0, 2.0)), max_size=ITEMS),
    min_size=1,
    max_size=12,
)


def as_pairs(rows: list[dict[int, float]]) -> tuple[Pairs, np.ndarray]:
    indptr = np.cumsum([0, *(len(row) for row in rows)])
    items = np.array([item for row in rows for item in sorted(row)], dtype=np.int32)
    weights = np.array([row[item] for row in rows for item in sorted(row)], dtype=np.float64)
    return Pairs(indptr, items, np.arange(items.size)), weights


def similarity(kind: int, both: float, one: float, other: float) -> float:
    whole = {JACCARD: one + other - both, LIFT: one * other, COSINE: np.sqrt(one) * np.sqrt(other)}
    return both / whole.get(kind, 1.0)


@pytest.mark.thorough
@given(
    rows=ROWS,
    kind=st.sampled_from((COUNT, JACCARD, LIFT, COSINE)),
    width=st.integers(1, ITEMS),
    threshold=st.sampled_from((0.0, 1.0, 2.0)),
    threads=st.integers(1, 3),
    cut=st.integers(0, 12),
    keeping=st.sampled_from((0, 10**9)),  # by heaps; row by row
)
@settings(max_examples=300, deadline=None, derandomize=True)
def test_they_are_those_of_sorting(
    rows: list[dict[int, float]],
    kind: int,
    width: int,
    threshold: float,
    threads: int,
    cut: int,
    keeping: int,
) -> None:
    pairs, weights = as_pairs(rows)
    table = np.array([[row.get(item, 0.0) for item in range(ITEMS)] for row in rows])
    shared = table.T @ table
    borders = np.unique([0, min(cut, len(rows)), len(rows)])
    how = {"threshold": threshold, "neighbours": width, "threads": threads, "shards": borders}
    with mock.patch.object(models, "KEEPING", keeping):
        found = Neighbourhood.of(pairs, weights, ITEMS, kind, **how)
    for item in range(ITEMS):
        near = {
            other: similarity(kind, shared[item, other], shared[item, item], shared[other, other])
            for other in range(ITEMS)
            if shared[item, other] > 0 and shared[item, other] >= threshold
        }
        kept = sorted(sorted(near, key=lambda j: (-np.float32(near[j]), j))[:width])
        own = slice(found.start[item], found.start[item + 1])
        assert found.item[own].tolist() == kept
        np.testing.assert_allclose(found.similarity[own], [near[j] for j in kept], rtol=1e-12)


@pytest.mark.thorough
def test_rows_longer_than_a_batch_are_added_whole(monkeypatch: pytest.MonkeyPatch) -> None:
    rng = np.random.default_rng(0)
    table = rng.integers(0, 3, (12, 2500)).astype(np.float64)
    indptr = np.concatenate([[0], np.cumsum((table > 0).sum(axis=1))])
    pairs = Pairs(indptr, np.nonzero(table)[1].astype(np.int32), np.arange(indptr[-1]))
    assert np.diff(indptr).min() > kernels.BATCH
    monkeypatch.setattr(models, "KEEPING", 0)
    found = Neighbourhood.of(pairs, table[table > 0], 2500, COUNT, neighbours=2500)
    np.testing.assert_allclose(found.similarity.sum(), (table.T @ table).sum(), rtol=1e-9)


def test_either_way_finds_the_same_digits(monkeypatch: pytest.MonkeyPatch) -> None:
    data = orders(400, 90)
    weights = np.random.default_rng(0).uniform(0.5, 2, data.pairs.item.size)
    found = []
    for keeping in (0, 10**9):
        monkeypatch.setattr(models, "KEEPING", keeping)
        assert models.rows_pay(data.pairs, 90, 9) == bool(keeping)
        found.append(Neighbourhood.of(data.pairs, weights, 90, COSINE, neighbours=9).arrays())
    for name, array in found[0].items():
        assert np.array_equal(array, found[1][name])


def test_parts_and_blocks_cost_about_the_same() -> None:
    cost = np.arange(1000)[::-1]
    for comparing in (0, 3):
        of_place = cost + comparing * np.arange(1000)
        parts = [models.shares(cost, comparing, part, 2, 4) for part in range(2)]
        assert parts[0][0] == 0 and parts[0][-1] == parts[1][0] and parts[1][-1] == 1000
        sums = [of_place[a:b].sum() for ends in parts for a, b in pairwise(ends)]
        assert max(sums) < 1.05 * min(sums)


def test_a_thread_more_needs_no_weights_of_its_own() -> None:
    pairs = orders(30_000, 90).pairs
    order = models.by_demand(np.bincount(pairs.item))
    rows = [models.Rows.of(pairs, None, order, 90)]
    assert rows[0].weights is None  # all customers count the same

    def peak(threads: int) -> int:
        models.strongest(rows, order, COUNT, 0.0, 9, threads=threads)  # compiled
        tracemalloc.start()
        try:
            models.strongest(rows, order, COUNT, 0.0, 9, threads=threads)
            return tracemalloc.get_traced_memory()[1]
        finally:
            tracemalloc.stop()

    of_a_thread = 8 * (models.CELLS + 90)  # what it adds up in
    assert peak(4) - peak(1) < 3 * of_a_thread + 4 * pairs.item.size


def test_sums_are_added_up_shard_by_shard() -> None:
    pairs, weights = as_pairs([{0: 1e16}, {0: 1.0}, {0: 1.0}])
    assert item_sums(pairs, weights, 1).tolist() == [1e16]
    assert item_sums(pairs, weights, 1, np.array([0, 1, 3])).tolist() == [1e16 + 2]
    for borders, both in (([0, 3], 1e16), ([0, 1, 3], 1e16 + 2)):
        pairs, weights = as_pairs([{0: 1e8, 1: 1e8}, {0: 1.0, 1: 1.0}, {0: 1.0, 1: 1.0}])
        found = Neighbourhood.of(pairs, weights, 2, COUNT, neighbours=2, shards=np.array(borders))
        assert found.similarity.tolist() == [both] * 4
