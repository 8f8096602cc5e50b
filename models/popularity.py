"""Recency-weighted popularity of items per market: a model's fallback, and a model of its own."""

from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray

from restock.dataset import Interactions
from restock.dataset.catalogue import IntArray

HALF_LIFE_DAYS = 14.0


@dataclass(frozen=True, eq=False)
class Popularity:
    """Items of each market, best first.

    order: int32 (rows × m), item codes padded with -1. share: float32 (rows × m), each
    item's share of the market's weighted order lines, descending. row_of_market: int32
    (markets), the row of each market; markets without a line share the last row, which
    counts all markets together.
    """

    order: IntArray
    share: NDArray[np.float32]
    row_of_market: IntArray

    def scores(self, markets: IntArray, n_items: int) -> NDArray[np.float32]:
        """The shares of all items in the given markets (rows × items), -inf where unsold."""
        scores = np.full((self.order.shape[0], n_items + 1), -np.inf, dtype=np.float32)
        np.put_along_axis(scores, self.order, self.share, axis=1)  # -1 lands in the last column
        return scores[self.row_of_market[markets], :n_items]


def lines_by_market(
    interactions: Interactions, half_life_days: float = HALF_LIFE_DAYS
) -> NDArray[np.float64]:
    """Order lines per market and item, each halved in ``half_life_days`` (markets × items)."""
    n_items, n_markets = interactions.n_items, len(interactions.catalogue.markets)
    cell = interactions.market.astype(np.int64) * n_items + interactions.item
    weights = interactions.decay(half_life_days)
    counts = np.bincount(cell, weights, minlength=n_markets * n_items).astype(np.float64)
    return counts.reshape(n_markets, n_items)


def selling_now(interactions: Interactions) -> NDArray[np.float64]:
    """``p / max p`` of each pair's item in the customer's market (float64, pairs).

    p are the market's recent order lines, as in `popular`.
    """
    lines = lines_by_market(interactions)
    share = lines / np.maximum(lines.max(axis=1, keepdims=True), 1e-300)
    pairs = interactions.pairs
    found: NDArray[np.float64] = share[
        interactions.catalogue.customer_market[pairs.customer], pairs.item
    ]
    return found


def popularity(interactions: Interactions, half_life_days: float = HALF_LIFE_DAYS) -> Popularity:
    """Rank the items of each market by their weighted order lines.

    Equal items are ordered by code. Cost: one pass over the lines, one sort per market.
    """
    counts = lines_by_market(interactions, half_life_days)
    sold = np.flatnonzero(counts.any(axis=1))
    table = np.vstack([counts[sold], counts.sum(axis=0)])
    share = (table / np.maximum(table.sum(axis=1, keepdims=True), 1e-300)).astype(np.float32)
    order = np.argsort(-share, axis=1, kind="stable").astype(np.int32)
    share = np.take_along_axis(share, order, axis=1)
    order[share <= 0] = -1
    width = max(int((order >= 0).sum(axis=1).max(initial=0)), 1)
    row_of_market = np.full(counts.shape[0], sold.size, dtype=np.int32)
    row_of_market[sold] = np.arange(sold.size, dtype=np.int32)
    return Popularity(order[:, :width].copy(), share[:, :width].copy(), row_of_market)
