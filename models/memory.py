"""What a fit holds at its peak, counted from the arrays that it makes.

A model whose arrays go with (customer, item) pairs says what it makes beside what every fit
makes: the pairs, the decay of a line, and what is popular. Lines themselves are memory-mapped and
count for nobody.
"""

import datetime as dt
from typing import NamedTuple

import numpy as np

from restock.dataset import Interactions, Pairs

DECAY = 28
"""Bytes for each minute in the table of what is left of a line, while it is made."""
POPULAR = 56
"""Bytes for each market and item, while items are ranked."""


def held(interactions: Interactions) -> int:
    """What every fit has made before its model begins, and keeps to the end."""
    pairs = interactions.pairs
    return pairs.of_line.nbytes + pairs.item.nbytes + 20 * interactions.n_customers


def peak(interactions: Interactions, own: int) -> int:
    """The peak of a fit whose model makes ``own`` bytes.

    Pairs are found with room for one per line, which is given back where items were bought twice.
    """
    lines, (first, last) = len(interactions), interactions.ranges.first_and_last
    minutes = min(last - first + 1, lines)
    markets = 1 + len(interactions.catalogue.markets)
    tables = max(DECAY * minutes, POPULAR * markets * interactions.n_items)
    again = 4 * lines if interactions.pairs.item.size < lines else 0
    return held(interactions) + max(again, own + tables)


def similarities(pairs: Pairs, sold: int) -> int:
    """How many of ``sold`` × ``sold`` items have a customer in common, about.

    As if the pairs of items that customers make fell anywhere; they fall on popular items more
    often, so that this is rather too much than too little.
    """
    made = float(np.square(np.diff(pairs.indptr)).sum())
    return int(sold**2 * -np.expm1(-made / max(sold**2, 1)))


class Horizon(NamedTuple):
    """What a model that learns from earlier cut-offs finds at one of them, about.

    past: the pairs bought before it, as many of all as lines are. customers, lines: of those who
    bought in the horizon, and there. active: the pairs of those customers, as ``past`` counts.
    """

    past: float
    customers: int
    lines: int
    active: float


def horizons(interactions: Interactions, count: int, days: int) -> list[Horizon]:
    """The newest ``count`` horizons of so many days; those with nothing before them left out."""
    sizes, lines = np.diff(interactions.pairs.indptr), max(len(interactions), 1)
    found = []
    for back in range(1, count + 1):
        cutoff = interactions.as_of_date - dt.timedelta(days=days * back)
        share = len(interactions.before(cutoff)) / lines
        if not share:
            break
        then = interactions.between(cutoff, cutoff + dt.timedelta(days=days))
        active = share * int(sizes[then.customers].sum())
        past = share * interactions.pairs.item.size
        found.append(Horizon(past, then.customers.size, len(then), active))
    return found
