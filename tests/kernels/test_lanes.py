"""What is done to lanes is what numpy does to eight numbers, bit for bit."""

import operator
from collections.abc import Callable
from typing import Any

import numpy as np
import pytest

from restock.kernels.lanes import WIDTH, at_least, largest, put, row, spread
from restock.kernels.policy import kernel

pytestmark = pytest.mark.unit


@kernel
def computed(one: np.ndarray, other: np.ndarray, out: np.ndarray) -> None:
    a, b = row(one, 0), row(other, 1)
    put(a + b, out, 0)
    put(a - b, out, 1)
    put(a * b, out, 2)
    put(a / b, out, 3)
    put(spread(0.1) * b, out, 4)
    put(at_least(a, b, 3.0), out, 5)


@kernel
def largest_of(matrix: np.ndarray, at: int) -> float:
    return largest(row(matrix, at))


def numbers(kind: Any) -> np.ndarray:
    return np.random.default_rng(0).integers(1, 60_000, (2, WIDTH)).astype(kind)


@pytest.mark.parametrize("kind", [np.float64, np.float32, np.int32, np.uint16])
def test_arithmetic_is_lane_by_lane(kind: Any) -> None:
    one, other = np.random.default_rng(1).standard_normal((2, WIDTH)), numbers(kind)
    other[1, ::3] = 2
    out = np.full((6, WIDTH), np.nan)
    computed(one, other, out)
    signs: list[Callable[[Any, Any], Any]]
    signs = [operator.add, operator.sub, operator.mul, operator.truediv]
    for sign, found in zip(signs, out, strict=False):
        np.testing.assert_array_equal(found, sign(one[0], other[1].astype(np.float64)))
    np.testing.assert_array_equal(out[4], 0.1 * other[1].astype(np.float64))
    np.testing.assert_array_equal(out[5], np.where(other[1] >= 3, one[0], 0))


@pytest.mark.parametrize("kind", [np.float64, np.float32, np.int32, np.uint16])
def test_the_largest_is_found_wherever_it_is(kind: Any) -> None:
    for lane in range(WIDTH):
        matrix = numbers(kind)
        matrix[1, lane] = 65_000  # more than an int16 holds
        assert largest_of(matrix, 1) == 65_000
    negative = -np.abs(numbers(np.float64))
    assert largest_of(negative, 0) == negative[0].max()
