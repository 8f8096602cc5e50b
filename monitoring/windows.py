"""The statistics of a market's windows: what one holds, and how it differs from days before."""

from dataclasses import dataclass
from typing import Self

import numpy as np
from numpy.typing import NDArray

from restock.kernels import windows as kernels
from restock.monitoring.market_days import MarketDays

Floats = NDArray[np.float64]
BEFORE = 4
"""A window is compared with so many lengths of it before: less noise than one against one."""
LATE = 7
"""What is gone is gone from the last half of a window, but not from less than a week."""
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
    ends: NDArray[np.int64]
    customers: NDArray[np.int64]
    values: dict[str, Floats]
    ranges: NDArray[np.int64]

    @classmethod
    def of(cls, days: MarketDays, width: int, ends: NDArray[np.int64]) -> Self:
        """The windows with these ends (ascending); each needs ``width * (1 + BEFORE)`` days."""
        if ends.size and (ends[0] < width * (1 + BEFORE) or ends[-1] > days.days):
            raise ValueError(f"ends lie in {width * (1 + BEFORE)} … {days.days}")
        orders, begin = days.orders, ends - width * (1 + BEFORE)
        since = days.first_ordered[days.customer]
        found = kernels.slide(
            days.indptr, days.item, days.log_price, since, days.first_sold, days.range_of,
            len(days.ranges), ends, width, width * BEFORE,
            max(width // 2, min(width, LATE)),
        ).T  # fmt: skip
        customers = kernels.ordering_customers(orders.indptr, orders.previous, ends, width)
        earlier = np.sum(
            [
                kernels.ordering_customers(orders.indptr, orders.previous, end, width)
                for end in (ends - width * n for n in range(1, BEFORE + 1))
            ],
            axis=0,
        )

        def within(per_day: Floats, first: NDArray[np.int64], end: NDArray[np.int64]) -> Floats:
            total = np.concatenate([[0.0], np.cumsum(per_day)])
            return np.asarray(total[end] - total[first])

        start = ends - width
        per_day = np.bincount(orders.day, minlength=days.days).astype(np.float64)
        number, lines = within(per_day, start, ends), found[kernels.LINES]
        away = np.where(orders.previous < 0, days.days, orders.day - orders.previous) > AWAY
        unseen = np.bincount(orders.day[away], minlength=days.days).astype(np.float64)
        newcomers = np.bincount(days.first_ordered, minlength=days.days).astype(np.float64)
        mean_lines = _daily(orders.day, np.log(orders.lines), days.days)
        mean_value = _daily(orders.day, np.log(np.maximum(orders.value, 1e-9)), days.days)
        aside = within(np.nan_to_num(days.quarantined), start, ends)
        aside[np.isnan(days.quarantined).any()] = np.nan
        with np.errstate(divide="ignore", invalid="ignore"):
            values = {
                "new_customers": within(newcomers, start, ends) / customers
                - within(newcomers, begin, start) / earlier,
                "unseen_customers": np.where(
                    begin >= AWAY,
                    within(unseen, start, ends) / customers
                    - within(unseen, begin, start) / earlier,
                    np.nan,
                ),
                "item_js": found[kernels.JS],
                "new_item_rate": found[kernels.NEW],
                "lost_item_rate": found[kernels.LOST],
                "price_level": found[kernels.PRICE_LEVEL],
                "price_net": found[kernels.PRICE_NET],
                "range_prices": found[kernels.RANGE_NET],
                "quantity": within(days.per_day(days.log_quantity), start, ends) / lines,
                "basket_lines": within(mean_lines, start, ends) / number,
                "order_value": within(mean_value, start, ends) / number,
                "assortment": np.log(found[kernels.SOLD]),
                "quarantined_share": aside / (aside + lines),
                "volume": _volume(days, per_day, begin, start, ends),
                "weekday_js": _weekdays(days, per_day, begin, start, ends),
            }
            if days.ranges:
                values["category_js"] = _categories(days, begin, start, ends)
        for value in values.values():
            value[(customers == 0) | ~np.isfinite(value)] = np.nan
        return cls(
            width,
            ends,
            customers,
            values,
            np.nan_to_num(found[kernels.RANGE], nan=-1.0).astype(np.int64),
        )


def _daily(day: NDArray[np.int32], weight: Floats, days: int) -> Floats:
    return np.bincount(day, weight, days).astype(np.float64)


def _volume(
    days: MarketDays,
    per_day: Floats,
    begin: NDArray[np.int64],
    start: NDArray[np.int64],
    ends: NDArray[np.int64],
) -> Floats:
    """Log ratio of the orders per day that was not wrong, now and before."""
    total = np.concatenate([[0.0], np.cumsum(per_day)])
    good = np.concatenate([[0], np.cumsum(days.good)])
    now = (total[ends] - total[start]) / (good[ends] - good[start])
    before = (total[start] - total[begin]) / (good[start] - good[begin])
    return np.asarray(np.log(now / before))


def _weekdays(
    days: MarketDays,
    per_day: Floats,
    begin: NDArray[np.int64],
    start: NDArray[np.int64],
    ends: NDArray[np.int64],
) -> Floats:
    daily = np.zeros((days.days, 7))
    daily[np.arange(days.days), days.weekday] = per_day
    return _js_of_sums(daily, begin, start, ends)


def _categories(
    days: MarketDays,
    begin: NDArray[np.int64],
    start: NDArray[np.int64],
    ends: NDArray[np.int64],
) -> Floats:
    known = days.range_of[days.item] >= 0
    width = len(days.ranges)
    cell = days.day[known].astype(np.int64) * width + days.range_of[days.item[known]]
    daily = np.bincount(cell, minlength=days.days * width).reshape(days.days, width)
    return _js_of_sums(daily.astype(np.float64), begin, start, ends)


def _js_of_sums(
    daily: Floats, begin: NDArray[np.int64], start: NDArray[np.int64], ends: NDArray[np.int64]
) -> Floats:
    """Jensen-Shannon distance (base 2) of the sums over two windows of daily counts."""
    total = np.vstack([np.zeros(daily.shape[1]), np.cumsum(daily, axis=0)])
    p, q = total[start] - total[begin], total[ends] - total[start]
    with np.errstate(divide="ignore", invalid="ignore"):
        p, q = p / p.sum(axis=1, keepdims=True), q / q.sum(axis=1, keepdims=True)
        middle = (p + q) / 2
        terms = np.where(p > 0, p * np.log2(p / middle), 0.0)
        terms += np.where(q > 0, q * np.log2(q / middle), 0.0)
    return np.asarray(np.sqrt(np.maximum(terms.sum(axis=1) / 2, 0.0)))
