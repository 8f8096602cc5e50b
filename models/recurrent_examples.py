"""What a recurrent model reads: the orders of each customer, and questions asked at cut-offs.

A question is one customer at one cut-off: what is known of them then (the orders before it, the
items they bought, what the market buys) and, in training, what they bought in the weeks after.
Codes are compact: only customers, items and markets with a line count, in the order of their
codes, so that nothing depends on what else the catalogue holds.
"""

import datetime as dt
from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray

from restock.dataset import Interactions
from restock.dataset.catalogue import IntArray
from restock.dataset.interactions import MINUTES_PER_DAY, day_of
from restock.models.affinity import affinity
from restock.models.popularity import HALF_LIFE_DAYS, lines_by_market

LongArray = NDArray[np.int64]
FloatArray = NDArray[np.float32]

STEP_FEATURES = 4
ASKED_FEATURES = 5
PAIR_FEATURES = 11
HALF_LIVES = (14.0, 30.0, 60.0, 120.0, np.inf)
"""Days: the counts of a pair fade this fast; the last is a plain count."""
SEASON_HALF_LIFE = 90.0
UNKNOWN = -1e4
"""The log share of an item that nobody had bought yet."""
SMOOTHING = 200.0
"""Order lines of all markets together that are added to each market's, in proportion."""


@dataclass(frozen=True, eq=False)
class Codes:
    """The customers, items and markets that have a line: int32 codes, ascending."""

    customers: IntArray
    items: IntArray
    markets: IntArray
    market_row: LongArray
    """int64 (customers): the row of each customer's market."""

    @classmethod
    def of(cls, interactions: Interactions) -> "Codes":
        """Those of ``interactions``."""
        customers = interactions.customers
        markets, row = np.unique(
            interactions.catalogue.customer_market[customers], return_inverse=True
        )
        items = np.unique(interactions.item)
        return cls(customers, items, markets, row.astype(np.int64))


@dataclass(frozen=True, eq=False)
class Sequences:
    """The last orders of each customer, oldest first.

    indptr: int64 (customers + 1), the orders of each customer. basket: int64 (orders + 1), the
    lines of each order; item: int64 (lines), rows of ``Codes.items``. minute: int32 (orders).
    features: float32 (orders × 4): log days since the order before, log lines, and the time
    of year as sine and cosine.
    """

    indptr: LongArray
    basket: LongArray
    item: LongArray
    minute: IntArray
    features: FloatArray

    @classmethod
    def of(cls, interactions: Interactions, codes: Codes, last: int) -> "Sequences":
        """The ``last`` orders of each customer."""
        customer, order = interactions.customer, interactions.order
        first = np.flatnonzero(np.diff(customer, prepend=-1) | np.diff(order, prepend=-1))
        owner = np.searchsorted(codes.customers, customer[first])
        minute = interactions.minute[first]
        gap = np.diff(minute, prepend=minute[:1]).astype(np.float64) / MINUTES_PER_DAY
        gap[np.diff(owner, prepend=-1) > 0] = 0.0
        lines = np.diff(first, append=len(interactions))
        features = np.column_stack([np.log1p(gap), np.log(lines), *season(minute)])
        ends = np.cumsum(np.bincount(owner, minlength=codes.customers.size))
        kept = ends[owner] - np.arange(owner.size) <= last
        of_line = np.repeat(kept, lines)
        sizes = np.bincount(owner[kept], minlength=codes.customers.size)
        return cls(
            offsets(sizes),
            offsets(lines[kept]),
            np.searchsorted(codes.items, interactions.item[of_line]),
            minute[kept],
            features[kept].astype(np.float32),
        )


@dataclass(frozen=True, eq=False)
class Questions:
    """Customers at cut-offs. Everything is what was known at the cut-off, but the answers.

    customer: int64, row of ``Codes.customers``. step: int64, the place of their last order in
    ``Sequences``. shelf: int64, the row of ``shelves`` of their market then. features: float32
    (questions × 5): log days since the last order, log orders, log items, time of year.
    pairs: int64 (questions + 1), the items bought before: item (int64, ascending within a
    question) and pair_features (float32, pairs × 11, see ``pair_features``). answers: int64
    (questions + 1), what was bought after: answer (int64, rows of ``Codes.items``).
    shelves: float32 (cut-offs × markets, items), the log share of each item in what the
    market then bought.
    """

    customer: LongArray
    step: LongArray
    shelf: LongArray
    features: FloatArray
    pairs: LongArray
    item: LongArray
    pair_features: FloatArray
    answers: LongArray
    answer: LongArray
    shelves: FloatArray

    @property
    def size(self) -> int:
        """How many questions."""
        return int(self.customer.size)


