"""Parameters of the simulated world that can be read off order lines directly."""

import datetime as dt
from typing import Any

import numpy as np
import pandas as pd
from numpy.typing import NDArray
from scipy.optimize import brentq

from restock.dataset.interactions import MINUTES_PER_DAY, Interactions

Floats = NDArray[np.float64]
SEASONAL_LINES = 60  # an item's season is looked for in at least so many lines
SEASONAL_SHARE = 0.6  # of a year's sales in three months: a seasonal item


def direct_moments(interactions: Interactions) -> dict[str, Any]:
    """The parameters for which a moment of the lines is an estimate; names as in Parameters."""
    x = interactions
    minute = x.minute % MINUTES_PER_DAY
    return {
        **_markets(x),
        **_calendar(x),
        "hour_mean": float(minute.mean()),
        "hour_sd": float(minute.std()),
        **_amounts(x),
        **_seasons(x),
    }


def _markets(x: Interactions) -> dict[str, Any]:
    """The leader's share, and the exponent that gives the second its share of the others."""
    sizes = np.sort(np.bincount(x.catalogue.customer_market[x.customers]))[::-1]
    sizes = sizes[sizes > 0].astype(np.float64)
    exponent = 0.0
    if sizes.size > 2:
        rank, second = np.arange(1, sizes.size), sizes[1] / sizes[1:].sum()

        def excess(power: float) -> float:
            return float(1.0 / (rank**-power).sum() - second)

        if excess(0.0) < 0 < excess(8.0):
            exponent = float(brentq(excess, 0.0, 8.0))
    return {"leader_share": min(float(sizes[0] / sizes.sum()), 0.999), "tail_exponent": exponent}


