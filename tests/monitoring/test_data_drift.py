"""What moved in a market is found and named; what did not is left alone."""

import datetime as dt
from dataclasses import replace
from functools import cache
from typing import Any

import numpy as np
import pandas as pd
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from numpy.typing import NDArray

from restock.dataset import Interactions, simulate
from restock.dataset.interactions import LINE_COLUMNS, minute_of
from restock.monitoring.data_drift import check_data
from restock.monitoring.findings import Cause, Check
from restock.monitoring.planned import Planned

pytestmark = pytest.mark.unit

START = dt.date(2024, 1, 1)
ONSET = dt.date(2025, 3, 10)
AFTER = ONSET + dt.timedelta(days=7)


@cache
def world() -> Interactions:
    """A market of some 130 ordering customers a week."""
    return simulate(
        customers={"FR": 2000}, items=1200, days=640, start=START, seed=5
    ).interactions()


def changed(orders: Interactions, **columns: Any) -> Interactions:
    return replace(orders, **columns)


def kept(orders: Interactions, lines: NDArray[np.bool_]) -> Interactions:
    return changed(orders, **{name: getattr(orders, name)[lines] for name in LINE_COLUMNS})


def late(orders: Interactions, day: dt.date = ONSET) -> NDArray[np.bool_]:
    return orders.minute >= minute_of(day)


def some(count: int, part: float) -> NDArray[np.bool_]:
    return np.random.default_rng(3).random(count) < part


def dearer(orders: Interactions, times: float) -> Interactions:
    return changed(orders, value=np.where(late(orders), orders.value * times, orders.value))


def drifted(cause: Cause) -> Interactions:
    orders = world()
    if cause == "price shock":
        return dearer(orders, 1.15)
    if cause == "lost supplier":
        return kept(orders, ~(late(orders) & some(orders.n_items, 0.2)[orders.item]))
    if cause == "new assortment":
        return kept(orders, late(orders) | ~some(orders.n_items, 0.2)[orders.item])
    if cause == "new customers":
        return kept(orders, late(orders) | ~some(orders.n_customers, 0.35)[orders.customer])
    assert cause == "broken feed"
    return dearer(orders, 100)


def check(orders: Interactions, as_of: dt.date = AFTER, **options: Any) -> Check:
    return check_data(orders, "FR", as_of=as_of, markets=40, **options)


@pytest.mark.parametrize(
    ("cause", "statistic", "action"),
    [
        ("price shock", "price_level", "retrain"),
        ("lost supplier", "lost_item_rate", "retrain"),
        ("new assortment", "new_item_rate", "retrain"),
        ("new customers", "new_customers", "retrain"),
        ("broken feed", "feed_prices", "page"),
    ],
)
def test_a_cause_is_found_and_named(cause: Cause, statistic: str, action: str) -> None:
    (finding,) = check(drifted(cause)).findings
    assert (finding.cause, finding.severity, finding.action) == (cause, "alarm", action)
    assert finding.statistic == statistic
    assert finding.since is not None and finding.since >= ONSET
    if cause != "broken feed":
        assert finding.high is not None and finding.value > finding.high
        assert finding.p_value is not None and finding.p_value < 0.03


def test_larger_orders_without_a_cause_are_behaviour() -> None:
    orders = world()
    more = changed(orders, quantity=np.where(late(orders), orders.quantity * 2.5, orders.quantity))
    more = changed(more, value=orders.value * more.quantity / orders.quantity)  # same prices
    (finding,) = check(more).findings
    assert (finding.cause, finding.action) == ("behaviour", "retrain")
    assert finding.statistic in ("quantity", "order_value")


@pytest.mark.thorough
def test_nothing_is_cried_where_nothing_moved() -> None:
    for days in range(0, 200, 40):
        result = check(world(), ONSET + dt.timedelta(days=days))
        assert not [one for one in result.findings if one.severity == "alarm"]
        assert result.note == ""


def test_every_statistic_is_told_with_what_is_usual() -> None:
    measures = {one.name: one for one in check(world()).measures}
    assert len(measures) == 15  # nobody counted quarantined lines
    for measure in measures.values():
        assert [one.day for one in measure.points] == sorted(one.day for one in measure.points)
        assert measure.points[-1].day == AFTER - dt.timedelta(days=1)
        low, high = measure.points[-1].low, measure.points[-1].high
        assert low is not None and high is not None and low < high


