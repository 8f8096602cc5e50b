"""Intervals that hold however often one looks: for an experiment that is read every day.

The customers of an experiment are assigned once, and what they do adds up over its days. Let S_t
be the difference of the arms' means of what has added up until day t, and V_t its variance. If
increments were independent, S would be a Brownian motion in the time V, and Robbins' normal
mixture (Robbins 1970; Howard, Ramdas, McAuliffe and Sekhon 2021, eq. 14; asymptotically, with
estimated variances: Waudby-Smith, Arbour, Sinha, Kennedy and Ramdas 2024, theorem 2.2) bounds it
at all times at once:

    P(exists t: |S_t - E S_t| >= b(V_t)) <= alpha,   b(v) = sqrt((v + h) log((v + h) / (h alpha²)))

They are not independent: who buys much today tends to buy much tomorrow. Then Cov(S_s, S_t) >=
V_s, the correlation of any two looks is at least that of the Brownian motion at the same
variances, and by Slepian's inequality the chance to leave the bound at any look is at most as
large. Were increments negatively correlated (who orders today does not tomorrow), looks that
follow one another closely are a little more independent than assumed; how often the bound is
left is therefore measured (``restock.benchmarks.proof_experiments``).

h > 0 must be fixed before the first look: it says at which variance the bound is tightest.
"""

import math
from dataclasses import dataclass

import numpy as np
from scipy.special import lambertw

from restock.evaluation.folds import FloatArray


@dataclass(frozen=True)
class Mixture:
    """The bound for one difference. h: variance that mixes; alpha: chance to ever leave it."""

    h: float
    alpha: float = 0.05

    @classmethod
    def tightest_at(cls, variance: float, alpha: float = 0.05) -> "Mixture":
        """The bound that is tightest at this variance of the difference (Howard et al. 2021,
        proposition 3). Of other variances within a factor of ten it is hardly wider than need be.

        ValueError unless the variance is above 0 and alpha lies in (0, 1).
        """
        if not (math.isfinite(variance) and variance > 0):
            raise ValueError(f"the planned variance must be above 0, not {variance}")
        if not 0 < alpha < 1:
            raise ValueError(f"alpha lies in (0, 1), not {alpha}")
        branch = float(lambertw(-(alpha**2) / math.e, -1).real)
        return cls(variance / (-branch - 1.0), alpha)

    def half_width(self, variance: float | FloatArray) -> FloatArray:
        """b(v): how far the difference may lie from the truth, at this variance (float64)."""
        v = np.asarray(variance, dtype=np.float64) + self.h
        width: FloatArray = np.sqrt(v * np.log(v / (self.h * self.alpha**2)))
        return width
