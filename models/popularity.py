"""Recency-weighted popularity of items per market: a model's fallback, and a model of its own."""

import functools
from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray

from restock.dataset import Interactions
from restock.dataset.catalogue import IntArray
from restock.dataset.decay import Decay
from restock.kernels.pairs import sum_by_market
from restock.kernels.policy import over_blocks, threads

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
    """Order lines per market and item, each halved in ``half_life_days`` (markets × items).

    Added up shard by shard, then over the shards in order.
    """
    shards, decay = interactions.shards, interactions.decay_table(half_life_days)
    total = np.zeros((len(interactions.catalogue.markets), interactions.n_items))

    def of_shard(earlier: int, shard: int, _: int) -> NDArray[np.float64]:
        at = earlier + shard
        return _lines_of(interactions, shards[at], shards[at + 1], decay)

    at_once = threads()  # no more parts are held
    for first in range(0, shards.size - 1, at_once):
        size = min(at_once, shards.size - 1 - first)
        for part in over_blocks(functools.partial(of_shard, first), size, 1, at_once):
            total += part
    return total


def lines_of_shard(
    shard: Interactions, half_life_days: float = HALF_LIFE_DAYS
) -> NDArray[np.float64]:
    """What a shard adds to ``lines_by_market`` of all, digit by digit (markets × items)."""
    return _lines_of(shard, 0, shard.n_customers, shard.decay_table(half_life_days))


def _lines_of(
    interactions: Interactions, first: int, last: int, decay: Decay
) -> NDArray[np.float64]:
    """The sums of the customers ``first`` to ``last``, in the order of their lines."""
    market = interactions.catalogue.customer_market
    total = np.zeros((len(interactions.catalogue.markets), interactions.n_items))
    lines, item, minute = decay.lines, decay.lines.columns["item"], decay.lines.columns["minute"]
    about = (lines.start, lines.stop, market, item, minute, decay.first, decay.left)
    sum_by_market(first, last, *about, total)
    return total


def sales_now(interactions: Interactions) -> NDArray[np.float64]:
    """``p / max p`` of each item in each market (float64, markets × items).

    p are the market's recent order lines, as in `popular`.
    """
    return sales_of(lines_by_market(interactions))


def sales_of(lines: NDArray[np.float64]) -> NDArray[np.float64]:
    """The same from ``lines_by_market``."""
    return lines / np.maximum(lines.max(axis=1, keepdims=True), 1e-300)


def selling_now(interactions: Interactions) -> NDArray[np.float64]:
    """The same of each pair's item in the customer's market (float64, pairs)."""
    pairs = interactions.pairs
    market = interactions.catalogue.customer_market[pairs.customer]
    found: NDArray[np.float64] = sales_now(interactions)[market, pairs.item]
    return found


def popularity(interactions: Interactions, half_life_days: float = HALF_LIFE_DAYS) -> Popularity:
    """Rank the items of each market by their weighted order lines.

    Equal items are ordered by code. Cost: one pass over the lines, one sort per market.
    """
    return ranked(lines_by_market(interactions, half_life_days))


def ranked(counts: NDArray[np.float64]) -> Popularity:
    """The same from ``lines_by_market``."""
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