@pytest.mark.parametrize(
    ("cause", "what"),
    [("price shock", "prices"), ("new assortment", "assortment"), ("new customers", "customers")],
)
def test_what_was_planned_is_noted(cause: Cause, what: Any) -> None:
    plan = Planned(what=what, first=ONSET, last=ONSET, note="as announced")
    (finding,) = check(drifted(cause), planned=[plan]).findings
    assert (finding.cause, finding.severity, finding.action) == (cause, "note", "note")
    assert "as announced" in finding.evidence
    over = Planned(what=what, first=START, last=ONSET - dt.timedelta(days=1))
    (finding,) = check(drifted(cause), planned=[over]).findings
    assert finding.severity == "alarm"


def test_a_broken_feed_is_never_planned() -> None:
    plan = Planned(what="prices", first=START, last=AFTER)
    (finding,) = check(drifted("broken feed"), planned=[plan]).findings
    assert (finding.severity, finding.action) == ("alarm", "page")


def test_the_same_move_a_year_ago_is_the_season() -> None:
    orders, sale = world(), np.zeros(len(world()), dtype=bool)
    days = dt.timedelta(days=7)
    for first in (ONSET + dt.timedelta(days=152), ONSET - dt.timedelta(days=212)):
        sale |= late(orders, first) & ~late(orders, first + days)
    cheap = changed(orders, value=np.where(sale, orders.value * 0.8, orders.value))
    (then,) = check(cheap, ONSET - dt.timedelta(days=212) + days).findings
    assert (then.cause, then.severity) == ("price shock", "alarm")
    (now,) = check(cheap, ONSET + dt.timedelta(days=152) + days).findings
    assert (now.cause, now.severity, now.action) == ("season", "note", "note")
    assert "a year ago" in now.evidence


@pytest.mark.thorough
def test_what_is_not_known_yet_changes_nothing() -> None:
    for cause in ("price shock", "new assortment", "new customers"):
        orders = drifted(cause)
        assert check(orders, ONSET) == check(orders.before(ONSET), ONSET)
    assert check(dearer(world(), 1.15), ONSET) == check(world(), ONSET)


def test_a_small_market_is_not_tested_and_says_so() -> None:
    small = simulate(customers={"FR": 60}, items=300, days=400, start=START, seed=1).interactions()
    result = check_data(small, "FR", as_of=small.as_of_date)
    assert not result.findings and "below 50" in result.note
    young = check_data(small, "FR", as_of=START + dt.timedelta(days=100))
    assert not young.findings and "in 7 days: below 50" in young.note
    short = check(world(), START + dt.timedelta(days=20))
    assert not short.findings and "too few" in short.note
    early = check(world(), START + dt.timedelta(days=60))
    assert not early.findings and "too little" in early.note
    before = check(world(), START)
    assert not before.findings and "no order lines" in before.note


def test_an_unknown_market_is_an_error() -> None:
    with pytest.raises(KeyError, match="no market"):
        check_data(world(), "XX", as_of=AFTER)


@pytest.mark.thorough
@settings(max_examples=3, deadline=None)
@given(st.integers(0, 2**31))
def test_neither_the_order_of_rows_nor_the_names_of_items_matter(seed: int) -> None:
    frame = _frame()
    shuffled = frame.sample(frac=1, random_state=seed % 2**31)
    ids = np.unique(frame["item_id"])
    names = dict(zip(ids, np.random.default_rng(seed).permutation(ids), strict=True))
    renamed = shuffled.assign(item_id=shuffled["item_id"].map(names))
    last = dt.date(2024, 9, 20)
    one = check_data(Interactions.from_frame(frame), "FR", as_of=last)
    assert check_data(Interactions.from_frame(shuffled), "FR", as_of=last) == one
    other = check_data(Interactions.from_frame(renamed), "FR", as_of=last)
    assert other.findings == one.findings or _near(other, one)
    assert _near(other, one)


def _near(one: Check, other: Check) -> bool:
    """The same up to the order in which floating-point numbers are added."""
    return all(
        np.allclose([p.value for p in a.points], [p.value for p in b.points], rtol=1e-9)
        for a, b in zip(one.measures, other.measures, strict=True)
    ) and [f.cause for f in one.findings] == [f.cause for f in other.findings]


@cache
def _frame() -> pd.DataFrame:
    return simulate(customers={"FR": 900}, items=300, days=270, start=START, seed=2).orders


def test_one_key_account_is_neither_the_feed_nor_behaviour() -> None:
    orders = world()
    week = late(orders) & ~late(orders, AFTER)
    buyer = np.bincount(orders.customer[week]).argmax()
    much = np.where(week & (orders.customer == buyer), np.float32(200), np.float32(1))
    bulk = changed(orders, quantity=orders.quantity * much, value=orders.value * much)
    assert not [one for one in check(bulk).findings if one.severity == "alarm"]
