"""Means over the realised ledger, and whether something helped."""

import datetime as dt

import numpy as np
import pandas as pd
import pytest
from hypothesis import given
from hypothesis import strategies as st

from restock.monitoring.health import by_week, change, window_mean

pytestmark = pytest.mark.unit

START = dt.date(2024, 1, 1)


def ledger(ndcg: np.ndarray, orders: int = 50) -> pd.DataFrame:
    """A day after the other with these means, and what lists captured of 10 a head."""
    days = len(ndcg)
    return pd.DataFrame(
        {
            "day": pd.date_range(START, periods=days).astype("datetime64[s]"),
            "orders": orders,
            "ndcg": ndcg * orders,
            "captured": 4.0 * orders,
            "spend": 10.0 * orders,
            "taken": orders // 2,
        }
    )


def day(at: int) -> dt.date:
    return START + dt.timedelta(days=at)


def test_a_window_counts_its_own_days_weighted_by_orders() -> None:
    days = ledger(np.array([0.1, 0.2, 0.4, 0.9]))
    days.loc[1, ["orders", "ndcg"]] = [150, 150 * 0.2]
    found = window_mean(days, "ndcg", day(1), day(3))
    assert found is not None
    assert found.value == pytest.approx((150 * 0.2 + 50 * 0.4) / 200)
    assert found.low is not None and found.low < found.value < (found.high or 0)
    assert window_mean(days, "captured", day(0), day(4)).value == pytest.approx(0.4)  # type: ignore[union-attr]
    assert window_mean(days, "ndcg", day(7), day(9)) is None
    one_day = window_mean(days, "ndcg", day(3), day(4))
    assert one_day is not None and one_day.low is None


@pytest.mark.thorough
def test_intervals_hold_what_is_true_where_whole_days_move() -> None:
    random, held = np.random.default_rng(1), []
    for _ in range(400):
        found = window_mean(ledger(random.normal(0.3, 0.05, 28)), "ndcg", day(0), day(28))
        held.append(found.low <= 0.3 <= found.high)  # type: ignore[union-attr, operator]
    assert 0.90 <= np.mean(held) <= 0.98


def test_a_step_up_is_seen_where_it_happened_and_nowhere_else() -> None:
    noise = np.random.default_rng(2).normal(0, 0.01, 100)
    days = ledger(np.repeat([0.2, 0.3], 50) + noise)
    helped = change(days, "ndcg", day(50))
    assert helped is not None and helped.low is not None
    assert helped.low > 0.08 and helped.value == pytest.approx(0.1, abs=0.02)
    quiet = change(days, "ndcg", day(75), 20)
    assert quiet is not None and (quiet.low or 0) < 0 < (quiet.high or 0)
    assert change(days, "ndcg", day(0)) is None and change(days, "ndcg", day(100)) is None


@given(st.permutations(range(10)))
def test_the_order_of_rows_does_not_matter(order: list[int]) -> None:
    days = ledger(np.linspace(0.1, 0.9, 10))
    again = days.iloc[order].reset_index(drop=True)
    found, other = (window_mean(one, "ndcg", day(2), day(9)) for one in (days, again))
    assert found is not None and other is not None
    assert other.value == pytest.approx(found.value) and other.low == pytest.approx(found.low)


def test_weeks_end_at_the_end_and_empty_ones_are_left_out() -> None:
    days = ledger(np.linspace(0.1, 0.9, 21))
    days = days[(days["day"] < "2024-01-08") | (days["day"] >= "2024-01-15")]
    points = by_week(days, "ndcg", day(21))
    assert [point.day for point in points] == [day(6), day(20)]
    assert points[0].value < points[1].value
