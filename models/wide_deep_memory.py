"""What a fit of a wide and deep network holds at its peak, counted before it begins."""

from typing import TYPE_CHECKING

import numpy as np

from restock.dataset import Interactions
from restock.models.memory import held, horizons
from restock.models.wide_deep_view import PAIR_FEATURES

if TYPE_CHECKING:
    from restock.models.wide_deep import WideDeepConfig

VIEW = 4 * PAIR_FEATURES + 16
"""Bytes of a pair in a view: its features, item and cross."""
ACTIVE = 24 + 52 + 8 * (PAIR_FEATURES + 1)
"""Bytes of a pair whose customer buys in the horizon: in the window, and in the examples, which
hold features twice while they are made."""
CELL = 28 + 32
"""Bytes of an item in a market: in the view, and in the examples."""
CUSTOMER = 60
"""Bytes of a customer in a view and its window."""
BOUGHT = 60
"""Bytes of a purchase in a horizon: where its pair is, and what an epoch draws of it."""


def bytes_for(interactions: Interactions, config: "WideDeepConfig", at_once: int) -> int:
    """The views and windows of all cut-offs, their examples, an epoch's draw and a step.

    at_once: rows of the validation loss that are computed together.
    """
    found = horizons(interactions, config.cutoffs + 1, config.horizon_days)
    customers, items = interactions.customers, int(np.unique(interactions.item).size)
    markets = np.unique(interactions.catalogue.customer_market[customers]).size
    past = interactions.pairs.item.size + sum(one.past for one in found)
    views = VIEW * past + ACTIVE * sum(one.active for one in found)
    tables = len(found) * (CELL * markets * items + CUSTOMER * customers.size)
    rows = sum(min(one.lines, one.customers * config.purchases) for one in found)
    candidates = 1 + 2 * config.negatives
    # of a candidate two codes and a weight; of a negative numbers on the way to it
    draw = BOUGHT * sum(one.lines for one in found)
    draw += rows * (20 * candidates + 32 * config.negatives)
    # what a step holds of a candidate: found by measuring fits of 2 to 32 negatives
    width = PAIR_FEATURES + 16 + config.embedding + 1.5 * config.hidden + config.second
    step = 4 * width * candidates * min(rows, max(at_once, 3 * config.batch_size))
    weights = 20 * config.embedding * (customers.size + items)
    return int(held(interactions) + views + tables + draw + step + weights)
