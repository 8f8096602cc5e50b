import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st

from restock.kernels.voting import add_votes, listed_with, named_items

pytestmark = pytest.mark.unit


@pytest.mark.thorough
@given(seed=st.integers(0, 10_000))
def test_lists_are_those_of_a_plain_sum(seed: int) -> None:
    random = np.random.default_rng(seed)
    voters, rows, depth, n_items, k = 3, 5, 4, 9, 4
    ballots = np.array(
        [[random.permutation(n_items)[:depth] for _ in range(rows)] for _ in range(voters)],
        dtype=np.int32,
    )
    ballots[random.random(ballots.shape) < 0.3] = -1
    votes = np.round(random.random(ballots.shape), 1).astype(np.float32)  # with ties
    weights = random.integers(1, 4, voters).astype(float)
    items, places = named_items(ballots, n_items)
    total = np.full(items.shape, -np.inf)
    for voter in range(voters - 1):
        add_votes(total, places[voter], votes[voter], weights[voter])
    before = total.copy()
    lists = listed_with(total, items, places[-1], votes[-1], weights[-1], k)
    np.testing.assert_array_equal(total, before)
    for row in range(rows):
        plain: dict[int, float] = {}
        for voter in range(voters):
            for item, vote in zip(ballots[voter, row], votes[voter, row], strict=True):
                if item >= 0:
                    plain[int(item)] = plain.get(int(item), 0.0) + weights[voter] * vote
        expected = sorted(plain, key=lambda item: (-round(plain[item], 9), item))[:k]
        found = [int(item) for item in lists[row] if item >= 0]
        assert [round(plain[i], 5) for i in found] == [round(plain[i], 5) for i in expected]
        assert set(lists[row][len(found) :]) <= {-1}


def test_equal_scores_go_to_the_lower_code() -> None:
    ballots = np.array([[[7, 2, 5]]], dtype=np.int32)
    items, places = named_items(ballots, 9)
    assert items.tolist() == [[2, 5, 7]]
    nothing = np.full(items.shape, -np.inf)
    votes = np.ones((1, 3), dtype=np.float32)
    assert listed_with(nothing, items, places[0], votes, 1.0, 2).tolist() == [[2, 5]]
