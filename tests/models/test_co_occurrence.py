"""How items are compared: from counts in tiles, from a sparse matrix of counts, or afresh."""

from itertools import product

import numpy as np
import pytest
from contracts.orders import Orders, many

from restock.dataset import Interactions
from restock.kernels.neighbours import COSINE, COUNT, JACCARD, LIFT
from restock.models import FitContext, Shared
from restock.models.co_occurrence import Compared, CoOccurrence, compared
from restock.models.neighbours import Neighbourhood

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
    """Digit by digit what each way gives alone."""
    for near, alone in zip(found, all_ways(train, None), strict=True):
        assert isinstance(alone, Neighbourhood)
        near = near.written(train.n_items) if isinstance(near, Compared) else near
        for name, array in alone.arrays().items():
            np.testing.assert_array_equal(near.arrays()[name], array, err_msg=name)


def test_where_most_items_have_common_customers_tiles_are_counted_once() -> None:
    train, shared = many(), Shared()
    found = all_ways(train, shared)
    assert_equal(train, found)
    tiled = [near for near in found if isinstance(near, Compared)]
    assert len(tiled) == sum(neighbours is None for *_, neighbours in HOW)
    assert len({id(near.together) for near in tiled}) == 1
    assert shared.misses == 2  # tiles, and a sparse matrix for those with few neighbours


def test_elsewhere_a_sparse_matrix_is_counted_once() -> None:
    train, shared = sparse(), Shared()
    found = all_ways(train, shared)
    assert_equal(train, found)
    assert all(isinstance(near, Neighbourhood) for near in found)
    assert (shared.misses, shared.hits) == (1, len(HOW) - 1)


@pytest.mark.parametrize("train", [many(), sparse()], ids=["dense", "sparse"])
def test_what_would_not_be_kept_is_not_counted(train: Interactions) -> None:
    shared = Shared(limit=500)
    assert_equal(train, all_ways(train, shared))
    assert shared.misses == 0


def test_counts_take_the_room_that_was_asked_for() -> None:
    train = many()
    room = CoOccurrence.bytes_for(np.unique(train.pairs.item).size, train.pairs.item.size)
    for spare, tiled in ((0, True), (-1, False)):
        shared = Shared(limit=room + spare)
        how = (JACCARD, 1.0, None)
        near = compared(train.pairs, train.n_items, *how, FitContext(shared=shared))
        assert isinstance(near, Compared) == tiled
        assert not tiled or shared.held == room