def _calendar(x: Interactions) -> dict[str, Any]:
    """Orders per open day by weekday and month; days of the year that never had an order."""
    first = int(x.minute.min()) // MINUTES_PER_DAY
    span = pd.date_range(pd.Timestamp(first, unit="D"), periods=x.as_of // MINUTES_PER_DAY - first)
    order_day = pd.DataFrame({"customer": x.customer, "day": x.minute // MINUTES_PER_DAY})
    per_day = order_day.drop_duplicates()["day"].value_counts()
    count = per_day.reindex(np.arange(first, first + span.size), fill_value=0).to_numpy()
    month_day = span.strftime("%m-%d")
    sold = pd.Series(count).groupby(month_day).sum()
    weekday = pd.Series(count).groupby(span.weekday).sum().reindex(range(7), fill_value=0)
    share = weekday / max(weekday.sum(), 1)
    working = share[share > 0.01].index  # a weekday with next to no order is a day of rest
    # a year's worth of working days without an order: closed, not by chance
    closed = [
        day
        for day in sold[sold == 0].index
        if np.isin(span.weekday[month_day == day], working).any()
    ]
    open_day = ~np.isin(month_day, closed)
    by_month = pd.Series(count[open_day]).groupby(span.month[open_day]).mean()
    month = by_month.reindex(range(1, 13)).interpolate(limit_direction="both").fillna(1.0)
    rest = np.where(share > 0.01, share, 0.0)
    return {
        "weekday": tuple((rest / rest.mean()).round(4).tolist()),
        "month": tuple((month / month.mean()).round(4).tolist()),
        "closed": tuple(_only_certain(closed, span)),
    }


def _only_certain(days: list[str], span: pd.DatetimeIndex) -> list[str]:
    """Closed days that lie in a run of three or more, so that a quiet Sunday is none."""
    year = [(dt.date(2000, 1, 1) + dt.timedelta(days=n)).strftime("%m-%d") for n in range(366)]
    shut = np.isin(year, days) | ~np.isin(year, span.strftime("%m-%d"))
    run = shut & (np.roll(shut, 1) & np.roll(shut, -1))
    certain = shut & (run | np.roll(run, 1) | np.roll(run, -1))
    return [day for day, is_shut in zip(year, certain, strict=True) if is_shut and day in days]


def _amounts(x: Interactions) -> dict[str, Any]:
    """Log quantity = a + slope × log price + item + level(customer) + pair + line.

    Variances by products of residuals that share an item, a customer or a pair only.
    """
    price = np.maximum(x.value.astype(np.float64) / x.quantity, 0.01)
    log_price, log_quantity = np.log(price), np.log(x.quantity.astype(np.float64))
    slope, intercept = np.polyfit(log_price, log_quantity, 1)
    rest = log_quantity - intercept - slope * log_price
    pair = x.pairs.of_line
    by_pair = _shared_variance(rest, pair)
    by_item = _shared_variance(rest, x.item, without=pair)
    by_customer = _shared_variance(rest, x.customer, without=pair)
    usual = np.log(np.bincount(x.customer) / np.maximum(_orders_of(x), 1) + 1e-12)
    basket = usual[x.customer] - usual[x.customers].mean()
    per_size = float(np.cov(rest, basket)[0, 1] / max(basket.var(), 1e-12))
    level = by_customer - per_size**2 * float(basket.var())
    item_price = pd.Series(log_price).groupby(x.item)
    own = log_price - item_price.transform("median").to_numpy()
    relative = log_quantity - pd.Series(log_quantity).groupby(x.item).transform("mean").to_numpy()
    large = relative > 1.0
    quarter = (x.minute - x.minute.min()) / (91.0 * MINUTES_PER_DAY)
    by_quarter = pd.Series(quarter[~large]).groupby(x.item[~large]).transform("mean")
    late = quarter[~large] - by_quarter.to_numpy()
    inflation = (late * own[~large]).mean() / max((late**2).mean(), 1e-12)
    typical = item_price.median()
    return {
        "log_price": float(typical.mean()),
        "log_price_sd": float(typical.std(ddof=0)),
        # the intercept holds for the mean line, which comes from a larger basket than usual
        "log_quantity": float(intercept - per_size * basket.mean()),
        "price_slope": float(slope),
        "item_quantity_sd": _root(by_item),
        "level_sd": _root(level),
        "level_per_size": per_size,
        "pair_sd": _root(by_pair - by_item - by_customer),
        "line_sd": _root(float(rest.var()) - by_pair),
        "discount": float(np.clip(-np.expm1(own[large].mean() - own[~large].mean()), 0.0, 0.5))
        if large.any()
        else 0.0,
        "inflation": float(inflation),
    }


def _orders_of(x: Interactions) -> NDArray[np.int64]:
    first = np.flatnonzero(np.diff(x.order, prepend=-1))
    return np.bincount(x.customer[first], minlength=int(x.customer.max()) + 1)


def _root(variance: float) -> float:
    return float(np.sqrt(max(variance, 0.0)))


def _shared_variance(
    rest: Floats, group: NDArray[np.integer], without: NDArray[np.integer] | None = None
) -> float:
    """Mean product of two residuals of one group, each group weighing as many as it has lines.

    without: a finer grouping; products of lines of one of its groups are left out.
    """
    total = np.bincount(group, rest)
    n = np.bincount(group).astype(np.float64)
    if without is None:
        own, pairs = np.bincount(group, rest**2), n * n - n
    else:
        fine = np.bincount(without, rest)
        size = np.bincount(without).astype(np.float64)
        owner = np.zeros(size.size, dtype=np.int64)
        owner[without] = group
        own = np.bincount(owner, fine**2, minlength=n.size)
        pairs = n * n - np.bincount(owner, size**2, minlength=n.size)
    some = pairs > 0
    if not some.any():
        return 0.0
    product = (total[some] ** 2 - own[some]) / pairs[some]
    return float(np.average(product, weights=n[some]))


def _seasons(x: Interactions) -> dict[str, Any]:
    """Items that sell in three months of the year only, relative to all items' months."""
    month = pd.to_datetime(x.minute.astype(np.int64) * 60, unit="s").month.to_numpy()
    table = np.zeros((x.n_items, 12))
    np.add.at(table, (x.item, month - 1), 1.0)
    day = pd.Series(x.minute // MINUTES_PER_DAY).groupby(x.item).agg(["min", "max"])
    span = np.zeros(x.n_items)
    span[day.index] = day["max"] - day["min"]
    enough = (table.sum(axis=1) >= SEASONAL_LINES) & (span >= 330)
    flat = {"seasonal_share": 0.0, "season_peak": (1.0,) * 12, "season_width": 35.0}
    if not enough.any():
        return flat
    profile = table[enough] / np.maximum(table.sum(axis=0), 1.0)
    profile /= profile.sum(axis=1, keepdims=True)
    quarter = profile + np.roll(profile, 1, axis=1) + np.roll(profile, -1, axis=1)
    peak = quarter.argmax(axis=1)
    seasonal = quarter.max(axis=1) > SEASONAL_SHARE
    if not seasonal.any():
        return flat
    peaks = np.bincount(peak[seasonal], minlength=12)
    away = np.abs(np.arange(12) - peak[seasonal][:, None])
    away = np.minimum(away, 12 - away) * 30.4
    width = np.sqrt((profile[seasonal] * away**2).sum(axis=1))
    return {
        "seasonal_share": float(seasonal.mean()),
        "season_peak": tuple((peaks / peaks.sum()).round(4).tolist()),
        "season_width": float(np.median(width)),
    }
