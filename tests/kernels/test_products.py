"""Products of factors are those of numpy, whatever the shape."""

import numpy as np
import pytest

from restock.kernels.lanes import WIDTH
from restock.kernels.products import ROWS_PER_TILE, gram, score_factors

pytestmark = pytest.mark.unit


@pytest.mark.parametrize("k", [1, WIDTH - 1, WIDTH, WIDTH + 1, 50])
@pytest.mark.parametrize("rows", [0, 1, ROWS_PER_TILE, 2 * ROWS_PER_TILE + 1])
def test_it_is_the_product_of_the_rows_between(rows: int, k: int) -> None:
    factors = np.random.default_rng(k).standard_normal((rows + 5, k), dtype=np.float32)
    found = gram(3, 3 + rows, factors)
    some = factors[3 : 3 + rows].astype(np.float64)
    np.testing.assert_allclose(found, some.T @ some, rtol=1e-12, atol=1e-10)
    np.testing.assert_array_equal(found, found.T)


def test_sums_are_in_the_order_of_the_rows() -> None:
    """Large, small and minus large: what is left depends on the order, and on the precision."""
    column = np.array([1e8, 3.0, 1e8, 1.0], dtype=np.float32)
    factors = np.stack([column, np.array([1.0, 1e-8, -1.0, 1e-8], dtype=np.float32)], axis=1)
    expected = np.float64(0.0)
    for one, other in factors.astype(np.float64):
        expected += one * other
    assert gram(0, 4, factors)[0, 1] == expected != 0


@pytest.mark.parametrize("items", [1, WIDTH, WIDTH + 3])
def test_scores_are_products_above_nothing(items: int) -> None:
    """Of customers in any order, one of them without factors; items that are not all there are."""
    rng = np.random.default_rng(items)
    left, factors = (rng.standard_normal((n, 5), dtype=np.float32) for n in (20, items))
    tiles = np.zeros((-(-items // WIDTH), WIDTH, 5), dtype=np.float32)
    tiles.reshape(-1, 5)[:items] = factors
    right = np.ascontiguousarray(tiles.transpose(0, 2, 1))
    rows, codes = np.array([7, -1, *range(17)]), np.arange(items, dtype=np.int32) * 2 + 1
    scores = score_factors(rows, left, right, codes, 2 * items + 2)
    expected = np.full(scores.shape, -np.inf, dtype=np.float32)
    product = left[rows].astype(np.float64) @ factors.T.astype(np.float64)
    expected[:, codes] = np.where((product > 0) & (rows >= 0)[:, None], product, -np.inf)
    np.testing.assert_allclose(scores, expected, rtol=1e-6)
