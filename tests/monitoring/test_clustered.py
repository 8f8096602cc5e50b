"""Permutations that move whole customers, and what happens when rows are moved instead."""

from collections.abc import Callable

import numpy as np
import pytest
from numpy.typing import NDArray

from restock.monitoring.clustered import Permuted, swapped_js, swapped_ks, swapped_mean
from restock.monitoring.columns import js_distance

pytestmark = pytest.mark.unit

CUSTOMERS, LINES = 120, 12


def windows(
    seed: int,
) -> tuple[NDArray[np.int64], NDArray[np.float64], NDArray[np.int64], NDArray[np.bool_]]:
    """Customers with a level and tastes of their own; who orders in which window is chance."""
    rng = np.random.default_rng(seed)
    customer = np.repeat(np.arange(CUSTOMERS), LINES)
    level = np.repeat(rng.normal(size=CUSTOMERS), LINES) + 0.3 * rng.normal(size=customer.size)
    taste = rng.integers(0, 20, size=(CUSTOMERS, 2))
    item = taste[customer, rng.integers(0, 2, size=customer.size)]
    late = np.repeat(rng.random(CUSTOMERS) < 0.5, LINES)  # most order in one window only
    both = np.repeat(rng.random(CUSTOMERS) < 0.2, LINES)
    current = np.where(both, rng.random(customer.size) < 0.5, late)
    return customer, level, item, current


@pytest.mark.parametrize("test", [swapped_mean, swapped_ks])
def test_rows_alarm_where_customers_do_not(test: Callable[..., Permuted]) -> None:
    alarms = {"customers": 0, "rows": 0}
    worlds = 60
    for seed in range(worlds):
        customer, level, _, current = windows(seed)
        rows = np.arange(customer.size)
        alarms["customers"] += (
            test(customer, level, current, repetitions=199, seed=seed).p_value <= 0.05
        )
        alarms["rows"] += test(rows, level, current, repetitions=199, seed=seed).p_value <= 0.05
    assert alarms["customers"] <= 0.15 * worlds
    assert alarms["rows"] >= 0.5 * worlds


def test_item_mixes_are_told_apart_by_customers_only() -> None:
    alarms = np.zeros(2)
    for seed in range(40):
        customer, _, item, current = windows(seed)
        rows = np.arange(customer.size)
        alarms[0] += swapped_js(customer, item, current, repetitions=99, seed=seed).p_value <= 0.05
        alarms[1] += swapped_js(rows, item, current, repetitions=99, seed=seed).p_value <= 0.05
    assert alarms[0] <= 6 and alarms[1] >= 36


def test_a_move_of_everybody_is_found() -> None:
    customer, level, item, current = windows(1)
    moved = np.where(current, level + 2, level)
    assert swapped_mean(customer, moved, current).p_value == 0.001
    assert swapped_ks(customer, moved, current).p_value == 0.001
    assert swapped_js(customer, np.where(current, item + 7, item), current).p_value == 0.001


def test_the_observed_distance_is_the_plain_one_and_order_does_not_matter() -> None:
    customer, _, item, current = windows(3)
    found = swapped_js(customer, item, current)
    counts = [
        np.bincount(item[current == now], minlength=20).astype(float) for now in (False, True)
    ]
    assert found.value == pytest.approx(js_distance(*counts), abs=1e-12)
    shuffle = np.random.default_rng(0).permutation(customer.size)
    assert swapped_js(customer[shuffle] + 50, item[shuffle] * 3, current[shuffle]) == found


def test_an_empty_window_is_refused() -> None:
    with pytest.raises(ValueError, match="both windows"):
        swapped_mean(np.array([1, 2]), np.array([1.0, 2.0]), np.array([True, True]))
