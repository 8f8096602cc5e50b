"""Faults of a feed, day by day; holidays and large customers are none."""

import datetime as dt
from functools import cache
from typing import Any

import numpy as np
import pandas as pd
import pytest

from restock.benchmarks.drift_faults import broken
from restock.dataset import Interactions, simulate
from restock.monitoring.data_drift import check_data
from restock.monitoring.feed import Feed
from restock.monitoring.holidays import after_holidays, easter, holidays
from restock.monitoring.market_days import MarketDays

pytestmark = pytest.mark.unit

START, DAY = dt.date(2024, 1, 1), dt.date(2024, 9, 9)  # a Monday


@cache
def orders() -> Interactions:
    return simulate(
        customers={"FR": 2000}, items=1200, days=400, start=START, seed=6
    ).interactions()


def feed(interactions: Interactions, as_of: dt.date, aside: pd.Series | None = None) -> Feed:
    return Feed.of(MarketDays.of(interactions, "FR", as_of, aside), 1e-5)


@pytest.mark.thorough
@pytest.mark.parametrize(
    ("kind", "fault", "days"),
    [
        ("stopped", "orders", 3),
        ("part", "orders", 7),
        ("aside", "quarantined", 2),
        ("pence", "prices", 1),
        ("dozens", "quantities", 2),
        ("doubled", "doubled", 2),
        ("again", "repeated", 2),
    ],
)
def test_a_fault_is_seen_within_days_and_said(kind: str, fault: str, days: int) -> None:
    wrong, aside = broken(orders(), "FR", DAY, kind, np.random.default_rng(1))
    as_of = DAY + dt.timedelta(days=days)
    found = feed(wrong, as_of, aside)
    assert found.wrong[fault][-1]
    assert not found.bad[:-days].any()
    (finding,) = check_data(wrong, "FR", as_of=as_of, quarantined=aside, markets=40).findings
    assert (finding.cause, finding.statistic) == ("broken feed", f"feed_{fault}")
    assert str(finding.since) in finding.evidence


def test_a_feed_in_order_has_no_fault_over_christmas_either() -> None:
    assert not feed(orders(), orders().as_of_date).bad.any()
    closed = holidays(START, 400)
    assert np.diff(MarketDays.of(orders(), "FR", DAY).indptr).min() == 0  # days without orders
    assert closed[:6].all() and not closed[10]


def test_lines_of_a_wrong_day_are_not_compared() -> None:
    wrong, _ = broken(orders(), "FR", DAY, "pence", np.random.default_rng(1))
    mended = wrong.before(DAY + dt.timedelta(days=2))
    rest = orders().between(DAY + dt.timedelta(days=2), orders().as_of_date)
    both: dict[str, Any] = {
        name: np.concatenate([getattr(mended, name), getattr(rest, name)])
        for name in ("customer", "item", "order", "minute", "quantity", "value")
    }
    from dataclasses import replace

    at = np.lexsort((both["item"], both["order"], both["minute"], both["customer"]))
    whole = replace(orders(), **{name: column[at] for name, column in both.items()})
    later = check_data(whole, "FR", as_of=DAY + dt.timedelta(days=8), markets=40)
    assert not [one for one in later.findings if one.severity == "alarm"]


def test_easter_and_the_weeks_after_holidays() -> None:
    assert [easter(year) for year in (2011, 2024, 2025, 2038)] == [
        dt.date(2011, 4, 24),
        dt.date(2024, 3, 31),
        dt.date(2025, 4, 20),
        dt.date(2038, 4, 25),
    ]
    assert holidays(dt.date(2024, 3, 27), 8).tolist() == [False, *[True] * 6, False]
    slow = after_holidays(dt.date(2024, 1, 1), 40)
    assert slow[:34].all() and not slow[34:].any()
