"""How items are compared: from counts in tiles, from a sparse matrix of counts, or afresh."""

from itertools import product

import numpy as np
import pytest
from contracts.orders import Orders, many

from restock.dataset import Interactions
from restock.kernels.neighbours import COSINE, COUNT, JACCARD, LIFT
from restock.models import FitContext, Shared, co_occurrence, create
from restock.models.co_occurrence import Compared, CoOccurrence, compared
from restock.models.neighbours import Neighbourhood
from restock.models.past import Past

pytestmark = pytest.mark.unit

HOW = list(product((COUNT, JACCARD, LIFT, COSINE), (1.0, 2.0), (None, 3)))


def sparse() -> Interactions:
    """Each customer buys three items of her own, and one that all buy."""
    lines = [(c, item, 1, 1) for c in range(9) for item in (3 * c, 3 * c + 1, 3 * c + 2, 40)]
    return Orders(tuple(lines)).train()


def all_ways(train: Interactions, shared: Shared | None) -> list[Neighbourhood | Compared]:
    context = FitContext(shared=shared)
    return [compared(train.pairs, train.n_items, *how, context) for how in HOW]


def assert_equal(train: Interactions, found: list[Neighbourhood | Compared]) -> None:
    """Digit by digit the scores of similarities that are compared afresh."""
    past, affinity = Past.of(train), np.linspace(1, 2, train.pairs.item.size)
    ones = np.ones(affinity.size)
    for near, (kind, threshold, neighbours) in zip(found, HOW, strict=True):
        alone = Neighbourhood.of(
            train.pairs, ones, train.n_items, kind, threshold=threshold, neighbours=neighbours
        )
        scores = (one.scores(past, affinity, train.customers) for one in (near, alone))
        np.testing.assert_array_equal(*scores)


@pytest.mark.parametrize("shared", [None, Shared(limit=500)], ids=["alone", "not kept"])
def test_where_most_items_have_common_customers_all_are_compared_in_tiles(
    shared: Shared | None,
) -> None:
    train = many()
    found = all_ways(train, shared)
    assert_equal(train, found)
    tiled = [isinstance(near, Compared) for near in found]
    assert tiled == [neighbours is None for *_, neighbours in HOW]


@pytest.mark.thorough
def test_tiles_are_counted_once() -> None:
    train, shared = many(), Shared()
    found = all_ways(train, shared)
    assert_equal(train, found)
    assert len({id(near.together) for near in found if isinstance(near, Compared)}) == 1
    assert shared.misses == 2  # tiles, and a sparse matrix for those with few neighbours


def test_elsewhere_a_sparse_matrix_is_counted_once() -> None:
    train, shared = sparse(), Shared()
    found = all_ways(train, shared)
    assert_equal(train, found)
    assert all(isinstance(near, Neighbourhood) for near in found)
    assert (shared.misses, shared.hits) == (1, len(HOW) - 1)


def test_a_sparse_matrix_that_would_not_be_kept_is_not_counted() -> None:
    train, shared = sparse(), Shared(limit=500)
    assert_equal(train, all_ways(train, shared))
    assert shared.misses == 0


@pytest.mark.parametrize("narrow", [0, 5, 65535])
def test_counts_take_the_room_that_is_said(monkeypatch: pytest.MonkeyPatch, narrow: int) -> None:
    monkeypatch.setattr(co_occurrence, "NARROW", narrow)
    train, shared = many(), Shared()
    compared(train.pairs, train.n_items, JACCARD, 1.0, None, FitContext(shared=shared))
    room = CoOccurrence.bytes_for(np.bincount(train.pairs.item), train.pairs.item.size)
    assert shared.held == room
    usual = create("popular").memory_bytes(train)
    assert create("sar").memory_bytes(train) == usual + 20 * train.pairs.item.size + room
