"""The kernels of similar customers on a handful of numbers, against plain numpy."""

import numpy as np
import pytest

from restock.kernels.customers import keep_closest, nearest_rows, score_near
from restock.kernels.neighbours import transpose

pytestmark = pytest.mark.unit


def rows(table: np.ndarray) -> tuple[np.ndarray, np.ndarray, np.ndarray]:
    """A dense table as CSR."""
    indptr = np.append(0, np.cumsum((table != 0).sum(axis=1)))
    return indptr, np.nonzero(table)[1].astype(np.int32), table[table != 0].astype(float)


def nearest(table: np.ndarray, *, square: np.ndarray, floor: float, k: int) -> list[list[int]]:
    """The k nearest rows of each row, found in two blocks."""
    indptr, items, weights = rows(table)
    start, by_item, places = transpose(indptr, items, table.shape[1])
    found: list[list[int]] = []
    middle, n = len(table) // 2, len(table)
    for first, last in ((0, middle), (middle, n)):
        count, codes, _ = nearest_rows(
            first,
            last,
            indptr,
            items,
            weights,
            start,
            by_item,
            weights[places],
            square,
            floor,
            k,
        )
        found += [row[:size].tolist() for row, size in zip(codes, count, strict=True)]
    return found


def test_of_equally_close_ones_the_first_stay_and_the_order_too() -> None:
    rounded = np.array([1, 3, 2, 3, 2, 2], dtype=np.float32)
    codes, closeness = np.arange(6, dtype=np.int32), rounded.astype(float)
    least = keep_closest(codes, closeness, rounded, np.empty(6, np.float32), 6, 4)
    assert least == 2
    assert codes[:4].tolist() == [1, 2, 3, 4]
    assert rounded[:4].tolist() == closeness[:4].tolist() == [3, 2, 3, 2]


@pytest.mark.parametrize("k", [1, 2, 5, 30])
def test_the_nearest_by_distance_and_by_product_are_those_of_numpy(k: int) -> None:
    rng = np.random.default_rng(k)
    table = rng.integers(1, 4, (40, 12)) * (rng.random((40, 12)) < 0.3)
    table[:, 0] += table.sum(axis=1) == 0  # nobody is empty; small numbers make many ties
    square = (table.astype(float) ** 2).sum(axis=1)
    distance = ((table[:, None] - table[None]) ** 2).sum(axis=2)
    for closeness, floor, own in (
        (-distance, -np.inf, square),
        (2 * table @ table.T, 0.0, np.zeros(40)),
    ):
        expected = []
        for row, values in enumerate(closeness):
            order = np.argsort(-values, kind="stable")
            near = [int(other) for other in order if other != row and values[other] > floor]
            expected.append(sorted(near[:k]))
        assert nearest(table, square=own, floor=floor, k=k) == expected


def test_a_score_is_what_the_customer_and_the_near_ones_say() -> None:
    table = np.array([[1.0, 0, 2, 0], [0, 3, 0, 0], [0, 1, 1, 0]])
    start, near = np.array([0, 2, 2, 3]), np.array([1, 2, 0], dtype=np.int32)
    weight = np.array([0.5, 0.25, 2.0])
    asked = np.array([2, 0, 1], dtype=np.int32)
    scores = score_near(asked, *rows(table), 0.5, start, near, weight, 4)
    mix = np.array([[0, 0.5, 0.25], [0, 0, 0], [2.0, 0, 0]])
    expected = (0.5 * table + mix @ table)[asked]
    np.testing.assert_array_equal(scores, np.where(expected > 0, expected, -np.inf))
