"""Rolling-origin folds: everything before a cut-off trains, a horizon after it tests."""

import datetime as dt
import hashlib
from collections.abc import Collection
from dataclasses import dataclass
from functools import cached_property

import numpy as np
from numpy.typing import NDArray

from restock.dataset import Interactions
from restock.dataset.catalogue import IntArray
from restock.dataset.interactions import MINUTES_PER_DAY, minute_of
from restock.kernels import metrics as kernels
from restock.kernels.policy import over_blocks, threads

METRIC_VERSION = 2  # raise it when a formula changes: old scorecards then no longer compare
TIE_RULE = "lower item code first"

BoolArray = NDArray[np.bool_]
FloatArray = NDArray[np.float64]


@dataclass(frozen=True, eq=False)
class Relevance:
    """What the customers of a fold bought in its window: the rows of a CSR matrix.

    customer: int32 (rows), the judged customers first, the cold ones after them.
    indptr: int64 (rows + 1). item: int32, ascending within a row. value: float64, what was
    spent on the item in the window, in the market's currency. margin: float64, value minus
    cost of the units, not below 0; NaN where the cost is unknown. repeat: bool, the customer
    had bought the item before the cut-off.
    """

    customer: IntArray
    indptr: NDArray[np.int64]
    item: IntArray
    value: FloatArray
    margin: FloatArray
    repeat: BoolArray

    def goals(self, k: int) -> FloatArray:
        """What lists of ``k`` are measured by (float64, rows × segments × 4).

        See ``kernels.metrics.find_goals``. Found once for all candidates.
        """
        if k not in self._goals:
            goals = np.empty((self.indptr.size - 1, kernels.SEGMENTS, kernels.GOALS))
            bought = self.indptr, self.value, self.margin, self.repeat
            over_blocks(
                lambda first, last: kernels.find_goals(first, last, *bought, k, goals),
                len(goals),
                kernels.ROWS_PER_BLOCK,
                threads(),
            )
            self._goals[k] = goals
        return self._goals[k]

    @cached_property
    def _goals(self) -> dict[int, FloatArray]:
        return {}


@dataclass(frozen=True, eq=False)
class Fold:
    """One cut-off in time.

    train: the lines before the cut-off; ages count from it. test: the lines of the
    ``horizon_days`` from the cut-off on. customers: int32, ascending, who bought before the
    cut-off and in the window (the judged ones). cold: int32, who bought in the window only.
    candidates: bool (items), what may be recommended. Items of the window outside of it stay
    in the denominators: a model cannot be excused for them, and all models miss them alike.
    """

    train: Interactions
    test: Interactions
    cutoff: dt.date
    horizon_days: int
    customers: IntArray
    cold: IntArray
    candidates: BoolArray

    def __repr__(self) -> str:
        return (
            f"Fold({self.cutoff} + {self.horizon_days} days: {self.customers.size:,} customers, "
            f"{self.cold.size:,} cold, {int(self.candidates.sum()):,} candidate items)"
        )

    @property
    def end(self) -> dt.date:
        """The first day after the window."""
        return self.cutoff + dt.timedelta(days=self.horizon_days)

    @cached_property
    def relevance(self) -> Relevance:
        """The purchases of the window, of judged and cold customers."""
        customer = np.concatenate([self.customers, self.cold])
        pairs = self.test.pairs
        start, stop = pairs.indptr[customer], pairs.indptr[customer + 1]
        indptr = np.concatenate([[0], np.cumsum(stop - start)]).astype(np.int64)
        at = np.repeat(start - indptr[:-1], stop - start) + np.arange(indptr[-1])
        item = pairs.item[at]
        value = pairs.sum(self.test.value)[at]
        units = pairs.sum(self.test.quantity)[at]
        cost = self.test.catalogue.unit_cost[item].astype(np.float64)
        margin = np.maximum(value - units * cost, 0.0)  # keeps NaN
        return Relevance(customer, indptr, item, value, margin, self._bought(pairs_at=at))

    def _bought(self, pairs_at: NDArray[np.int64]) -> BoolArray:
        """Which (customer, item) pairs of the window are in the training lines too."""
        test, train, width = self.test.pairs, self.train.pairs, self.test.n_items
        seen = train.customer.astype(np.int64) * width + train.item  # ascending
        wanted = (test.customer.astype(np.int64) * width + test.item)[pairs_at]
        at = np.minimum(np.searchsorted(seen, wanted), max(seen.size - 1, 0))
        return seen[at] == wanted if seen.size else np.zeros(wanted.size, dtype=bool)

    @cached_property
    def surprise(self) -> FloatArray:
        """-log2 of the share of training customers who bought each item (float64, items).

        NaN for items that nobody bought before the cut-off.
        """
        buyers = np.bincount(self.train.pairs.item, minlength=self.train.n_items)
        share = buyers / max(self.train.customers.size, 1)
        return np.where(buyers > 0, -np.log2(np.where(buyers > 0, share, 1.0)), np.nan)

    @cached_property
    def line_value(self) -> FloatArray:
        """What an order line of each item usually comes to, before the cut-off: the mean, in the
        market's currency (float64, items); 0 for items that nobody bought.
        """
        lines, n_items = self.train, self.train.n_items
        item = lines.item
        count = np.bincount(item, minlength=n_items)
        value = np.bincount(item, weights=lines.value, minlength=n_items)
        return value / np.maximum(count, 1)

    @cached_property
    def hash(self) -> str:
        """The comparability hash (sha256): scorecards of different hashes are not compared.

        Over the ids behind the codes, customers, cold customers, candidate items, purchases
        of the window, cut-off, horizon, tie rule and metric version. K joins in ``evaluate``.
        """
        about = f"{METRIC_VERSION}:{TIE_RULE}:{self.cutoff}:{self.horizon_days}"
        digest = hashlib.sha256(f"{about}:{self.train.catalogue.hash}".encode())
        relevance = self.relevance
        for part in (
            self.customers,
            self.cold,
            np.packbits(self.candidates),
            relevance.item,
            relevance.value,
            relevance.repeat,
        ):
            digest.update(f"{part.size}:".encode())
            digest.update(np.ascontiguousarray(part).data)
        return digest.hexdigest()


