"""What a fit of a wide and deep network holds at its peak, counted before it begins."""

import datetime as dt
from typing import TYPE_CHECKING, NamedTuple

import numpy as np

from restock.dataset import Interactions
from restock.models.memory import held
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


class Counted(NamedTuple):
    """Sums over all windows."""

    windows: int
    pairs: float
    """Pairs bought before the cut-offs, about: as many as the lines before, in proportion."""
    active: float
    """Those of customers who bought in the horizon, likewise."""
    bought: int
    """Lines of the horizons, which pairs are at most."""
    rows: int
    """What an epoch takes of them."""


def bytes_for(interactions: Interactions, config: "WideDeepConfig", at_once: int) -> int:
    """The views and windows of all cut-offs, their examples, an epoch's draw and a step.

    at_once: rows of the validation loss that are computed together.
    """
    counted = _count(interactions, config)
    customers, cells = interactions.customers.size, _cells(interactions)
    views = VIEW * (counted.pairs + interactions.pairs.item.size) + ACTIVE * counted.active
    tables = counted.windows * (CELL * cells + 60 * customers)
    candidates = 1 + 2 * config.negatives
    draw = 60 * counted.bought + counted.rows * (20 * candidates + 32 * config.negatives)
    width = PAIR_FEATURES + 16 + config.embedding + 1.5 * config.hidden + config.second
    step = 4 * width * candidates * min(counted.rows, max(at_once, 3 * config.batch_size))
    weights = 20 * config.embedding * (customers + interactions.n_items)
    return int(held(interactions) + views + tables + draw + step + weights)


def _count(interactions: Interactions, config: "WideDeepConfig") -> Counted:
    sizes, lines = np.diff(interactions.pairs.indptr), max(len(interactions), 1)
    total, days = Counted(0, 0.0, 0.0, 0, 0), config.horizon_days
    for back in range(1, config.cutoffs + 2):
        cutoff = interactions.as_of_date - dt.timedelta(days=days * back)
        past = len(interactions.before(cutoff)) / lines
        then = interactions.between(cutoff, cutoff + dt.timedelta(days=days))
        if not past:
            break
        total = Counted(
            total.windows + 1,
            total.pairs + past * interactions.pairs.item.size,
            total.active + past * int(sizes[then.customers].sum()),
            total.bought + len(then),
            total.rows + min(len(then), then.customers.size * config.purchases),
        )
    return total


def _cells(interactions: Interactions) -> int:
    """Items in markets, of both as many as have a line."""
    homes = interactions.catalogue.customer_market[interactions.customers]
    return np.unique(homes).size * int(np.count_nonzero(np.bincount(interactions.item)))
