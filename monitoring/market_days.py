"""The order lines of one market by day: what all statistics of data drift are computed from."""

import datetime as dt
from dataclasses import dataclass, replace
from functools import cached_property
from typing import Self

import numpy as np
import pandas as pd
from numpy.typing import NDArray

from restock.dataset import Interactions
from restock.dataset.interactions import MINUTES_PER_DAY, minute_of

Ints = NDArray[np.int32]
Floats = NDArray[np.float64]
_EPOCH = dt.date(1970, 1, 1)


@dataclass(frozen=True, eq=False)
class MarketDays:
    """Lines and orders of a market, each sorted by day; days count from its first line.

    first: the first day. days: how many there are before the day that is not known. quarantined:
    float64 (days), lines set aside on each, NaN everywhere when nobody counted them. good: bool
    (days), False for days that the feed delivered wrong; their lines are left out here.
    item, customer, order, day: int32, of each line; range_of: int32 (items), code of the
    category or -1. first_sold, first_ordered: int32, the first day of each item and customer.
    """

    first: dt.date
    days: int
    customer: Ints
    item: Ints
    order: Ints
    day: Ints
    quantity: Floats
    value: Floats
    range_of: Ints
    ranges: tuple[str, ...]
    first_sold: Ints
    first_ordered: Ints
    quarantined: Floats
    good: NDArray[np.bool_]

    @classmethod
    def of(
        cls,
        interactions: Interactions,
        market: str,
        as_of: dt.date,
        quarantined: pd.Series | None = None,
    ) -> Self:
        """What is known of a market before ``as_of``. ValueError when that is nothing.

        quarantined: lines set aside (index: days, those with any).
        """
        home = interactions.catalogue.customer_market == interactions.catalogue.market_code(market)
        mine = home[interactions.customer] & (interactions.minute < minute_of(as_of))
        if not mine.any():
            raise ValueError(f"{market} has no order lines before {as_of}")
        at = np.flatnonzero(mine)
        day = interactions.minute[at] // MINUTES_PER_DAY
        at = at[np.argsort(day, kind="stable")]
        day = interactions.minute[at] // MINUTES_PER_DAY
        first = _EPOCH + dt.timedelta(days=int(day[0]))
        days = (as_of - first).days
        day = (day - day[0]).astype(np.int32)
        customer = np.unique(interactions.customer[at], return_inverse=True)[1].astype(np.int32)
        items, item = np.unique(interactions.item[at], return_inverse=True)
        names = interactions.catalogue.items["category"].take(items).to_pandas()
        ranges, known = pd.factorize(names, sort=True)
        return cls(
            first=first,
            days=days,
            customer=customer,
            item=item.astype(np.int32),
            order=np.unique(interactions.order[at], return_inverse=True)[1].astype(np.int32),
            day=day,
            quantity=interactions.quantity[at].astype(np.float64),
            value=interactions.value[at].astype(np.float64),
            range_of=ranges.astype(np.int32),
            ranges=tuple(str(name) for name in known),
            first_sold=_first(item, day),
            first_ordered=_first(customer, day),
            quarantined=_by_day(quarantined, first, days),
            good=np.ones(days, dtype=bool),
        )

    def without(self, wrong: NDArray[np.bool_]) -> Self:
        """The same without the lines of the wrong days (bool, days); who is new stays as it is."""
        kept = ~wrong[self.day]
        lines = {
            name: getattr(self, name)[kept]
            for name in ("customer", "item", "order", "day", "quantity", "value")
        }
        return replace(self, **lines, good=self.good & ~wrong)

    def date(self, day: int) -> dt.date:
        """The date of a day's number."""
        return self.first + dt.timedelta(days=int(day))

    @cached_property
    def indptr(self) -> NDArray[np.int64]:
        """Where each day's lines start (int64, days + 1)."""
        return np.searchsorted(self.day, np.arange(self.days + 1)).astype(np.int64)

    @cached_property
    def orders(self) -> "Orders":
        """The orders, sorted by day."""
        return Orders.of(self)

    @cached_property
    def log_price(self) -> Floats:
        """Log of each line's unit price."""
        return np.log(np.maximum(self.value, 1e-9) / self.quantity)

    @cached_property
    def log_quantity(self) -> Floats:
        """Log of each line's quantity."""
        return np.log(self.quantity)

    def per_day(self, weight: Floats) -> Floats:
        """A weight per line, summed by day (float64, days)."""
        return np.bincount(self.day, weight, self.days).astype(np.float64)

    @cached_property
    def weekday(self) -> NDArray[np.int64]:
        """0 (Monday) … 6 of each day."""
        return (np.arange(self.days) + self.first.weekday()) % 7


@dataclass(frozen=True, eq=False)
class Orders:
    """One row per order: customer, day (int32), lines and value (float64).

    previous: the day of the customer's order before, -1 = none. indptr: where each day's start.
    of_line: int64, the row here of each line.
    """

    customer: Ints
    day: Ints
    lines: Floats
    value: Floats
    previous: Ints
    indptr: NDArray[np.int64]
    of_line: NDArray[np.int64]

    @classmethod
    def of(cls, days: MarketDays) -> Self:
        """The orders of a market's lines."""
        _, first, of_line = np.unique(days.order, return_index=True, return_inverse=True)
        lines = np.bincount(of_line).astype(np.float64)
        value = np.bincount(of_line, days.value).astype(np.float64)
        at = np.argsort(days.day[first], kind="stable")
        customer, day = days.customer[first][at], days.day[first][at]
        previous = np.full(day.size, -1, dtype=np.int32)
        by_customer = np.lexsort((day, customer))
        same = customer[by_customer][1:] == customer[by_customer][:-1]
        previous[by_customer[1:][same]] = day[by_customer[:-1][same]]
        indptr = np.searchsorted(day, np.arange(days.days + 1)).astype(np.int64)
        row = np.empty_like(at)
        row[at] = np.arange(at.size)
        return cls(customer, day, lines[at], value[at], previous, indptr, row[of_line])


def _first(code: NDArray[np.integer], day: Ints) -> Ints:
    """The first day of each code; lines are sorted by day."""
    return day[np.unique(code, return_index=True)[1]]


def _by_day(counts: pd.Series | None, first: dt.date, days: int) -> Floats:
    if counts is None:
        return np.full(days, np.nan)
    at = (pd.DatetimeIndex(counts.index).to_numpy() - np.datetime64(first)).astype(
        "timedelta64[D]"
    ).astype(np.int64)  # fmt: skip
    there = (at >= 0) & (at < days)
    found = np.bincount(at[there], counts.to_numpy(dtype=np.float64)[there], days)
    return found.astype(np.float64)
