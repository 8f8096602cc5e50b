"""Means of metrics over folds, with intervals by customer."""

from collections.abc import Sequence
from typing import Any, NamedTuple

import numpy as np
from numpy.typing import NDArray

from restock.evaluation import metrics as m
from restock.evaluation.folds import FloatArray
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
    part of all revenue. The interval is that of ``mean_of_ratio`` with customers as clusters: a
    customer who is in several folds counts once.
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
    return mean_of_ratio(np.concatenate(above), np.concatenate(below), np.concatenate(customer))


def mean_of_ratio(above: FloatArray, below: FloatArray, cluster: NDArray[Any]) -> Mean:
    """sum(above) / sum(below) with the linearised 95 % interval over clusters.

    Cochran, *Sampling Techniques*, eq. 6.13. cluster: whose each term is (any values). NaN where
    there is nothing; no interval with one cluster only.
    """
    total = below.sum()
    if total == 0:
        return Mean(np.nan, np.nan, np.nan)
    ratio = float(above.sum() / total)
    _, code = np.unique(cluster, return_inverse=True)
    deviations = np.bincount(code, weights=above - ratio * below)
    n = deviations.size
    if n < 2:
        return Mean(ratio, np.nan, np.nan)
    error = float(np.sqrt(n / (n - 1) * np.square(deviations).sum()) / total)
    return Mean(ratio, ratio - Z95 * error, ratio + Z95 * error)
