"""Means of metrics over folds, with intervals by customer."""

from collections.abc import Sequence
from typing import NamedTuple

import numpy as np

from restock.evaluation import metrics as m
from restock.evaluation.scorecard import Scorecard

Z95 = 1.959964


class Mean(NamedTuple):
    """A mean and the ends of its 95 % interval; NaN where nothing was judged."""

    value: float
    low: float
    high: float


def mean_over_folds(scorecards: Sequence[Scorecard], metric: str) -> Mean:
    """The mean of a metric over all judged customers of all folds.

    metric: a per-customer column (``ndcg_at_10``) or ``revenue_share_at_k``, the captured
    part of all revenue. The interval is the linearised one of a ratio, sum(x) / sum(w), with
    customers as clusters (Cochran, *Sampling Techniques*, eq. 6.13): a customer who is in
    several folds counts once.
    """
    if not scorecards:
        return Mean(np.nan, np.nan, np.nan)
    k = scorecards[0].k
    above, below, customer = [], [], []
    for card in scorecards:
        if metric == f"{m.REVENUE_SHARE}_at_{k}":
            x, w = card.column(f"captured_at_{k}"), card.column("spend")
        else:
            x, w = card.column(metric), np.ones(card.n_customers)
        known = ~(np.isnan(x) | np.isnan(w))
        above.append(x[known])
        below.append(w[known])
        customer.append(card.customer[~card.cold][known])
    x, w = np.concatenate(above), np.concatenate(below)
    _, cluster = np.unique(np.concatenate(customer), return_inverse=True)
    total = w.sum()
    if total == 0:
        return Mean(np.nan, np.nan, np.nan)
    ratio = float(x.sum() / total)
    deviations = np.bincount(cluster, weights=x - ratio * w)
    n = deviations.size
    if n < 2:
        return Mean(ratio, np.nan, np.nan)
    error = float(np.sqrt(n / (n - 1) * np.square(deviations).sum()) / total)
    return Mean(ratio, ratio - Z95 * error, ratio + Z95 * error)
