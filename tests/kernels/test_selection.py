"""Top-k against sorting in plain Python."""

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from restock.kernels.selection import ANY, NEW, REPEAT, top_k

pytestmark = pytest.mark.unit

N = 6
SCORE = st.sampled_from((-np.inf, np.nan, -2.0, -0.5, 0.0, 0.5, 0.5, 3.0))


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

    items, values, fallback = top_k(
        np.array([scores], dtype=np.float32),
        np.array([0]),
        np.array([len(bought)]),
        np.array(sorted(bought), dtype=np.int32),
        np.array(allowed),
        history,
        np.array([ranked + [-1] * (N - sold)], dtype=np.int32),
        share[None, :],
        np.array([0], dtype=np.int32),
        k,
    )
    size = len(known) + len(rest)
    assert items[0].tolist() == known + rest + [-1] * (k - size)
    expected = [scores[i] for i in known] + [below + share[ranked.index(i)] for i in rest]
    np.testing.assert_allclose(values[0], expected + [0.0] * (k - size), rtol=1e-6)
    assert fallback[0].tolist() == [False] * len(known) + [True] * len(rest) + [False] * (k - size)


def test_one_row_leaves_nothing_behind_for_the_next() -> None:
    scores = np.full((2, 3), -np.inf, dtype=np.float32)
    items, _, _ = top_k(
        scores,
        np.array([0, 1]),
        np.array([1, 1]),  # the second customer bought nothing
        np.array([0], dtype=np.int32),
        np.ones(3, dtype=np.bool_),
        NEW,
        np.array([[0, 1, 2]], dtype=np.int32),
        np.array([[0.5, 0.3, 0.2]], dtype=np.float32),
        np.array([0, 0], dtype=np.int32),
        3,
    )
    assert items.tolist() == [[1, 2, -1], [0, 1, 2]]