@dataclass(frozen=True, eq=False)
class Sales:
    """What each market buys at a cut-off (all float64, markets × items, rows of ``Codes``).

    level: recent lines over those of the market's best seller. share: the log share in the recent
    lines. trend: that over the log share in the lines of a season.
    """

    level: NDArray[np.float64]
    share: NDArray[np.float64]
    trend: NDArray[np.float64]

    @classmethod
    def of(cls, known: Interactions, codes: Codes) -> "Sales":
        """By the lines of ``known``, the recent ones first."""
        recent, season = (
            _lines(known, codes, half_life) for half_life in (HALF_LIFE_DAYS, SEASON_HALF_LIFE)
        )
        share = log_share(recent)
        level = recent / np.maximum(recent.max(axis=1, keepdims=True), 1e-300)
        return cls(level, share, share - log_share(season))


def ask(
    interactions: Interactions,
    codes: Codes,
    sequences: Sequences,
    horizon_days: int,
    back: int,
    *,
    hindsight: bool = False,
) -> Questions:
    """Ask ``back`` horizons before the end: those who ordered before and in the horizon after.

    ``back`` = 0 asks at the end, everybody, and has no answers. Items that nobody had bought
    before are no answers. hindsight: the shelves, and nothing else, also count the lines of the
    horizon: for training only.
    """
    cutoff = day_of(interactions.as_of) - dt.timedelta(days=horizon_days * back)
    known = interactions.before(cutoff)
    later = interactions.between(cutoff, cutoff + dt.timedelta(days=horizon_days if back else 0))
    sold = np.unique(known.item)
    later = later._select(np.isin(later.item, sold))
    asked = np.intersect1d(known.customers, later.customers) if back else known.customers
    customer = np.searchsorted(codes.customers, asked)
    step = _last_step(sequences, customer, known.as_of)
    kept = step >= sequences.indptr[customer]  # else those orders are too old to be read
    asked, customer, step = asked[kept], customer[kept], step[kept]
    own, after = known.of_customers(asked), later.of_customers(asked)
    sales = Sales.of(known, codes)
    shelves = sales.share
    if hindsight:
        shelves = log_share(_lines(known, codes, HALF_LIFE_DAYS) + _lines(later, codes, np.inf))
    shelf = codes.market_row[customer]
    sizes = np.diff(own.pairs.indptr)[asked]
    cell = np.repeat(shelf, sizes), np.searchsorted(codes.items, own.pairs.item)
    return Questions(
        customer=customer.astype(np.int64),
        step=step.astype(np.int64),
        shelf=shelf,
        features=_of_customers(own, asked),
        pairs=offsets(sizes),
        item=cell[1],
        pair_features=pair_features(own, sales.level[cell], sales.share[cell], sales.trend[cell]),
        answers=offsets(np.diff(after.pairs.indptr)[asked]),
        answer=np.searchsorted(codes.items, after.pairs.item),
        shelves=np.where(np.isin(codes.items, sold), shelves, UNKNOWN).astype(np.float32),
    )


def join(parts: list[Questions]) -> Questions:
    """The questions of several cut-offs as one (at least one part)."""
    shelves = offsets(np.array([part.shelves.shape[0] for part in parts]))
    return Questions(
        customer=np.concatenate([part.customer for part in parts]),
        step=np.concatenate([part.step for part in parts]),
        shelf=np.concatenate([p.shelf + at for p, at in zip(parts, shelves[:-1], strict=True)]),
        features=np.concatenate([part.features for part in parts]),
        pairs=offsets(np.concatenate([np.diff(part.pairs) for part in parts])),
        item=np.concatenate([part.item for part in parts]),
        pair_features=np.concatenate([part.pair_features for part in parts]),
        answers=offsets(np.concatenate([np.diff(part.answers) for part in parts])),
        answer=np.concatenate([part.answer for part in parts]),
        shelves=np.concatenate([part.shelves for part in parts]),
    )


