"""What could have been shown on a day: a plan is not judged by items that were not on offer.

Assortments change and stocks run out while a log grows. Whoever showed the lists knew it, and a
plan in its place would have known it too; the log does not say it. So it is told, by a table of
days, or seen: an item counts as on offer when the market was shown it, or bought it, on a day
close by: the closer, the more often it usually is. What a list showed itself does not count for
that list: with it, the items that may be shown would depend on what was, and no weight would be
right.
"""

from typing import Protocol

import numpy as np
import pandas as pd
from numpy.typing import NDArray

from restock.dataset import Interactions
from restock.dataset import exposures as e
from restock.dataset.catalogue import Catalogue, IntArray
from restock.dataset.eligibility import DAY
from restock.dataset.interactions import MINUTES_PER_DAY
from restock.evaluation.folds import BoolArray
from restock.evaluation.ope.shown import ShownLists

DAYS_CLOSE_BY = (7, 3, 1, 0)
"""Windows, in days before and after, from the widest to the day itself."""
USUAL = 5.0
"""As many times an item is usually seen in a window for its absence there to mean something: by
chance it is missing in less than one window of a hundred."""


class OnOffer(Protocol):
    """Which items of each list's ranking were on offer on the day of the list."""

    def __call__(self, rankings: IntArray) -> BoolArray:
        """rankings: int32 (lists × any), codes, -1 after the last. False at -1."""


def seen(shown: ShownLists, orders: Interactions) -> OnOffer:
    """By what the market was shown or bought in the narrowest window that can tell.

    Other lists only. The narrowest of ``DAYS_CLOSE_BY`` in which the item, as often as it is
    seen in the widest, would be seen ``USUAL`` times: a run out of stock shows within days where
    an item is in demand; for one that is seen seldom the widest window counts.
    """
    near = {int(code): _Near(shown, orders, int(code)) for code in np.unique(shown.market)}

    def on_offer(rankings: IntArray) -> BoolArray:
        own = np.zeros(rankings.shape, np.int64)
        ordered = shown.outcome == e.OUTCOMES.index("order")
        for place in range(shown.k):
            same = rankings == shown.items[:, place, None]
            own += same * (1 + ordered[:, place, None])
        found = np.zeros(rankings.shape, bool)
        for code, evidence in near.items():
            here = shown.market == code
            found[here] = evidence.of(shown.day[here], rankings[here], own[here])
        return (rankings >= 0) & found

    return on_offer


def told(shown: ShownLists, table: pd.DataFrame, catalogue: Catalogue) -> OnOffer:
    """By a table with a row (market, item_id, day) for each day on which an item could be shown.

    ValueError for a day that is no date.
    """
    days = pd.to_datetime(table[DAY]).to_numpy("datetime64[D]").astype(np.int64)
    market = pd.Index(catalogue.markets).get_indexer(pd.Index(table["market"].astype(str)))
    ids = pd.Index(catalogue.items["id"].to_pandas())
    item = ids.get_indexer(pd.Index(table["item_id"].astype(str)))
    known = (market >= 0) & (item >= 0)

    def key(
        market: NDArray[np.integer], day: NDArray[np.integer], item: NDArray[np.integer]
    ) -> NDArray[np.int64]:
        at = market.astype(np.int64) * (1 << 16) + day.astype(np.int64)
        return np.asarray(at * len(ids) + item, dtype=np.int64)

    there = np.unique(key(market[known], days[known], item[known]))

    def on_offer(rankings: IntArray) -> BoolArray:
        asked = key(shown.market[:, None], shown.day[:, None], rankings)
        return (rankings >= 0) & np.isin(asked, there)

    return on_offer


def closed_up(rankings: IntArray, keep: BoolArray, reach: int) -> IntArray:
    """The first ``reach`` kept items of each ranking, in their order (int32, -1 after the last)."""
    order = np.argsort(~keep, axis=1, kind="stable")[:, :reach]
    kept: IntArray = np.where(
        np.take_along_axis(keep, order, axis=1), np.take_along_axis(rankings, order, axis=1), -1
    ).astype(np.int32)
    return kept


class _Near:
    """How often a market was shown, or bought, each item on the days close to a day."""

    def __init__(self, shown: ShownLists, orders: Interactions, market: int) -> None:
        here, widest = shown.market == market, DAYS_CLOSE_BY[0]
        day = shown.day[here]
        self.first = int(day.min()) - widest
        days = int(day.max()) + widest - self.first + 1
        counts = np.zeros((days + 1, orders.n_items), np.int32)
        row, place = np.nonzero(shown.items[here] >= 0)
        item = shown.items[here][row, place]
        np.add.at(counts, (day[row] - self.first + 1, item), 1)
        line_day = orders.minute // MINUTES_PER_DAY - self.first
        close = (orders.market == market) & (line_day >= 0) & (line_day < days)
        np.add.at(counts, (line_day[close] + 1, orders.item[close]), 1)
        self.until = np.cumsum(counts, axis=0, dtype=np.int32)
        lists = np.bincount(day - self.first + 1, minlength=days + 1)
        self.lists_until = np.cumsum(lists)

    def of(self, day: IntArray, rankings: IntArray, own: NDArray[np.int64]) -> BoolArray:
        """Whether it was seen (lists × any), besides ``own`` times; of no matter at -1."""
        at = (day - self.first)[:, None]
        found = np.zeros(rankings.shape, bool)
        rate = np.zeros(rankings.shape)
        for window in DAYS_CLOSE_BY:
            after, before = at + window + 1, at - window
            lists = self.lists_until[after] - self.lists_until[before]
            count = self.until[after, rankings].astype(np.int64) - self.until[before, rankings]
            count -= own
            if window == DAYS_CLOSE_BY[0]:
                rate, found = count / lists, count > 0
            else:
                found = np.where(rate * lists >= USUAL, count > 0, found)
        return found
