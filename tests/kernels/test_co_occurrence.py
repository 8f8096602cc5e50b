"""What the counts say is what the matrices say, whatever is left out on the way."""

from typing import Any

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from scipy.sparse import csr_array

from restock.dataset import Pairs
from restock.kernels.co_occurrence import TILE, bound_scores, insert, score_tiles
from restock.kernels.neighbour_scores import score_neighbours
from restock.kernels.neighbours import COSINE, COUNT, JACCARD, LIFT
from restock.kernels.selection import ANY, NEW, REPEAT
from restock.models.co_occurrence import Compared, CoOccurrence
from restock.models.neighbours import Neighbourhood

pytestmark = pytest.mark.unit

some = settings(max_examples=30, deadline=None, derandomize=True)
KINDS = (COUNT, JACCARD, LIFT, COSINE)
N_ITEMS = 5 * TILE + 7  # of which some are never sold
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


def test_counts_lie_by_popularity_whatever_the_threads() -> None:
    table = bought(0)
    pairs = pairs_of(table)
    together, threaded = (CoOccurrence.of(pairs, N_ITEMS, threads) for threads in (1, 3))
    order, sold = together.order, together.order.size
    counts = np.zeros((sold, together.counts.shape[0] * TILE))
    counts[:, :sold] = ((table > 0).astype(int).T @ (table > 0).astype(int)).toarray()[order][
        :, order
    ]
    buyers = np.diag(counts)
    assert (np.diff(buyers) <= 0).all()
    assert (np.diff(order)[np.diff(buyers) == 0] > 0).all()  # ties by code
    np.testing.assert_array_equal(together.buyers, buyers)
    np.testing.assert_array_equal(order[together.places], pairs.item)
    tiles = counts.reshape(sold, -1, TILE).transpose(1, 0, 2)
    np.testing.assert_array_equal(together.counts, tiles)
    np.testing.assert_array_equal(together.most, tiles.max(axis=2))
    np.testing.assert_array_equal(threaded.counts, tiles)


@pytest.mark.parametrize("kind", KINDS)
@given(st.integers(0, 99), st.integers(1, 6))
@some
def test_written_down_it_is_what_comparing_gives(kind: int, seed: int, threshold: int) -> None:
    pairs = pairs_of(bought(seed))
    near = Compared(CoOccurrence.of(pairs, N_ITEMS), kind, threshold).written(N_ITEMS)
    for name, array in written(pairs, kind, threshold).arrays().items():
        np.testing.assert_array_equal(near.arrays()[name], array, err_msg=name)


def scored(table: csr_array, kind: int, threshold: float, **how: Any) -> np.ndarray:
    """What ``score_tiles`` gives; how: k, history, allowed, tiles (in another order)."""
    found = CoOccurrence.of(pairs_of(table), N_ITEMS)
    customers = np.arange(CUSTOMERS, dtype=np.int32)
    given = (table.indptr.astype(np.int64), found.places, table.data)
    bounds = bound_scores(customers, *given, found.most, found.buyers, kind, threshold)
    scores: np.ndarray = score_tiles(
        customers,
        *given,
        table.indices.astype(np.int32),
        found.counts,
        found.most,
        found.buyers,
        found.order,
        kind,
        threshold,
        how.get("tiles", np.arange(found.counts.shape[0])),
        bounds,
        how.get("k", 0),
        how.get("history", ANY),
        how.get("allowed", np.ones(N_ITEMS, dtype=bool)),
    )
    return scores


def plain(table: csr_array, kind: int, threshold: float) -> np.ndarray:
    """The scores from similarities that are written down."""
    near = written(pairs_of(table), kind, threshold)
    items = table.indptr.astype(np.int64), table.indices.astype(np.int32)
    customers = np.arange(CUSTOMERS, dtype=np.int32)
    scores: np.ndarray = score_neighbours(customers, *items, table.data, *near.arrays().values())
    return scores


@pytest.mark.parametrize("kind", KINDS)
@given(st.integers(0, 99), st.integers(1, 6))
@some
def test_all_scores_are_those_of_similarities_to_the_last_digit(
    kind: int, seed: int, threshold: int
) -> None:
    table = bought(seed)
    np.testing.assert_array_equal(scored(table, kind, threshold), plain(table, kind, threshold))


@pytest.mark.parametrize("kind", KINDS)
@given(
    st.integers(0, 99),
    st.integers(1, 6),
    st.sampled_from((1, 3, 10, 400)),
    st.sampled_from((ANY, REPEAT, NEW)),
    st.randoms(use_true_random=False),
)
@some
def test_what_is_left_out_is_worse_than_the_k_best_that_a_list_may_hold(
    kind: int, seed: int, threshold: int, k: int, history: int, random: Any
) -> None:
    table = bought(seed)
    allowed = np.random.default_rng(seed).random(N_ITEMS) < 0.7
    tiles = np.arange(-(-CoOccurrence.of(pairs_of(table), N_ITEMS).order.size // TILE))
    random.shuffle(tiles)
    how = {"k": k, "history": history, "allowed": allowed, "tiles": tiles}
    found, full = scored(table, kind, threshold, **how), plain(table, kind, threshold)
    there = found > -np.inf
    np.testing.assert_array_equal(found[there], full[there])
    eligible = np.broadcast_to(allowed, full.shape)
    if history != ANY:
        eligible = eligible & ((table.toarray() > 0) == (history == REPEAT))
    listable = np.where(eligible, full, -np.inf)
    kth = np.sort(listable, axis=1)[:, -min(k, N_ITEMS)][:, None]
    must = (listable >= kth) & (listable > -np.inf)  # ties of the last place, too
    assert there[must].all()


def test_most_is_left_out_where_few_are_listed() -> None:
    table = bought(1)
    full, found = plain(table, COUNT, 1), scored(table, COUNT, 1, k=3)
    assert (found > -np.inf).sum() < 0.1 * (full > -np.inf).sum()


def test_a_score_too_small_for_its_file_is_still_a_score() -> None:
    table = bought(2)
    table.data *= 2.0**-160  # float32 ends at 2 ** -149
    full = plain(table, JACCARD, 1)
    assert (full == 0).any()
    for k in (0, 400):
        np.testing.assert_array_equal(scored(table, JACCARD, 1, k=k), full)


@given(st.lists(st.integers(0, 9), min_size=1, max_size=30), st.integers(1, 5))
@some
def test_the_best_are_those_of_sorting(values: list[int], k: int) -> None:
    best = np.full(k, -np.inf, dtype=np.float32)
    for value in values:
        if value > best[-1]:
            insert(best, np.float32(value))
    padded = sorted(values, reverse=True)[:k] + [-np.inf] * (k - len(values))
    assert best.tolist() == padded