def pair_features(
    own: Interactions,
    level: NDArray[np.float64],
    shelf: NDArray[np.float64],
    trend: NDArray[np.float64],
) -> FloatArray:
    """What a model may know of each pair of ``own.pairs`` (float32, pairs × 11).

    The first is the log of ``reorder``'s score: affinity of 180 days + 2 × ``level``, the
    market's sales of the item over its best seller's. Then the log counts faded by
    ``HALF_LIVES``, log days since the last purchase, how overdue it is (log of the days since
    over the mean gap, 0 after one purchase), the share of the customer's orders that hold it,
    the log share of the item in the market now (``shelf``) and its trend over the season.
    """
    pairs, n = own.pairs, own.pairs.item.size
    last, first = np.full(n, np.inf), np.zeros(n)
    np.minimum.at(last, pairs.of_line, own.age_days)
    np.maximum.at(first, pairs.of_line, own.age_days)
    count = pairs.sum(np.ones(len(own)))
    gap = (first - last) / np.maximum(count - 1, 1)
    orders = _orders(own)[pairs.customer]
    columns = [
        np.log(affinity(own, 180.0) + 2.0 * level),
        *(np.log1p(own.decayed_lines(half_life)) for half_life in HALF_LIVES),
        np.log1p(last),
        np.where(count > 1, np.log((last + 7) / (gap + 7)), 0.0),
        count / orders,
        shelf,
        trend,
    ]
    return np.column_stack(columns).astype(np.float32)


def log_share(lines: NDArray[np.float64]) -> NDArray[np.float64]:
    """Each item's log share of a market's order lines (markets × items).

    A market's lines are smoothed with ``SMOOTHING`` lines shared out as in all markets, and
    those with a hundredth of a line for every item.
    """
    pooled = lines.sum(axis=0) + 0.01
    smooth = lines + SMOOTHING * pooled / pooled.sum()
    share: NDArray[np.float64] = np.log(smooth / smooth.sum(axis=1, keepdims=True))
    return share


def season(minute: NDArray[np.integer]) -> tuple[NDArray[np.float64], NDArray[np.float64]]:
    """The time of year as a point on a circle."""
    angle = 2 * np.pi * (minute / MINUTES_PER_DAY) / 365.2425
    return np.sin(angle), np.cos(angle)


def offsets(sizes: NDArray[np.integer]) -> LongArray:
    """Where each run starts, and the end of the last (int64, runs + 1)."""
    return np.concatenate([[0], np.cumsum(sizes)]).astype(np.int64)


def _of_customers(own: Interactions, asked: IntArray) -> FloatArray:
    last = np.full(own.n_customers, np.inf)
    np.minimum.at(last, own.customer, own.age_days)
    now = np.full(asked.size, own.as_of)
    items = np.diff(own.pairs.indptr)[asked]
    columns = [np.log1p(last[asked]), np.log(_orders(own)[asked]), np.log(items), *season(now)]
    return np.column_stack(columns).astype(np.float32)


def _orders(own: Interactions) -> LongArray:
    """The number of orders of each customer of the catalogue."""
    changes = np.diff(own.customer, prepend=-1) | np.diff(own.order, prepend=-1)
    return np.bincount(own.customer[np.flatnonzero(changes)], minlength=own.n_customers)


def _last_step(sequences: Sequences, customer: LongArray, end: int) -> LongArray:
    """The last order of each customer before minute ``end``; below their first when none is."""
    owner = np.repeat(np.arange(sequences.indptr.size - 1), np.diff(sequences.indptr))
    time_line = owner.astype(np.int64) << 32 | sequences.minute  # sorts by customer, then minute
    return np.searchsorted(time_line, customer.astype(np.int64) << 32 | end) - 1


def _lines(interactions: Interactions, codes: Codes, half_life: float) -> NDArray[np.float64]:
    return lines_by_market(interactions, half_life)[codes.markets][:, codes.items]
