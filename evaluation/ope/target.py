"""How likely another policy would have shown what is in a log."""

from collections.abc import Mapping
from typing import Any

import numpy as np
import pandas as pd
from numpy.typing import NDArray

from restock.dataset.catalogue import Catalogue, IntArray
from restock.evaluation.folds import BoolArray
from restock.evaluation.ope.shown import NOBODY, ShownLists
from restock.models import Recommender


def model_rankings(
    recommender: Recommender[Any],
    shown: ShownLists,
    reach: int,
    allowed: Mapping[int, BoolArray] | None = None,
) -> IntArray:
    """What a fitted recommender ranks for the customer of each list (int32, n × reach, -1 after).

    The recommender knows the catalogue that ``shown`` was encoded with, and was fitted on what
    was known before the log began. Customers without an order line get what is popular in
    their market. allowed: market code → what may be shown there (bool, items); all without it.
    """
    rankings = np.full((shown.n, reach), -1, np.int32)
    for market in np.unique(shown.market).tolist():
        mask = None if allowed is None else allowed[market]
        here = shown.market == market
        known = here & (shown.customer != NOBODY)
        customers, of_row = np.unique(shown.customer[known], return_inverse=True)
        if customers.size:
            lists = recommender.recommend(customers, reach, allowed=mask).items
            rankings[known] = lists[of_row]
        rankings[here & ~known] = _popular(recommender, market, reach, mask)
    return rankings


def published_rankings(
    table: pd.DataFrame, shown: ShownLists, catalogue: Catalogue, unknown: str = ""
) -> IntArray:
    """What published lists hold for the customer of each logged list (int32, n × ranks).

    table: columns market, customer_id, rank (from 1) and item_id, as a publication has them.
    unknown: the customer_id whose list is for customers without one.
    """
    depth = int(table["rank"].max()) if len(table) else 1
    items = pd.Index(catalogue.items["id"].to_pandas()).get_indexer(table["item_id"])
    sold = table[items >= 0].assign(code=items[items >= 0]).sort_values("rank", kind="stable")
    market = pd.Index(catalogue.markets).get_indexer(sold["market"])
    customer = pd.Index(catalogue.customers["id"].to_pandas()).get_indexer(sold["customer_id"])
    owner = np.where(sold["customer_id"].to_numpy() == unknown, NOBODY, customer)
    keep = (owner >= 0) | (sold["customer_id"].to_numpy() == unknown)
    lists = _lists(market[keep], owner[keep], sold["code"].to_numpy()[keep], depth)
    empty = np.full(depth, -1, np.int32)
    return np.array(
        [
            lists.get((m, c), lists.get((m, NOBODY), empty))
            for m, c in zip(shown.market.tolist(), shown.customer.tolist(), strict=True)
        ],
        dtype=np.int32,
    ).reshape(shown.n, depth)


def _lists(
    market: NDArray[np.integer], owner: NDArray[np.integer], code: NDArray[np.integer], depth: int
) -> dict[tuple[int, int], IntArray]:
    """Market and customer → codes in order of rank, closed up, -1 after the last."""
    order = np.lexsort((np.arange(code.size), owner, market))
    market, owner, code = market[order], owner[order], code[order]
    fresh = np.ones(code.size, bool)
    fresh[1:] = (market[1:] != market[:-1]) | (owner[1:] != owner[:-1])
    first = np.flatnonzero(fresh)
    found = {}
    for start, stop in zip(first, np.append(first[1:], code.size), strict=True):
        row = np.full(depth, -1, np.int32)
        row[: stop - start] = code[start:stop]
        found[int(market[start]), int(owner[start])] = row
    return found


def _popular(
    recommender: Recommender[Any], market: int, reach: int, allowed: BoolArray | None
) -> IntArray:
    """The market's popular items (int32, reach, -1 after the last)."""
    popular = recommender.past.popularity
    order = popular.order[popular.row_of_market[market]]
    order = order[order >= 0]
    if allowed is not None:
        order = order[allowed[order]]
    row = np.full(reach, -1, np.int32)
    row[: min(order.size, reach)] = order[:reach]
    return row
