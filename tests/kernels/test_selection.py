"""Top-k against sorting in plain Python."""

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from restock.kernels.selection import ANY, NEW, REPEAT, best_items, fill_up, first_ranked

pytestmark = pytest.mark.unit

N = 6
SCORE = st.sampled_from((-np.inf, np.nan, -2.0, -0.5, 0.0, 0.5, 0.5, 3.0))


@pytest.mark.thorough
@given(
    scores=st.lists(SCORE, min_size=N, max_size=N),
    bought=st.sets(st.integers(0, N - 1)),
    allowed=st.lists(st.booleans(), min_size=N, max_size=N),
    popular=st.permutations(range(N)),
    sold=st.integers(0, N),
    history=st.sampled_from((ANY, REPEAT, NEW)),
    k=st.integers(1, N + 2),
)
@settings(max_examples=1000, deadline=None, derandomize=True)
def test_it_is_sorting(
    scores: list[float],
    bought: set[int],
    allowed: list[bool],
    popular: list[int],
    sold: int,
    history: int,
    k: int,
) -> None:
    wanted = [
        item
        for item in range(N)
        if allowed[item] and (history == ANY or (item in bought) == (history == REPEAT))
    ]
    known = sorted((i for i in wanted if scores[i] > -np.inf), key=lambda i: (-scores[i], i))[:k]
    ranked = popular[:sold]
    rest = [item for item in ranked if item in wanted and item not in known][: k - len(known)]
    share = np.linspace(0.4, 0.1, N, dtype=np.float32)
    below = min([0.0, *(scores[i] for i in known)]) - 1

    bought_by = (np.array([0]), np.array([len(bought)]), np.array(sorted(bought), dtype=np.int32))
    how = (np.array(allowed), history)
    items, values = best_items(np.array([scores], dtype=np.float32), *bought_by, *how, k)
    assert items[0].tolist() == known + [-1] * (k - len(known))
    fallback = fill_up(
        items,
        values,
        *bought_by,
        *how,
        np.array([ranked + [-1] * (N - sold)], dtype=np.int32),
        share[None, :],
        np.array([0], dtype=np.int32),
    )
    size = len(known) + len(rest)
    assert items[0].tolist() == known + rest + [-1] * (k - size)
    expected = [scores[i] for i in known] + [below + share[ranked.index(i)] for i in rest]
    np.testing.assert_allclose(values[0], expected + [0.0] * (k - size), rtol=1e-6)
    assert fallback[0].tolist() == [False] * len(known) + [True] * len(rest) + [False] * (k - size)


@pytest.mark.thorough
@given(
    ranked=st.permutations(range(N)),
    sold=st.integers(0, N),
    bought=st.lists(st.sets(st.integers(0, N - 1)), min_size=1, max_size=3),
    allowed=st.lists(st.booleans(), min_size=N, max_size=N),
    history=st.sampled_from((ANY, REPEAT, NEW)),
    k=st.integers(1, N + 2),
)
@settings(max_examples=500, deadline=None, derandomize=True)
def test_the_first_of_a_ranking_are_the_best_of_its_scores(
    ranked: list[int], sold: int, bought: list[set[int]], allowed: list[bool], history: int, k: int
) -> None:
    share = np.linspace(0.4, 0.1, N, dtype=np.float32)
    scores = np.full((len(bought), N), -np.inf, dtype=np.float32)
    scores[:, ranked[:sold]] = share[:sold]
    scores[[not items for items in bought]] = -np.inf  # nothing is said of who bought nothing
    end = np.cumsum([len(items) for items in bought])
    own = np.array([item for items in bought for item in sorted(items)], dtype=np.int32)
    by_row = (np.concatenate([[0], end[:-1]]), end, own, np.array(allowed), history, k)
    order = np.array([ranked[:sold] + [-1] * (N - sold)], dtype=np.int32)
    row = np.zeros(len(bought), dtype=np.int32)
    found = first_ranked(order, share[None, :], row, *by_row)
    expected = best_items(scores, *by_row)
    np.testing.assert_array_equal(found[0], expected[0])
    np.testing.assert_array_equal(found[1], expected[1])


def test_one_row_leaves_nothing_behind_for_the_next() -> None:
    scores = np.full((2, 3), -np.inf, dtype=np.float32)
    bought_by = (np.array([0, 1]), np.array([1, 1]), np.array([0], dtype=np.int32))
    how = (np.ones(3, dtype=np.bool_), NEW)  # the second customer bought nothing
    items, values = best_items(scores, *bought_by, *how, 3)
    fill_up(
        items,
        values,
        *bought_by,
        *how,
        np.array([[0, 1, 2]], dtype=np.int32),
        np.array([[0.5, 0.3, 0.2]], dtype=np.float32),
        np.array([0, 0], dtype=np.int32),
    )
    assert items.tolist() == [[1, 2, -1], [0, 1, 2]]
