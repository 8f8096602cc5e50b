"""Statistics of windows against plain computations, and what is usual of them."""

import datetime as dt

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from restock.dataset import simulate
from restock.kernels import windows as kernels
from restock.monitoring.columns import js_distance
from restock.monitoring.market_days import MarketDays
from restock.monitoring.usual import moves, threshold, usual
from restock.monitoring.windows import Windows

pytestmark = pytest.mark.unit


@pytest.fixture(scope="module")
def days() -> MarketDays:
    orders = simulate(
        customers={"FR": 300}, items=200, days=150, start=dt.date(2024, 1, 1), seed=4
    ).interactions()
    return MarketDays.of(orders, "FR", orders.as_of_date)


def test_a_window_is_what_a_plain_count_gives(days: MarketDays) -> None:
    ends = np.array([40, 90, 146], dtype=np.int64)
    found = Windows.of(days, 7, ends)
    for row, end in enumerate(ends.tolist()):
        now = (days.day >= end - 7) & (days.day < end)
        before = (days.day >= end - 35) & (days.day < end - 7)
        here = set(days.customer[now].tolist())
        assert found.customers[row] == len(here)
        counts = [
            np.bincount(days.item[part], minlength=days.first_sold.size).astype(float)
            for part in (before, now)
        ]
        used = counts[0] + counts[1] > 0
        values = {name: float(value[row]) for name, value in found.values.items()}
        assert values["item_js"] == pytest.approx(js_distance(counts[0][used], counts[1][used]))
        known = now & (days.first_ordered[days.customer] < end - 7)
        fresh = days.first_sold[days.item[known]] >= end - 7
        assert values["new_item_rate"] == pytest.approx(fresh.mean())
        theirs = np.bincount(days.item[known], minlength=counts[0].size)
        due = counts[0] * known.sum() / before.sum()
        lost = (due * ((theirs == 0) - np.exp(-due))).sum() / known.sum()
        assert values["lost_item_rate"] == pytest.approx(lost)
        assert np.exp(values["assortment"]) == pytest.approx((counts[1] > 0).sum())
        assert values["quantity"] == pytest.approx(np.log(days.quantity[now]).mean())
        ratios = [
            days.log_price[now & (days.item == item)].mean()
            - days.log_price[before & (days.item == item)].mean()
            for item in np.flatnonzero((counts[0] >= 2) & (counts[1] >= 2))
        ]
        assert values["price_level"] == pytest.approx(np.median(ratios), abs=1e-12)
        moved = np.mean(np.array(ratios) > kernels.MOVED) - np.mean(
            np.array(ratios) < -kernels.MOVED
        )
        assert values["price_net"] == pytest.approx(moved)
        newcomers = len(here - set(days.customer[days.day < end - 7].tolist()))
        weeks = [
            set(days.customer[(days.day >= e - 7) & (days.day < e)].tolist())
            for e in range(end - 28, end, 7)
        ]
        came = set(days.customer[before].tolist()) - set(
            days.customer[days.day < end - 35].tolist()
        )
        usually = len(came) / sum(map(len, weeks))
        assert values["new_customers"] == pytest.approx(newcomers / len(here) - usually)


@settings(max_examples=15, deadline=None)
@given(st.lists(st.integers(35, 150), min_size=1, max_size=6, unique=True))
def test_sliding_gives_what_starting_afresh_gives(ends: list[int]) -> None:
    orders = simulate(customers={"FR": 60}, items=80, days=150, seed=4).interactions()
    known = MarketDays.of(orders, "FR", orders.as_of_date)
    ends = [end for end in ends if end <= known.days] or [known.days]
    together = Windows.of(known, 7, np.array(sorted(ends), dtype=np.int64))
    for row, end in enumerate(sorted(ends)):
        alone = Windows.of(known, 7, np.array([end], dtype=np.int64))
        for name, value in alone.values.items():
            np.testing.assert_allclose(together.values[name][row], value[0], atol=1e-9)


def test_ends_without_days_before_them_are_refused(days: MarketDays) -> None:
    with pytest.raises(ValueError, match="35"):
        Windows.of(days, 7, np.array([34], dtype=np.int64))


def test_what_is_usual_is_not_hidden_by_an_odd_week() -> None:
    rng = np.random.default_rng(0)
    value = rng.normal(5.0, 0.1, size=40)
    sizes = np.full(40, 100)
    calm = usual(value, sizes, 1, 26)
    value[30] = 50.0
    known = usual(value, sizes, 1, 26)
    assert known.spread[39] < 2 * calm.spread[39]
    assert moves(value, known, 0.0)[30] > 100
    assert known.windows[39] == 26
    assert np.isnan(known.centre[:8]).all() and np.isfinite(known.centre[8])


@settings(max_examples=30, deadline=None)
@given(st.floats(-5, 5), st.floats(0.1, 10), st.integers(0, 1000))
def test_moves_do_not_depend_on_unit_or_origin(shift: float, scale: float, seed: int) -> None:
    value = np.random.default_rng(seed).normal(size=30)
    sizes = np.full(30, 100)
    one = moves(value, usual(value, sizes, 1, 20), 0.0)
    other = moves(shift + scale * value, usual(shift + scale * value, sizes, 1, 20), 0.0)
    np.testing.assert_allclose(one, other, atol=1e-6)


def test_fewer_customers_are_allowed_to_vary_more() -> None:
    value = np.random.default_rng(1).normal(0.0, 0.1, size=31)
    sizes = np.full(31, 400)
    sizes[-1] = 100
    known = usual(value, sizes, 1, 30)
    assert known.spread[-1] == pytest.approx(2 * usual(value, np.full(31, 400), 1, 30).spread[-1])


def test_few_windows_need_a_larger_move() -> None:
    few, many = threshold(np.array([8, 26]), 1e-5)
    assert few > many > threshold(np.array([26]), 1e-3)[0]


def test_false_alarms_are_as_rare_as_told() -> None:
    rng = np.random.default_rng(2)
    alarms = 0
    value = rng.normal(size=20_000)
    known = usual(value, np.full(value.size, 100), 1, 26)
    move = moves(value, known, 0.0)
    alarms = int((move > threshold(known.windows, 1e-3)).sum())
    assert alarms <= 50  # 20 are expected if the spread were known exactly
