"""The statistics of a market's windows: what one holds, and how it differs from days before."""

from dataclasses import dataclass
from typing import Any, Self

import numpy as np
from numpy.typing import NDArray

from restock.kernels import windows as kernels
from restock.monitoring.market_days import MarketDays

Floats = NDArray[np.float64]
Days = NDArray[np.int64]
BEFORE = 4
"""A window is compared with so many lengths of it before: less noise than one against one."""
LATE = 7
"""What is gone is gone from the last three quarters of a window, and from a week at least."""
AWAY = 182
"""Days after which a customer who comes back is as good as new."""


@dataclass(frozen=True, eq=False)
class Windows:
    """Windows [end - width, end) of a market, one per end, each beside the days before it.

    ends: int64, numbers of days. customers: int64, who order in it. values: name of a statistic
    (``restock.monitoring.statistics``) → float64 per end, NaN where it cannot be told. ranges:
    the category whose prices moved most, -1 = none.
    """

    width: int
    ends: Days
    customers: NDArray[np.int64]
    values: dict[str, Floats]
    ranges: NDArray[np.int64]

    @classmethod
    def of(cls, days: MarketDays, width: int, ends: Days) -> Self:
        """The windows with these ends (ascending); each needs ``width * (1 + BEFORE)`` days."""
        if ends.size and (ends[0] < width * (1 + BEFORE) or ends[-1] > days.days):
            raise ValueError(f"ends lie in {width * (1 + BEFORE)} … {days.days}")
        spans = _Spans(width, ends)
        customers = spans.ordering(days, ends)
        found = spans.items(days)
        with np.errstate(divide="ignore", invalid="ignore"):
            values = {
                **_customers(days, spans, customers),
                **{name: found[column] for name, column in _OF_ITEMS.items()},
                "assortment": np.log(found[kernels.SOLD]),
                **_orders(days, spans, found[kernels.LINES]),
            }
            if days.ranges:
                values["category_js"] = _js(spans, _by_category(days))
        for value in values.values():
            value[(customers == 0) | ~np.isfinite(value)] = np.nan
        ranges = np.nan_to_num(found[kernels.RANGE], nan=-1.0).astype(np.int64)
        return cls(width, ends, customers, values, ranges)


_OF_ITEMS = {
    "item_js": kernels.JS,
    "new_item_rate": kernels.NEW,
    "lost_item_rate": kernels.LOST,
    "price_level": kernels.PRICE_LEVEL,
    "price_net": kernels.PRICE_NET,
    "range_prices": kernels.RANGE_NET,
}


@dataclass(frozen=True, eq=False)
class _Spans:
    """The days of each window, [start, end), and those before it, [begin, start)."""

    width: int
    ends: Days

    @property
    def start(self) -> Days:
        return self.ends - self.width

    @property
    def begin(self) -> Days:
        return self.ends - self.width * (1 + BEFORE)

    def now(self, per_day: NDArray[Any]) -> Floats:
        """Sums of daily numbers (days, …) over each window."""
        total = _running(per_day)
        return np.asarray(total[self.ends] - total[self.start])

    def before(self, per_day: NDArray[Any]) -> Floats:
        """The same over the days before each."""
        total = _running(per_day)
        return np.asarray(total[self.start] - total[self.begin])

    def ordering(self, days: MarketDays, ends: Days) -> NDArray[np.int64]:
        """Customers who order in the window's length before each of these ends."""
        orders = days.orders
        return kernels.ordering_customers(orders.indptr, orders.previous, ends, self.width)

    def items(self, days: MarketDays) -> Floats:
        """What ``kernels.slide`` finds, one row per column."""
        return kernels.slide(
            days.indptr, days.item, days.log_price, days.first_ordered[days.customer],
            days.first_sold, days.range_of, len(days.ranges), self.ends, self.width,
            self.width * BEFORE, max(3 * self.width // 4, min(self.width, LATE)),
        ).T  # fmt: skip


def _customers(days: MarketDays, spans: _Spans, customers: NDArray[np.int64]) -> dict[str, Floats]:
    """How much larger the share of new customers is than in the windows before."""
    earlier = np.zeros(spans.ends.size)
    for n in range(1, BEFORE + 1):
        earlier += spans.ordering(days, spans.ends - spans.width * n)
    orders = days.orders
    away = np.where(orders.previous < 0, days.days, orders.day - orders.previous) > AWAY
    fresh = {
        "new_customers": np.bincount(days.first_ordered, minlength=days.days),
        "unseen_customers": np.bincount(orders.day[away], minlength=days.days),
    }
    found = {
        name: spans.now(per_day) / customers - spans.before(per_day) / earlier
        for name, per_day in fresh.items()
    }
    found["unseen_customers"][spans.begin < AWAY] = np.nan
    return found


def _orders(days: MarketDays, spans: _Spans, lines: Floats) -> dict[str, Floats]:
    """Means over lines and orders, and how orders are spread over days."""
    orders, width = days.orders, days.days
    per_day = np.bincount(orders.day, minlength=width)
    many = spans.now(per_day)
    aside = spans.now(days.quarantined)
    daily = np.zeros((width, 7))
    daily[np.arange(width), days.weekday] = per_day
    ordered_lines, value = np.log(orders.lines), np.log(np.maximum(orders.value, 1e-9))
    now, before = many / spans.now(days.good), spans.before(per_day) / spans.before(days.good)
    return {
        "quantity": spans.now(days.per_day(days.log_quantity)) / lines,
        "basket_lines": spans.now(np.bincount(orders.day, ordered_lines, width)) / many,
        "order_value": spans.now(np.bincount(orders.day, value, width)) / many,
        "quarantined_share": aside / (aside + lines),
        "volume": np.log(now / before),  # per day that was not wrong
        "weekday_js": _js(spans, daily),
    }


def _by_category(days: MarketDays) -> Floats:
    """Lines by day and category."""
    known = days.range_of[days.item] >= 0
    width = len(days.ranges)
    cell = days.day[known].astype(np.int64) * width + days.range_of[days.item[known]]
    counts = np.bincount(cell, minlength=days.days * width)
    return counts.reshape(days.days, width).astype(np.float64)


def _js(spans: _Spans, daily: Floats) -> Floats:
    """Jensen-Shannon distance (base 2) of daily counts (days, levels), summed over both spans."""
    p, q = spans.before(daily), spans.now(daily)
    p, q = p / p.sum(axis=1, keepdims=True), q / q.sum(axis=1, keepdims=True)
    middle = (p + q) / 2
    terms = np.where(p > 0, p * np.log2(p / middle), 0.0)
    terms += np.where(q > 0, q * np.log2(q / middle), 0.0)
    return np.asarray(np.sqrt(np.maximum(terms.sum(axis=1) / 2, 0.0)))


def _running(per_day: NDArray[Any]) -> Floats:
    """Sums of what came before each day (days + 1, …)."""
    total = np.cumsum(per_day, axis=0, dtype=np.float64)
    return np.concatenate([np.zeros((1, *total.shape[1:])), total])
