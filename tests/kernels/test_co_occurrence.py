"""What the counts say is what the matrices say, whatever is left out on the way."""

from typing import Any

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from scipy.sparse import csr_array

from restock.dataset import Pairs
from restock.kernels.co_occurrence import (
    SPANS,
    Bought,
    Levels,
    Measure,
    best_of_groups,
    bound_groups,
    score_tiles,
    tiles_of,
)
from restock.kernels.lanes import WIDTH
from restock.kernels.neighbour_scores import score_neighbours
from restock.kernels.neighbours import COSINE, COUNT, JACCARD, LIFT
from restock.kernels.selection import ANY, NEW, REPEAT, best_items
from restock.models import co_occurrence
from restock.models.co_occurrence import CoOccurrence
from restock.models.neighbours import Neighbourhood

pytestmark = pytest.mark.unit

some = settings(max_examples=30, deadline=None, derandomize=True)
KINDS = (COUNT, JACCARD, LIFT, COSINE)
GROUP = WIDTH**2  # items
N_ITEMS = 10 * GROUP + 7  # of which some are never sold
CUSTOMERS = 50


def bought(seed: int) -> csr_array:
    """Affinities of many distinct sizes; few items sell much, customers 0 and 7 buy nothing."""
    rng = np.random.default_rng(seed)
    liked = rng.random(N_ITEMS) ** 4
    liked[rng.random(N_ITEMS) < 0.1] = 0
    table = (rng.random((CUSTOMERS, N_ITEMS)) < liked) * 0.5 ** rng.uniform(0, 40, N_ITEMS)
    table[[0, 7]] = 0
    return csr_array(table)


def pairs_of(table: csr_array) -> Pairs:
    return Pairs(
        table.indptr.astype(np.int64), table.indices.astype(np.int32), np.arange(table.nnz)
    )


def written(pairs: Pairs, kind: int, threshold: float) -> Neighbourhood:
    ones = np.ones(pairs.item.size)
    return Neighbourhood.of(pairs, ones, N_ITEMS, kind, threshold=threshold)


def counted(table: csr_array, threads: int = 1) -> CoOccurrence:
    indptr, item = table.indptr.astype(np.int64), table.indices.astype(np.int32)
    return CoOccurrence.of(indptr, item, N_ITEMS, threads)


@pytest.fixture(params=(0, 1, 9), ids=lambda far: f"{far} wide")
def far(request: pytest.FixtureRequest, monkeypatch: pytest.MonkeyPatch) -> int:
    """How many tiles have counts that do not fit in the narrow ones; with 9, in two groups."""
    buyers = counted(bought(0)).buyers[::WIDTH]
    monkeypatch.setattr(co_occurrence, "NARROW", buyers[request.param])
    return int(request.param)


def test_counts_lie_by_popularity_whatever_the_threads(far: int) -> None:
    table = bought(0)
    pairs = pairs_of(table)
    together, threaded = (counted(table, threads) for threads in (1, 3))
    order, sold = together.order, together.buyers.size
    counts = np.zeros((sold, tiles_of(together.levels.groups) * WIDTH**3))
    counts[:, :sold] = ((table > 0).astype(int).T @ (table > 0).astype(int)).toarray()[order][
        :, order
    ]
    buyers = np.diag(counts)
    assert (np.diff(buyers) <= 0).all()
    assert (np.diff(order)[np.diff(buyers) == 0] > 0).all()  # ties by code
    np.testing.assert_array_equal(together.buyers, buyers)
    np.testing.assert_array_equal(order[together.places], pairs.item)
    assert together.levels.items.wide.shape[0] == far
    for found in (together.levels, threaded.levels):
        for span, level in zip(SPANS, found, strict=True):
            most = counts.reshape(sold, -1, WIDTH, span).max(axis=3)
            tiles = most.transpose(1, 0, 2)[: tiles_of(level)]
            np.testing.assert_array_equal(np.concatenate([level.wide, level.narrow]), tiles)


def given_to(
    table: csr_array, kind: int, threshold: float
) -> tuple[np.ndarray, Bought, Levels, Measure]:
    """What kernels read of all customers."""
    found, indptr = counted(table), table.indptr.astype(np.int64)
    bought = Bought(indptr, table.indices.astype(np.int32), found.places, table.data)
    customers = np.arange(CUSTOMERS, dtype=np.int32)
    how = (LIFT, threshold, np.sqrt(found.buyers)) if kind == COSINE else None
    return customers, bought, found.levels, Measure(*(how or (kind, threshold, found.buyers)))


def scored(table: csr_array, kind: int, threshold: float) -> np.ndarray:
    scores: np.ndarray = score_tiles(
        *given_to(table, kind, threshold), counted(table).order, N_ITEMS
    )
    return scores


