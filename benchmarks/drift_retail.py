"""Online Retail as if its world had moved on a known day for a known reason."""

import datetime as dt
from collections.abc import Iterator
from functools import cache

import numpy as np
import pandas as pd
from numpy.typing import NDArray

from restock.benchmarks.drift_faults import FAULTS, broken, dearer, keep
from restock.benchmarks.drift_planted import CAUSES, WITHIN, Shocked
from restock.dataset import Interactions, load_sample
from restock.dataset.interactions import minute_of
from restock.monitoring.findings import Cause
from restock.monitoring.market_days import MarketDays
from restock.monitoring.policy import DriftPolicy
from restock.monitoring.watched_days import Watched

EARLIEST, LATEST = dt.date(2010, 10, 1), dt.date(2011, 11, 11)
"""Days of a shock: ten months before the first say what is usual."""

NEWCOMERS = 0.3
"""Their share of the customers who order in 28 days: as in the simulated worlds."""


@cache
def sample() -> tuple[Interactions, pd.Series]:
    """Online Retail, GB alone, and the quarantined lines of its days."""
    clean = load_sample()
    aside = clean.report.quarantined_days
    lines = aside[aside["market"] == "GB"].set_index("day")["lines"]
    return Interactions.from_frame(clean.orders).of_market("GB"), lines


@cache
def market(part: float) -> tuple[Interactions, pd.Series, tuple[dt.date, ...]]:
    """A part of GB's customers drawn at random: orders, lines set aside, and quiet days.

    On a quiet day there is no alarm from two weeks before to four weeks after, as the lines are:
    a shock that is planted there is the only thing that is known to have happened.
    """
    orders, quarantined = sample()
    drawn = np.random.default_rng(7).random(orders.customers.size) < part
    mine, aside = orders.of_customers(orders.customers[drawn]), (quarantined * part).round()
    known = MarketDays.of(mine, "GB", mine.as_of_date, aside)
    watched = Watched.of(known, DriftPolicy(), 40, daily=True)
    quiet = np.ones(known.days + 1, dtype=bool)
    for day in watched.suspects():
        if watched.faults(day) or watched.named(day) not in (None, "season"):
            quiet[max(day - WITHIN, 0) : day + 14] = False
    first, last = (EARLIEST - known.first).days, (LATEST - known.first).days
    days = first + np.flatnonzero(quiet[first : last + 1])
    return mine, aside, tuple(known.date(day) for day in days.tolist())


def retail(cause: Cause, seed: int, part: float = 1.0) -> Iterator[Shocked]:
    """Two shocks in GB on quiet days, or one in a part of its customers."""
    orders, quarantined, days = market(part)
    rng = np.random.default_rng([seed, 7, CAUSES.index(cause)])
    for _ in range(2 if part == 1 else 1):
        mine, aside = orders, quarantined
        day = days[int(rng.integers(len(days)))]
        after = mine.minute >= minute_of(day)
        kind = ""
        if cause == "new assortment":
            new = _items_with(mine, day, 0.15, rng, after=True)
            mine = keep(mine, after | ~new[mine.item])
        elif cause == "lost supplier":
            gone = _items_with(mine, day, rng.uniform(0.1, 0.2), rng, after=False)
            mine = keep(mine, ~after | ~gone[mine.item])
        elif cause == "price shock":
            kind = ("all", "part")[seed % 2]
            dear = rng.random(mine.n_items) < (1.0 if kind == "all" else 0.4)
            mine = dearer(mine, day, dear, 1 + rng.uniform(0.1, 0.3))
        elif cause == "new customers":
            come = _alike(mine, day, NEWCOMERS, rng)
            mine = keep(mine, after | ~come[mine.customer])
        else:
            kind = FAULTS[seed % len(FAULTS)]
            mine, more = broken(mine, "GB", day, kind, rng)
            aside = aside if more is None else aside.add(more, fill_value=0)
        yield Shocked(cause, kind, day, mine, "GB", aside)


def _items_with(
    orders: Interactions, day: dt.date, part: float, rng: np.random.Generator, *, after: bool
) -> NDArray[np.bool_]:
    """Items drawn until they have a part of the lines of the 60 days after (before) a day."""
    days = dt.timedelta(days=60)
    near = orders.between(day, day + days) if after else orders.between(day - days, day)
    sold = np.bincount(near.item, minlength=orders.n_items)
    items = rng.permutation(np.flatnonzero(sold))
    many = int(np.searchsorted(np.cumsum(sold[items]), part * sold.sum())) + 1
    drawn = np.zeros(orders.n_items, dtype=bool)
    drawn[items[:many]] = True
    return drawn


def _alike(
    orders: Interactions, day: dt.date, part: float, rng: np.random.Generator
) -> NDArray[np.bool_]:
    """Customers (bool) whose baskets lie furthest along one axis of taste.

    They are a part of those who order in the 28 days from a day on.
    """
    pairs = orders.pairs
    axis = rng.standard_normal(orders.n_items)
    many = np.maximum(np.bincount(pairs.customer, minlength=orders.n_customers), 1)
    popular = np.maximum(np.bincount(pairs.item, minlength=orders.n_items), 1)
    for _ in range(5):  # power iteration on the centred, weighted customer-item matrix
        axis -= np.average(axis, weights=popular)
        of_customer = np.bincount(pairs.customer, axis[pairs.item], orders.n_customers) / many
        axis = np.bincount(pairs.item, of_customer[pairs.customer], orders.n_items) / popular
    there = orders.between(day, day + dt.timedelta(days=WITHIN)).customers
    least = np.quantile(of_customer[there], 1 - part)
    return np.asarray(of_customer >= least)
