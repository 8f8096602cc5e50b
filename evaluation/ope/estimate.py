"""An estimate and its interval: ratios of sums, linearised over customers."""

from dataclasses import dataclass

import numpy as np
from scipy.stats import t as student

from restock.evaluation.folds import FloatArray

CONFIDENCE = 0.95
NO_SKEW = 1e-6
"""Below, the bend is less than rounding in its formula."""


@dataclass(frozen=True)
class Estimate:
    """The worth of a target policy.

    estimator: its name. value: mean reward of a choice (of a list, where lists are judged).
    low, high: 95 % interval; NaN with fewer than two customers. error: standard error. n: rows
    or lists. clusters: customers. ess: effective sample size, the rows drawn by the target
    itself that would carry as much (Kish 1965; see ``diagnostics``).
    """

    estimator: str
    value: float
    low: float
    high: float
    error: float
    n: int
    clusters: int
    ess: float


@dataclass(frozen=True, eq=False)
class Linear:
    """A value, and how far each cluster moves it from where it is (float64, clusters)."""

    value: float
    moves: FloatArray

    def log_ratio(self, other: "Linear") -> "Linear":
        """log(self / other) over the same clusters; NaN where one is not above 0."""
        if self.value <= 0 or other.value <= 0:
            return Linear(np.nan, np.full_like(self.moves, np.nan))
        moves = self.moves / self.value - other.moves / other.value
        return Linear(float(np.log(self.value / other.value)), moves)


def ratios(above: FloatArray, below: FloatArray) -> Linear:
    """sum over columns of (total above / total below), linearised (the delta method).

    above, below: what each cluster adds (clusters, or clusters × columns; below may have one
    column for all). With R_j = A_j / B_j the cluster c moves the value by
    sum_j (a_cj - R_j b_cj) / B_j (Cochran, *Sampling Techniques*, 1977, eq. 6.13; for weights
    that are normalised by their own sum, Owen 2013, section 9.2). NaN where B_j is 0.
    """
    above, below = (part if part.ndim == 2 else part[:, None] for part in (above, below))
    total = below.sum(axis=0)
    known = np.where(total > 0, total, np.nan)
    ratio = above.sum(axis=0) / known
    moves = ((above - ratio * below) / known).sum(axis=1)
    return Linear(float(ratio.sum()), moves)


def standard_error(linear: Linear) -> float:
    """sqrt(c / (c - 1) · sum of squared moves) over c clusters; NaN with fewer than two."""
    c = linear.moves.size
    return float(np.sqrt(c / (c - 1) * np.square(linear.moves).sum())) if c > 1 else np.nan


def estimate(name: str, linear: Linear, n: int, ess: float) -> Estimate:
    """With the interval: value - error · T, T between the ends of ``_studentized``."""
    c, error = linear.moves.size, standard_error(linear)
    low, high = _studentized(linear.moves) if c > 1 else (np.nan, np.nan)
    value = linear.value
    return Estimate(name, value, value - error * high, value - error * low, error, n, c, ess)


def _studentized(moves: FloatArray) -> tuple[float, float]:
    """Where (estimate - truth) / error lies with 95 %: Student's t, bent by the skewness.

    A few large rewards make the error small where the estimate is too low, so the plain interval
    misses high truths. Hall, "On the removal of skewness by transformation", JRSS B 54 (1992),
    221-228: with s = skewness / sqrt(c) = sum(m³) / sum(m²)^1.5 over the c clusters,

        g(T) = T + s T² / 3 + s² T³ / 27 + s / 6,   inverse  (3 / s) · (cbrt(1 + s (g - s / 6)) - 1)

    is nearly free of skewness, and has the usual quantiles.
    """
    reach = float(student.ppf((1 + CONFIDENCE) / 2, moves.size - 1))
    scale = np.sqrt(np.square(moves).sum())
    skew = float(np.power(moves / scale, 3).sum()) if scale > 0 else 0.0
    if abs(skew) < NO_SKEW:
        return -reach, reach
    low, high = (3 / skew * (np.cbrt(1 + skew * (g - skew / 6)) - 1) for g in (-reach, reach))
    return float(low), float(high)
