"""How far a market's own numbers are believed: lifts beside a reference, and shrunk.

All arrays are float64 of log-lifts; NaN where a market has no lift. The error of a difference of
two lifts is less than that of either, because both were measured on the same customers.
"""

import numpy as np
from numpy.typing import NDArray

from restock.evaluation.folds import FloatArray

KIN, STRANGERS = 0.3, 0.8
"""Variance of a difference of two lifts over the sum of their variances, for two candidates of
one family and of two: medians on Online Retail (three windows, sixteen candidates, markets with
more than ten customers), where both lifts are over the same yardstick."""
ROUNDS = 8


def difference_variance(
    error: FloatArray, reference: FloatArray, kin: NDArray[np.bool_]
) -> FloatArray:
    """Variance of lift minus reference lift from the standard errors of both.

    kin: bool, broadcastable: whether both are of one family. An error of 0 is the yardstick's
    own: the other lift then is the difference.
    """
    exact = (error == 0) | (reference == 0)
    factor = np.where(exact, 1.0, np.where(kin, KIN, STRANGERS))
    found: FloatArray = factor * (error**2 + reference**2)
    return found


def prior_variance(squares: FloatArray, variance: FloatArray, scale: FloatArray) -> float:
    """The variance of true differences: what squares show beyond their measurement.

    squares: observed squared differences (n), each with expectation ``scale * (tau² +
    variance)``. Method of moments, weighted by the precision that follows (Paule and Mandel
    1982; DerSimonian and Laird, "Meta-analysis in clinical trials", 1986), not below 0.
    """
    known = np.isfinite(squares) & np.isfinite(variance) & (scale > 0)
    if not known.any():
        return 0.0
    squares, variance, scale = squares[known], variance[known], scale[known]
    tau2 = 0.0
    for _ in range(ROUNDS):
        weight = (scale / (tau2 + variance + 1e-12)) ** 2
        tau2 = max(0.0, float(weight @ (squares / scale - variance) / weight.sum()))
    return tau2


def belief(
    customers: FloatArray, variance: FloatArray, tau2: FloatArray, half_way: float
) -> FloatArray:
    """Weight of a market's own difference: ``tau² / (tau² + v)``, the empirical-Bayes weight of a
    normal prior (Efron and Morris, "Data analysis using Stein's estimator", JASA 1975).

    Below ``half_way`` customers at most ``n / (n + half_way)``, whatever the prior says: such a
    market does not choose on its own. 0 where the market has no number.
    """
    customers = np.nan_to_num(customers)
    declared = np.where(
        customers < half_way, customers / np.maximum(customers + half_way, 1e-12), 1.0
    )
    earned = tau2 / np.maximum(tau2 + variance, 1e-300)
    return np.nan_to_num(np.minimum(declared, earned))


def undominated(values: FloatArray, cost: FloatArray) -> NDArray[np.bool_]:
    """Rows (n × columns) that no other row equals or betters in all columns at no more cost.

    Of equal rows the first stays. A missing value is below every number.
    """
    values = np.where(np.isnan(values), -np.inf, values)
    keep = np.ones(len(values), dtype=bool)
    for row in np.argsort(-values.max(axis=1, initial=-np.inf), kind="stable"):
        better = keep & (values >= values[row]).all(axis=1) & (cost <= cost[row])
        equal = (values == values[row]).all(axis=1) & (cost == cost[row])
        better &= ~equal | (np.arange(len(values)) < row)
        better[row] = False
        keep[row] = not better.any()
    return keep
