"""Is the feed itself in order? Days whose lines must not be learned from, and why."""

from dataclasses import dataclass
from typing import Any, Self

import numpy as np
from numpy.typing import NDArray

from restock.kernels.windows import levels
from restock.monitoring.holidays import after_holidays, holidays
from restock.monitoring.market_days import MarketDays
from restock.monitoring.usual import moves, threshold, usual

Floats = NDArray[np.float64]
Flags = NDArray[np.bool_]

LEAST_LINES, LEAST_ORDERS, MOST_POOLED = 20, 8, 7
"""One customer is not the feed: days are pooled up to a week until there are as many."""
SCALED = float(np.log(5))
"""A price off by more than this factor is in another unit: pence, cases, another currency."""
MOST_SCALED = 0.1
MOST_REPEATED = 0.35
REPEATED_WITHIN = 7
ALL_EVEN, NO_CHANCE = 0.99, 20.0
"""All quantities are even, though it would be one chance in e ** 20: lines were added up twice."""
MORE_ASIDE, LEAST_ASIDE = 0.1, 10
ASIDE_DAYS, ASIDE_POOLED, LEVEL_DAYS = 56, 3, 28
RUNS = {2: 0.1, 3: 0.3, 5: 0.5, 10: 0.5}
"""Business days that are looked at together → share of the expected orders that is a collapse."""
FEW = 0.5
"""Days of such a run with this share of their orders or less are wrong."""
STOPPED = 0.15
"""The same when business comes back after holidays."""
OVERDISPERSION, LEAST_DUE = 2.0, 12
"""Variance of a run's orders in units of Poisson's, at least; expected orders below say nothing."""
WEEKS = 6
MEMORY, MOST_STEP = 20.0, 0.5


@dataclass(frozen=True, eq=False)
class Feed:
    """What was found on each day (all arrays over days).

    wrong: name → bool. seen: name → the number that decided (float64).
    """

    wrong: dict[str, Flags]
    seen: dict[str, Floats]

    @classmethod
    def of(cls, days: MarketDays, chance: float) -> Self:
        """Judge every day by what was known then. chance: of a false collapse, per day."""
        lines = np.diff(days.indptr)
        pools = _Pools.of(days)
        price = levels(days.indptr, days.item, days.log_price, _items(days), MEMORY, MOST_STEP)
        amount = levels(days.indptr, days.item, days.log_quantity, _items(days), MEMORY, MOST_STEP)
        scaled = pools.mean(np.where(np.isnan(price), np.nan, np.abs(price) > SCALED))
        amounts = pools.mean(amount)
        amounts = amounts - _before(amounts, LEVEL_DAYS, 0.5)
        even = pools.mean(days.quantity % 2 == 0)
        repeated = pools.mean(_repeated(days))
        aside, usual_aside = _aside(days, lines)
        collapsed, volume = _volume(days, chance)
        usually_even = _before(even, ASIDE_DAYS, 0.9)
        with np.errstate(invalid="ignore"):
            wrong = {
                "prices": (scaled >= MOST_SCALED),
                "quantities": np.abs(amounts) >= SCALED,
                "doubled": (even >= ALL_EVEN) & (-pools.lines * np.log(usually_even) >= NO_CHANCE),
                "repeated": repeated >= MOST_REPEATED,
                "quarantined": (days.quarantined >= LEAST_ASIDE)
                & (aside >= usual_aside + MORE_ASIDE),
                "orders": collapsed,
            }
        seen = {
            "prices": scaled,
            "quantities": np.exp(amounts),
            "doubled": np.exp(amounts),
            "repeated": repeated,
            "quarantined": aside,
            "orders": volume,
        }
        return cls(wrong, seen)

    @property
    def bad(self) -> Flags:
        """Days on which anything was wrong."""
        return np.logical_or.reduce(list(self.wrong.values()))


def _items(days: MarketDays) -> int:
    return int(days.first_sold.size)


def _per_order(days: MarketDays, of_line: NDArray[Any]) -> Floats:
    """The mean over each order's lines (orders sorted by day), NaN left out.

    Orders count alike, so that no large customer is taken for the feed.
    """
    told = ~np.isnan(of_line)
    place = days.orders.of_line[told]
    number = days.orders.day.size
    with np.errstate(invalid="ignore"):
        return np.asarray(
            np.bincount(place, of_line[told], number) / np.bincount(place, minlength=number)
        )


@dataclass(frozen=True)
class _Pools:
    """For each day the days up to it that have enough orders to judge by.

    first, lines: int64 (days), the first of these days, and lines of all. enough: bool, False
    where a week is too short, and without orders.
    """

    days: MarketDays
    first: NDArray[np.int64]
    enough: Flags
    lines: NDArray[np.int64]

    @classmethod
    def of(cls, days: MarketDays) -> Self:
        orders, lines = days.orders.indptr, days.indptr
        end = np.arange(days.days)
        first = np.searchsorted(orders, orders[1:] - LEAST_ORDERS, side="right") - 1
        enough = (first >= 0) & (end - first < MOST_POOLED) & (orders[1:] > orders[:-1])
        first = np.maximum(first, 0)
        many = lines[1:] - lines[first]
        return cls(days, first, enough & (many >= LEAST_LINES), many)

    def mean(self, of_line: NDArray[Any]) -> Floats:
        """The mean over the orders of each day's pool; NaN where they are too few."""
        means = _per_order(self.days, of_line)
        told = ~np.isnan(means)
        day = self.days.orders.day[told]
        sums = np.bincount(day, means[told], self.days.days).astype(np.float64)
        total, many = _running(sums), _running(np.bincount(day, minlength=self.days.days))
        with np.errstate(invalid="ignore"):
            mean = (total[1:] - total[self.first]) / (many[1:] - many[self.first])
        return np.where(self.enough, mean, np.nan)


