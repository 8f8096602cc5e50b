"""How well lists serve a market: means over its realised ledger, and how they changed."""

import datetime as dt
from typing import NamedTuple

import numpy as np
import pandas as pd

from restock.evaluation.estimates import mean_of_ratio
from restock.monitoring.findings import Point
from restock.monitoring.online import Rate

WINDOW_DAYS = 28
MEASURES = {
    "ndcg": ("ndcg", "orders"),
    "captured": ("captured", "spend"),
    "taken": ("taken", "orders"),
}
"""Measure → the columns of the ledger whose sums it is the ratio of."""


def window_mean(days: pd.DataFrame, measure: str, first: dt.date, end: dt.date) -> Rate | None:
    """The mean of a measure from ``first`` (inclusive) to ``end`` (exclusive).

    None where nobody ordered. The interval has days as clusters: what moves a whole day (a
    holiday, a campaign) is in it.
    """
    found = _Ratio.of(days, measure, first, end)
    if found is None:
        return None
    if np.isnan(found.error):
        return Rate(value=found.value)
    return Rate(value=found.value, low=found.value - found.error, high=found.value + found.error)


def change(days: pd.DataFrame, measure: str, at: dt.date, length: int = WINDOW_DAYS) -> Rate | None:
    """How a measure changed on a day: the ``length`` days from it on minus those before it.

    None where one side has no order; fewer days than ``length`` count as far as they are there.
    """
    window = dt.timedelta(days=length)
    before = _Ratio.of(days, measure, at - window, at)
    after = _Ratio.of(days, measure, at, at + window)
    if before is None or after is None:
        return None
    value = after.value - before.value
    error = float(np.hypot(before.error, after.error))
    if np.isnan(error):
        return Rate(value=value)
    return Rate(value=value, low=value - error, high=value + error)


def by_week(days: pd.DataFrame, measure: str, end: dt.date, weeks: int = 26) -> tuple[Point, ...]:
    """The mean of each of the last weeks before ``end``, oldest first, of weeks with orders."""
    points = []
    for back in range(weeks, 0, -1):
        first = end - dt.timedelta(days=7 * back)
        found = window_mean(days, measure, first, first + dt.timedelta(days=7))
        if found is not None:
            points.append(Point(day=first + dt.timedelta(days=6), value=found.value))
    return tuple(points)


class _Ratio(NamedTuple):
    """A ratio of sums and the half width of its 95 % interval (NaN of one day)."""

    value: float
    error: float

    @classmethod
    def of(cls, days: pd.DataFrame, measure: str, first: dt.date, end: dt.date) -> "_Ratio | None":
        above, below = MEASURES[measure]
        here = (days["day"] >= pd.Timestamp(first)) & (days["day"] < pd.Timestamp(end))
        rows = days[here & (days[below] > 0)]
        if rows.empty:
            return None
        mean = mean_of_ratio(
            rows[above].to_numpy(np.float64),
            rows[below].to_numpy(np.float64),
            rows["day"].to_numpy(),
        )
        return cls(mean.value, mean.high - mean.value)
