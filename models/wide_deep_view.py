"""What a wide and deep network knows at a cut-off: of pairs, customers, items and their sales.

Codes are compact: customers, items and markets that have a line, in the order of their codes.
Everything about a cut-off is computed from the lines before it.
"""

from collections.abc import Callable
from dataclasses import dataclass
from typing import Any

import numpy as np
from numpy.typing import NDArray

from restock.dataset import Interactions
from restock.dataset.catalogue import IntArray
from restock.models.popularity import lines_by_market

HALF_LIVES = (14.0, 30.0, 60.0, 120.0, 240.0)
PAIR_FEATURES = len(HALF_LIVES) + 10
HABIT = 3
"""The pair feature (lines halved in 120 days) by which an untrained network ranks."""
COUNTS = np.array([2, 3, 4, 6, 10])  # first order lines of each bucket after the first
DAYS = np.array([8, 15, 29, 57, 113, 225])  # first days since the last one, likewise
CROSSES = 1 + (COUNTS.size + 1) * (DAYS.size + 1)
BUCKETS = 10
"""Buckets of popularity: each holds items that sell up to twice as much as those before it."""
YEAR, SEASON = 364.0, 28.0
LEAST = 0.01  # order lines, so that a logarithm of none exists
PRIOR_LINES = 200.0
"""A market's shares of sales are shrunk toward all markets' with this many lines."""

Floats = NDArray[np.float32]
Ints = NDArray[np.int64]


@dataclass(frozen=True, eq=False)
class Codes:
    """The compact codes: ``customers``, ``items``, ``markets`` are catalogue codes, ascending.

    customer, item: the compact code of each catalogue code, -1 where it has no line (int64).
    market: the compact market of each compact customer (int64).
    """

    customers: IntArray
    items: IntArray
    markets: Ints
    customer: Ints
    item: Ints
    market: Ints

    @classmethod
    def of(cls, interactions: Interactions) -> "Codes":
        """Of everything that has a line in ``interactions``."""
        customers, items = interactions.customers, np.unique(interactions.item)
        homes = interactions.catalogue.customer_market[customers]
        markets, market = np.unique(homes, return_inverse=True)
        return cls(
            customers,
            items,
            markets.astype(np.int64),
            _inverse(customers, interactions.n_customers),
            _inverse(items, interactions.n_items),
            market.astype(np.int64),
        )


@dataclass(frozen=True, eq=False)
class View:
    """What is known at one cut-off, by compact codes. Counts and days are in logarithms.

    start: int64 (customers + 1), where each customer's pairs begin; item: int64 (pairs).
    pair: float32 (pairs × features), what the customer did with the item; cross: int64
    (pairs), count bucket × recency bucket, from 1 on: 0 is for items never bought.
    customer_features, item_features: float32 (customers or items × features, squashed), NaN =
    unknown. sales: float32 (markets × items × features), how the item sells, the first one
    its shrunk share of the market's lines, the others of all markets'; bucket: int64
    (markets × items), popularity in the market. calendar: float32 (2), sine and cosine of
    the day of the year.
    """

    start: Ints
    item: Ints
    pair: Floats
    cross: Ints
    customer_features: Floats
    item_features: Floats
    sales: Floats
    bucket: Ints
    calendar: Floats

    @property
    def customer(self) -> Ints:
        """The customer of each pair (int64)."""
        sizes = np.diff(self.start)
        return np.repeat(np.arange(sizes.size), sizes)


def view(past: Interactions, codes: Codes) -> View:
    """Everything about the end of ``past``, from ``past`` alone. Cost: some 20 passes."""
    pairs = past.pairs
    sizes = np.diff(pairs.indptr)[codes.customers]
    turn = 2 * np.pi * past.as_of_date.timetuple().tm_yday / 365.25
    sales, bucket = _sales(past, codes)
    pair, cross = _pairs(past)
    return View(
        np.concatenate([[0], np.cumsum(sizes)]),
        codes.item[pairs.item],
        pair,
        cross,
        squash(past.features.read("customer", past).values[codes.customers]),
        squash(past.features.read("item", past).values[codes.items]),
        sales,
        bucket,
        np.array([np.sin(turn), np.cos(turn)], dtype=np.float32),
    )