def _repeated(days: MarketDays) -> Flags:
    """Lines whose customer bought as much of the item within the days before, or twice a day."""
    at = np.lexsort((days.day, days.quantity, days.item, days.customer))
    columns = [column[at] for column in (days.customer, days.item, days.quantity)]
    again = np.logical_and.reduce([column[1:] == column[:-1] for column in columns])
    again &= np.diff(days.day[at]) <= REPEATED_WITHIN
    flags = np.zeros(days.day.size, dtype=bool)
    flags[at[1:][again]] = True
    return flags


def _aside(days: MarketDays, lines: NDArray[np.int64]) -> tuple[Floats, Floats]:
    """Share of the lines of three days that was set aside, and the most in 56 days before."""
    aside, good = _running(days.quarantined), _running(lines)
    first = np.maximum(np.arange(days.days) - ASIDE_POOLED + 1, 0)
    more, rest = aside[1:] - aside[first], good[1:] - good[first]
    with np.errstate(invalid="ignore"):
        share = more / (more + rest)
    return share, _before(share, ASIDE_DAYS, 1.0)


def _before(daily: Floats, window: int, level: float) -> Floats:
    """A quantile over the days before each day; NaN where few are known."""
    padded = np.concatenate([np.full(window, np.nan), daily])[:-1]
    views = np.lib.stride_tricks.sliding_window_view(padded, window)
    found = np.full(daily.size, np.nan)
    known = np.count_nonzero(~np.isnan(views), axis=1)
    there = np.flatnonzero(known >= min(10, window // 2))
    ordered = np.sort(views[there], axis=1)  # NaN last
    place = level * (known[there] - 1)
    low, row = np.floor(place).astype(np.int64), np.arange(there.size)
    high = np.minimum(low + 1, known[there] - 1)
    found[there] = ordered[row, low] + (place - low) * (ordered[row, high] - ordered[row, low])
    return found


def _volume(days: MarketDays, chance: float) -> tuple[Flags, Floats]:
    """Days that end a run of business days with far too few orders.

    A day's expectation is the mean of the middle four of the same weekday's six before, holidays
    left out. Over a run of business days the log ratio of orders to expectation is held against
    what it usually was, and against chance (``OVERDISPERSION``).
    """
    orders = np.diff(days.orders.indptr).astype(np.float64)
    quiet = holidays(days.first, days.days)
    slow = after_holidays(days.first, days.days)
    expected = _expected(np.where(quiet, np.nan, orders))
    collapsed, lowest = np.zeros(days.days, dtype=bool), np.full(days.days, np.nan)
    business = np.flatnonzero(~quiet & (expected > 0.3 * _before(expected, 7, 0.5)))
    if business.size <= max(RUNS):
        return collapsed, lowest
    for run, most in RUNS.items():
        came, due = _sums(orders[business], run), _sums(expected[business], run)
        ratio = np.log((came + 0.5) / (due + 0.5))
        known = usual(ratio, np.maximum(due, 1).astype(np.int64), run, 26)
        least = np.sqrt(OVERDISPERSION / np.maximum(due, 1))
        move = moves(ratio, known, least)
        last = business[run - 1 :]
        share = came / np.maximum(due, 1e-9)
        low = (
            (share <= np.where(slow[last], min(STOPPED, most), most))
            & (move <= -threshold(known.windows, chance))
            & (due >= LEAST_DUE)
        )
        lowest[last] = np.fmin(lowest[last], share)
        for n in np.flatnonzero(low):
            days_of = business[n : n + run]
            collapsed[days_of[orders[days_of] <= FEW * expected[days_of]]] = True
            collapsed[days_of[-1]] = True
    return collapsed, lowest


def _expected(orders: Floats) -> Floats:
    """Mean of the middle four of the six values that lie whole weeks before; NaN below three."""
    rows = np.arange(orders.size)[:, None] - 7 * np.arange(1, WEEKS + 1)
    earlier = np.sort(np.where(rows >= 0, orders[np.maximum(rows, 0)], np.nan), axis=1)
    known = np.count_nonzero(~np.isnan(earlier), axis=1)
    found = np.full(orders.size, np.nan)
    for many in range(3, WEEKS + 1):
        cut = (many - 1) // 3  # 6 → 1, 5 → 1, 4 → 1, 3 → 0
        rows_of = known == many
        found[rows_of] = earlier[rows_of, cut : many - cut].mean(axis=1)
    return found


def _running(values: NDArray[Any]) -> Floats:
    return np.concatenate([[0.0], np.cumsum(values, dtype=np.float64)])


def _sums(values: Floats, run: int) -> Floats:
    total = _running(values)
    return np.asarray(total[run:] - total[:-run])
