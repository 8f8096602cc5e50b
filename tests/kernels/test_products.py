"""Products of columns are those of numpy, whatever the shape."""

import numpy as np
import pytest

from restock.kernels.lanes import WIDTH
from restock.kernels.products import ROWS_PER_TILE, gram

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
