"""Sums are in the order that is written down, bit for bit."""

import numpy as np
import pytest

from restock.kernels.policy import kernel
from restock.kernels.vectors import LANES, dot, multiply

pytestmark = pytest.mark.unit


@kernel
def dot_of(one: np.ndarray, other: np.ndarray) -> np.float32:
    return dot(one, other)


def in_lanes(one: np.ndarray, other: np.ndarray) -> np.float32:
    """Sixteen sums, folded in halves, then the rest one by one."""
    products = one * other
    whole = products.size - products.size % LANES
    sums = np.zeros(LANES, dtype=np.float32)
    for first in range(0, whole, LANES):
        sums += products[first : first + LANES]
    while sums.size > 1:
        half = sums.size // 2
        sums = sums[:half] + sums[half:]
    total = sums[0]
    for value in products[whole:]:
        total += value
    return total


@pytest.mark.parametrize("size", [0, 1, 15, 16, 17, 64, 100, 129])
def test_a_dot_product_has_one_order(size: int) -> None:
    rng = np.random.default_rng(size)
    one, other = rng.standard_normal((2, size)).astype(np.float32)
    assert dot_of(one, other) == in_lanes(one, other)
    np.testing.assert_allclose(dot_of(one, other), one @ other, rtol=1e-4, atol=1e-5)


@pytest.mark.parametrize("size", [1, 7, 8, 9, 50])
def test_a_product_is_that_of_numpy(size: int) -> None:
    rng = np.random.default_rng(size)
    vector, matrix = rng.standard_normal(size), rng.standard_normal((size, size + 3))
    out = np.full(size + 3, np.nan, dtype=np.float32)
    multiply(vector.astype(np.float32), matrix.astype(np.float32), out)
    np.testing.assert_allclose(out, vector @ matrix, rtol=1e-4, atol=1e-5)
