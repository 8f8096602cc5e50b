"""How much of what customers see stays the same from one window to the next."""

from collections.abc import Sequence
from itertools import pairwise

import numpy as np

from restock.evaluation.estimates import Mean, mean_of_ratio
from restock.evaluation.folds import FloatArray
from restock.evaluation.scorecard import Scorecard


def list_stability(earlier: Scorecard, later: Scorecard) -> Mean:
    """The share of a customer's earlier list that is still on the later one, over customers.

    Of the customers who are judged in both windows: listed items in common / items of the
    earlier list, order left aside, with the 95 % interval over customers. NaN where nobody is
    in both. In 0 … 1: 1 when no list changed.
    """
    return _mean([_kept(earlier, later)])


def stability(cards: Sequence[Scorecard]) -> Mean:
    """The same over all pairs of neighbouring windows of a market, customers as clusters."""
    ordered = sorted(cards, key=lambda card: card.cutoff)
    return _mean([_kept(earlier, later) for earlier, later in pairwise(ordered)])


def _kept(earlier: Scorecard, later: Scorecard) -> tuple[FloatArray, FloatArray, FloatArray]:
    """Items that stay, items that there were, and the customer, of everybody in both."""
    warm, then = ~earlier.cold, ~later.cold
    common, at, to = np.intersect1d(
        earlier.customer[warm], later.customer[then], assume_unique=True, return_indices=True
    )
    before, after = earlier.lists[warm][at], later.lists[then][to]
    there = before >= 0
    same = (before[:, :, None] == after[:, None, :]).any(axis=2) & there
    return same.sum(axis=1).astype(float), there.sum(axis=1).astype(float), common.astype(float)


def _mean(parts: Sequence[tuple[FloatArray, FloatArray, FloatArray]]) -> Mean:
    if not parts:
        return Mean(np.nan, np.nan, np.nan)
    above, below, customer = (np.concatenate(column) for column in zip(*parts, strict=True))
    found = mean_of_ratio(above, below, customer)
    return Mean(found.value, max(found.low, 0.0), min(found.high, 1.0))