def rolling_folds(
    interactions: Interactions,
    *,
    horizon_days: int = 28,
    windows: int = 6,
    as_of: dt.date | None = None,
    min_item_orders: int = 1,
    item_window_days: int | None = None,
    only: Collection[int] | None = None,
) -> list[Fold]:
    """The last ``windows`` windows of ``horizon_days`` before ``as_of``, oldest first.

    as_of: the exclusive end of the last window (default: the interactions' own). Windows do
    not overlap. Candidate items have at least ``min_item_orders`` order lines before the
    cut-off and, with ``item_window_days``, one within that many days before it. A cut-off
    with no line before it has nothing to train on and gives no fold: a young market has
    fewer folds, or none. A fold may have no customer; its scorecards are then empty.
    only: build these windows alone, counted back from the newest, which is 0.

    For a market: ``rolling_folds(interactions.of_market("FR"))``; a pooled model then trains
    on ``interactions.before(fold.cutoff)`` and is judged on the same fold.
    Raises ValueError when a parameter is below 1 or ``as_of`` lies after what is known.
    """
    limits = {"horizon_days": horizon_days, "windows": windows, "min_item_orders": min_item_orders}
    if item_window_days is not None:
        limits["item_window_days"] = item_window_days
    for name, number in limits.items():
        if number < 1:
            raise ValueError(f"{name} must be at least 1, not {number}")
    end = as_of or interactions.as_of_date
    if end > interactions.as_of_date:
        raise ValueError(
            f"as_of {end} lies after the last known day: the interactions end before "
            f"{interactions.as_of_date}, and half a window would be judged as a whole one"
        )
    wanted = [n for n in range(windows, 0, -1) if only is None or n - 1 in only]
    cutoffs = [end - dt.timedelta(days=horizon_days * n) for n in wanted]
    ends = [cutoff + dt.timedelta(days=horizon_days) for cutoff in cutoffs]
    cuts = interactions.spans(
        [*((None, cutoff) for cutoff in cutoffs), *zip(cutoffs, ends, strict=True)]
    )
    trains, tests = cuts[: len(cutoffs)], cuts[len(cutoffs) :]
    candidates = _candidates(
        interactions, [minute_of(cutoff) for cutoff in cutoffs], min_item_orders, item_window_days
    )
    return [
        _fold(train, test, cutoff, horizon_days, allowed)
        for train, test, cutoff, allowed in zip(trains, tests, cutoffs, candidates, strict=True)
        if len(train)
    ]


def last_n(interactions: Interactions, n: int = 1, *, min_item_orders: int = 1) -> Fold:
    """Each customer's last ``n`` order lines against all earlier ones.

    The usual split of published comparisons, to compare with them. A fold of no day: its
    cut-off is the end of the data, from which ages count, for there is none in time. What one
    customer did last may lie long before what others are trained on, so that trends leak into
    training: decide by ``rolling_folds``. A customer with no more than ``n`` lines is cold.
    min_item_orders: order lines that make an item a candidate. ValueError when a number is
    below 1.
    """
    for name, number in {"n": n, "min_item_orders": min_item_orders}.items():
        if number < 1:
            raise ValueError(f"{name} must be at least 1, not {number}")
    lines = interactions.ranges
    place = np.maximum(lines.stop - n, lines.start)
    train, test = interactions.view(lines.start, place), interactions.view(place, lines.stop)
    candidates = candidate_items(train, min_item_orders)
    return _fold(train, test, interactions.as_of_date, 0, candidates)


def candidate_items(
    train: Interactions, min_item_orders: int = 1, item_window_days: int | None = None
) -> BoolArray:
    """What may be recommended after these lines (bool, items): sold often enough, and lately."""
    return _candidates(train, [train.as_of], min_item_orders, item_window_days)[0]


def _candidates(
    interactions: Interactions,
    moments: list[int],
    min_item_orders: int,
    item_window_days: int | None,
) -> BoolArray:
    """The candidate items at each of these minutes (bool, moments × items)."""
    # one line per order and item, so lines count orders
    items_until, n_items = interactions.ranges.items_until, interactions.n_items
    sold = items_until(moments, n_items)
    candidates: BoolArray = sold >= min_item_orders
    if item_window_days is not None:
        window = item_window_days * MINUTES_PER_DAY
        candidates &= sold > items_until([moment - window for moment in moments], n_items)
    return candidates


def _fold(
    train: Interactions,
    test: Interactions,
    cutoff: dt.date,
    horizon_days: int,
    candidates: BoolArray,
) -> Fold:
    known = np.diff(train.indptr)[test.customers] > 0
    return Fold(
        train, test, cutoff, horizon_days, test.customers[known], test.customers[~known], candidates
    )