def listed(
    table: csr_array, kind: int, threshold: float, groups: np.ndarray, *how: Any
) -> tuple[np.ndarray, np.ndarray]:
    """What ``best_of_groups`` gives with groups in this order; how: allowed, history, k."""
    given = given_to(table, kind, threshold)
    lists: tuple[np.ndarray, np.ndarray] = best_of_groups(
        *given, counted(table).order, groups, bound_groups(*given), *how
    )
    return lists


def plain(table: csr_array, kind: int, threshold: float) -> np.ndarray:
    """The scores from similarities that are written down."""
    near = written(pairs_of(table), kind, threshold)
    items = table.indptr.astype(np.int64), table.indices.astype(np.int32)
    customers = np.arange(CUSTOMERS, dtype=np.int32)
    scores: np.ndarray = score_neighbours(customers, *items, table.data, *near.arrays().values())
    return scores


@pytest.mark.thorough
@pytest.mark.parametrize("kind", KINDS)
@given(st.integers(0, 99), st.integers(1, 6))
@some
def test_all_scores_are_those_of_similarities_to_the_last_digit(
    kind: int, seed: int, threshold: int
) -> None:
    table = bought(seed)
    np.testing.assert_array_equal(scored(table, kind, threshold), plain(table, kind, threshold))


@pytest.mark.parametrize("kind", KINDS)
def test_wide_counts_score_as_narrow_ones(kind: int, far: int) -> None:
    table = bought(0)
    np.testing.assert_array_equal(scored(table, kind, 2), plain(table, kind, 2))


@pytest.mark.thorough
@pytest.mark.parametrize("kind", KINDS)
@given(
    st.integers(0, 99),
    st.integers(1, 6),
    st.sampled_from((1, 3, 10, 700)),
    st.sampled_from((ANY, REPEAT, NEW)),
    st.booleans(),
    st.randoms(use_true_random=False),
)
@some
def test_lists_are_the_best_of_all_scores_in_whatever_order_groups_are_taken(
    kind: int, seed: int, threshold: int, k: int, history: int, ties: bool, random: Any
) -> None:
    table = bought(seed)
    if ties:
        table.data[:] = 1.0
    allowed = np.random.default_rng(seed).random(N_ITEMS) < 0.7
    groups = all_groups(table)
    random.shuffle(groups)
    items, values = listed(table, kind, threshold, groups, allowed, history, k)
    indptr = table.indptr.astype(np.int64)
    own = indptr[:-1], indptr[1:], table.indices.astype(np.int32)
    best = best_items(plain(table, kind, threshold), *own, allowed, history, k)
    np.testing.assert_array_equal(items, best[0])
    np.testing.assert_array_equal(values, best[1])


def all_groups(table: csr_array) -> np.ndarray:
    return np.arange(tiles_of(counted(table).levels.tiles))


def bounded(table: csr_array, kind: int, threshold: float) -> tuple[np.ndarray, np.ndarray]:
    """All scores by place, and what none in a group is above (customers × groups)."""
    given = given_to(table, kind, threshold)
    bounds = bound_groups(*given).T
    order = counted(table).order
    scores = np.full((CUSTOMERS, bounds.shape[1] * GROUP), -np.inf)
    scores[:, : order.size] = plain(table, kind, threshold)[:, order]
    return scores, bounds


@pytest.mark.parametrize("kind", KINDS)
def test_no_score_is_above_its_bound(kind: int) -> None:
    scores, bounds = bounded(bought(1), kind, 2)
    assert (scores.reshape(CUSTOMERS, -1, GROUP).max(axis=2) <= bounds).all()
    np.testing.assert_array_equal(bounds[[0, 7]], -np.inf)


def test_most_groups_are_left_out_where_few_are_listed() -> None:
    scores, bounds = bounded(bought(1), COUNT, 1)
    third = np.sort(scores, axis=1)[:, -3]
    known = third > -np.inf
    assert (bounds[known] < third[known, None]).mean() > 0.5


def test_a_score_too_small_for_its_file_is_still_a_score() -> None:
    table = bought(2)
    table.data *= 2.0**-160  # float32 ends at 2 ** -149
    full = plain(table, JACCARD, 1)
    assert (full == 0).any()
    np.testing.assert_array_equal(scored(table, JACCARD, 1), full)
    everything = np.ones(N_ITEMS, dtype=bool)
    items, _ = listed(table, JACCARD, 1, all_groups(table), everything, ANY, N_ITEMS)
    np.testing.assert_array_equal((items >= 0).sum(axis=1), (full > -np.inf).sum(axis=1))
