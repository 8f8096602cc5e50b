"""A new plan against the one before: rolled back when it is worse, seldom when it is not."""

import datetime as dt

import numpy as np
import pandas as pd
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from restock.dataset import Interactions
from restock.monitoring.policy import DriftPolicy
from restock.monitoring.succession import Succession, _boundary, compare_plans, paired

pytestmark = pytest.mark.unit

START = dt.date(2024, 1, 1)
POLICY = DriftPolicy()
K = 3


def day(at: int) -> dt.date:
    return START + dt.timedelta(days=at)


def lists(items: list[int], customers: int = 30) -> pd.DataFrame:
    """Everybody gets these items, best first."""
    return pd.DataFrame(
        [
            {"customer_id": f"c{customer:02d}", "rank": rank, "item_id": f"i{item}"}
            for customer in range(customers)
            for rank, item in enumerate(items, 1)
        ]
    )


def orders(days: int) -> Interactions:
    """Each of 30 customers buys one of items 0 to 4 each day."""
    random = np.random.default_rng(1)
    rows = [
        {
            "market": "FR",
            "customer_id": f"c{customer:02d}",
            "order_id": f"{customer} {at}",
            "item_id": f"i{random.integers(5)}",
            "timestamp": pd.Timestamp(day(at)) + pd.Timedelta(hours=10),
            "quantity": 1.0,
            "unit_price": 2.0,
        }
        for at in range(days)
        for customer in range(30)
    ]
    return Interactions.from_frame(pd.DataFrame(rows)).before(day(days))


def compared(days: int, new: list[int], old: list[int], first: int = 0) -> Succession | None:
    return compare_plans(orders(days), "FR", lists(new), lists(old), day(first), K, POLICY)


def test_a_worse_plan_is_worse_and_the_better_one_is_not() -> None:
    worse, better = compared(20, [0, 8, 9], [0, 1, 2]), compared(20, [0, 1, 2], [0, 8, 9])
    assert worse is not None and better is not None
    assert worse.worse and worse.difference < worse.high < 0
    assert not better.worse and better.difference == pytest.approx(-worse.difference)
    assert worse.days == 20 - POLICY.label_delay_days and worse.orders == worse.days * 30


def test_the_same_lists_do_not_differ() -> None:
    found = compared(20, [0, 1, 2], [0, 1, 2])
    assert found is not None and not found.worse and found.difference == 0


def test_only_final_days_of_the_trial_count() -> None:
    assert compared(POLICY.label_delay_days, [0], [1]) is None
    assert compared(10, [0], [1], first=9) is None
    long = compared(POLICY.trial_days + 20, [0], [1], first=5)
    assert long is not None and long.days == POLICY.trial_days


def draw(
    random: np.random.Generator, mean: float, days: int, customers: int = 150
) -> tuple[np.ndarray, np.ndarray, np.ndarray]:
    """Differences of 30 orders a day by customers of whom each likes one plan better."""
    at = np.repeat(np.arange(days), 30)
    customer = random.integers(0, customers, at.size)
    liking = random.normal(0, 0.1, customers)
    return mean + liking[customer] + random.normal(0, 0.15, at.size), customer, at


def ever_worse(difference: np.ndarray, customer: np.ndarray, at: np.ndarray) -> bool:
    """Looked at every day."""
    ends = np.flatnonzero(np.diff(at, append=at[-1] + 1)) + 1
    return any(
        paired(difference[:n], customer[:n], at[:n], POLICY.false_rollbacks).worse for n in ends
    )


@pytest.mark.thorough
def test_equal_plans_are_seldom_rolled_back_however_often_one_looks() -> None:
    random = np.random.default_rng(2)
    assert np.mean([ever_worse(*draw(random, 0.0, 56)) for _ in range(120)]) <= 0.05


def test_the_boundary_is_seldom_crossed_in_a_very_long_time() -> None:
    steps = np.arange(1, 20_001)
    boundary = np.array([_boundary(float(n), int(n), 0.05) for n in steps[99:]])
    random = np.random.default_rng(4)
    crossed = [
        bool((np.cumsum(random.normal(size=steps.size))[99:] < -boundary).any())
        for _ in range(1000)
    ]
    assert 0.005 <= np.mean(crossed) <= 0.05


def test_a_plan_that_is_worse_is_found() -> None:
    random = np.random.default_rng(3)
    assert np.mean([ever_worse(*draw(random, -0.05, 56)) for _ in range(30)]) >= 0.9


@given(st.integers(0, 999), st.floats(0.1, 5))
@settings(deadline=None, max_examples=30)
def test_the_order_of_rows_and_the_unit_of_the_metric_say_nothing(seed: int, unit: float) -> None:
    random = np.random.default_rng(seed)
    difference, customer, at = draw(random, -0.03, 8)
    mixed = random.permutation(at.size)
    one = paired(difference, customer, at, 0.05)
    two = paired(unit * difference[mixed], customer[mixed], at[mixed], 0.05)
    assert one.worse == two.worse
    assert two.difference == pytest.approx(unit * one.difference)
    assert (two.low, two.high) == pytest.approx((unit * one.low, unit * one.high))


def test_a_handful_of_orders_decides_nothing() -> None:
    few = np.full(40, -0.5) + np.random.default_rng(0).normal(0, 0.01, 40)
    assert not paired(few, np.arange(40), np.zeros(40, dtype=int), 0.05).worse