def squash(values: Floats) -> Floats:
    """``sign(x) log(1 + |x|)``: features of any unit on a scale that a network can use."""
    squashed: Floats = np.sign(values) * np.log1p(np.abs(values))
    return squashed


def _inverse(codes: NDArray[np.integer], size: int) -> Ints:
    inverse = np.full(size, -1, dtype=np.int64)
    inverse[codes] = np.arange(codes.size)
    return inverse


def _pairs(past: Interactions) -> tuple[Floats, Ints]:
    """The features of each pair (pairs × features) and its cross."""
    pairs, age = past.pairs, past.age_days
    last, first = np.empty(pairs.item.size), np.empty(pairs.item.size)
    last[pairs.of_line] = age  # lines are in order of time: the last one stays
    first[pairs.of_line[::-1]] = age[::-1]
    count = pairs.sum(np.ones(len(past)))
    order = np.unique(past.customer.astype(np.int64) << 32 | past.order)
    orders = np.bincount(order >> 32, minlength=past.n_customers)[pairs.customer]
    latest = np.full(past.n_customers, np.inf)
    np.minimum.at(latest, pairs.customer, last)
    gap = (first - last) / np.maximum(count - 1, 1)
    a_year_before = np.abs(age - YEAR + SEASON / 2) <= SEASON
    others: list[Callable[[], NDArray[np.number[Any]]]] = [
        lambda: count,
        lambda: last,
        lambda: first,
        lambda: last - latest[pairs.customer],  # the customer's orders since, in days
        lambda: gap,
        lambda: np.where(gap > 0, last / np.maximum(gap, 1.0), 0.0),  # above 1: overdue
        lambda: orders,
        lambda: 10 * count / orders,
        lambda: pairs.sum(a_year_before.astype(np.float64)),
        lambda: pairs.sum(past.value),
    ]
    features = np.empty((pairs.item.size, PAIR_FEATURES), dtype=np.float32)
    for at, half_life in enumerate(HALF_LIVES):  # one column after the other: pairs are many
        features[:, at] = np.log(past.decayed_lines(half_life) + LEAST)
    for at, other in enumerate(others, len(HALF_LIVES)):
        features[:, at] = np.log1p(other())
    cross = 1 + np.searchsorted(COUNTS, count, "right") * (DAYS.size + 1)
    cross += np.searchsorted(DAYS, last, "right")
    return features, cross


def _sales(past: Interactions, codes: Codes) -> tuple[Floats, Ints]:
    """How items sell in each market (markets × items × features), and the bucket of that."""
    item, n = codes.item[past.item], codes.items.size
    season = np.abs(past.age_days - YEAR + SEASON / 2) <= SEASON / 2  # the 28 days to come
    now, lately, long, then = (
        _share(np.bincount(item, weights, minlength=n))
        for weights in (past.decay(14.0), past.decay(60.0), past.decay(240.0), season)
    )
    lines = lines_by_market(past)[np.ix_(codes.markets, codes.items)]
    prior = 0.7 * now + 0.3 * long
    share = (lines + PRIOR_LINES * prior) / (lines.sum(axis=1, keepdims=True) + PRIOR_LINES)
    everywhere = np.log(np.stack([now, lately, long, then], axis=1))
    sales = np.empty((*share.shape, 5), dtype=np.float32)
    sales[:, :, 0] = np.log(share)
    sales[:, :, 1:] = everywhere
    bucket = np.ceil(np.log2(share / share.max(axis=1, keepdims=True))) + BUCKETS - 1
    return sales, np.maximum(bucket, 0).astype(np.int64)


def _share(lines: NDArray[np.number]) -> NDArray[np.float64]:
    """Shares that add up to 1, none of them 0."""
    share: NDArray[np.float64] = (lines + 0.2) / (lines.sum() + 0.2 * lines.size)
    return share
