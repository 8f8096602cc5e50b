"""Merging ranked lists, place by place."""

import numpy as np
import pytest

from restock.kernels.merging import by_pattern, in_sequence, ranked
from restock.kernels.selection import ANY, NEW, REPEAT

pytestmark = pytest.mark.unit

NONE = -np.inf
LISTS = np.array([[[3, 1, -1]], [[1, 0, 2]]], dtype=np.int32)  # two members, one customer


def order(scores: np.ndarray) -> list[int]:
    """The items of the only row, best first."""
    (row,) = scores
    best = [int(item) for item in np.argsort(-row, kind="stable") if row[item] > NONE]
    assert row[best].tolist() == [np.float32(1 / place) for place in range(1, len(best) + 1)]
    return best


@pytest.mark.parametrize(
    ("places", "expected"),
    [
        ([9, 9], [3, 1, 0, 2]),
        ([1, 9], [3, 1, 0, 2]),
        ([9, 1], [3, 1, 0]),  # what is listed already takes no place
        ([1, 1], [3, 1]),
    ],
)
def test_members_come_one_after_the_other(places: list[int], expected: list[int]) -> None:
    assert order(in_sequence(LISTS, np.array(places), 5)) == expected


@pytest.mark.parametrize(
    ("pattern", "expected"),
    [
        ([0], [3, 1, 0, 2]),  # the first has nothing left: the second goes on
        ([1], [1, 0, 2, 3]),
        ([0, 1], [3, 1, 0, 2]),
        ([1, 1, 0], [1, 0, 3, 2]),
    ],
)
def test_places_go_by_the_pattern(pattern: list[int], expected: list[int]) -> None:
    assert order(by_pattern(LISTS, np.array(pattern), 5)) == expected


def test_nothing_to_list_is_no_score() -> None:
    nothing = np.full((2, 1, 3), -1, dtype=np.int32)
    assert order(in_sequence(nothing, np.array([3, 3]), 5)) == []
    assert order(by_pattern(nothing, np.array([0, 1]), 5)) == []


@pytest.mark.thorough
@pytest.mark.parametrize(
    ("history", "expected"),
    [(ANY, [2, 0, 3, -1]), (REPEAT, [0, -1, -1, -1]), (NEW, [2, 3, -1, -1])],
)
def test_what_is_known_is_ranked_best_first_equal_ones_by_code(
    history: int, expected: list[int]
) -> None:
    scores = np.array([[1.0, NONE, 5.0, 1.0]] * 2, dtype=np.float32)
    start, stop = np.array([0, 0]), np.array([2, 0])
    bought = np.array([0, 1], dtype=np.int32)
    rows = ranked(scores, start, stop, bought, history)
    assert rows[0].tolist() == expected
    other = {ANY: [2, 0, 3, -1], REPEAT: [-1] * 4, NEW: [2, 0, 3, -1]}  # one who bought nothing
    assert rows[1].tolist() == other[history]
