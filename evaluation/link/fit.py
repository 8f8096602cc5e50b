"""Shrunk regression from offline deltas to measured lift: the declared weights, and what past
experiments have to say against them.

The model. An experiment e measured the log lift y_e with error s_e; before it, metric j had the
delta x_ej (a log ratio) with error r_ej. With w the weights of an objective,

    y_e = g · sum_j w_j x_ej + u_e + noise,        w_j = w0_j + d_j,
    d_j ~ N(0, (k / c_j)²),     u_e ~ N(0, t²),     noise ~ N(0, s_e² + g² (sum_j w0_j r_ej)²)

w0 are the declared weights. g > 0 is how much of an offline gain arrives: lists are only a part of
what customers buy. k is how far the weights may lie from the declared ones, on deltas that are
scaled by their precision-weighted root mean square c_j over the experiments; t is what no mix of
these metrics foretells. Errors of the deltas enter as variance of the prediction (the effective
variance of Orear, Am. J. Phys. 50, 912, 1982), those of one experiment taken as fully dependent:
its metrics are of the same lists and customers.

Given (g, k, t) this is ridge regression toward w0 (Hoerl and Kennard 1970; for metrics of
experiments: Deng and Shi, KDD 2016, "Data-driven metric development"). How strong the ridge is,
the experiments say themselves: the posterior is averaged over a grid of (g, k, t) by marginal
likelihood (Gelman et al., Bayesian Data Analysis, 3rd ed., section 5.3),

    y | g, k, t ~ N(g X w0, V),    V = g² k² X C^-2 X' + diag(t² + s_e² + g² (...)²).

Half of the prior mass lies on k = 0, the declared weights themselves: without evidence they stay.
In each cell weights below 0 are cut to 0 and all are divided by their sum; the proposal is their
mean over the cells. Predictions use d as it is. Metrics that only foretell, because an objective
must not weigh them, have w0 = 0 and a d of their own, and no part in the proposal.
"""

from dataclasses import dataclass
from typing import Final

import numpy as np
from scipy.special import logsumexp

from restock.evaluation.folds import FloatArray

PARTS: Final = np.geomspace(0.005, 2.0, 25)
"""g: what part of an offline gain arrives as lift."""

LOOSENESS: Final = np.array([0.0, 0.1, 0.3, 1.0, 3.0, 10.0])
"""k: how far weights lie from the declared ones, on scaled deltas; half the mass is on 0."""

MISFITS: Final = np.array([0.0, 0.003, 0.01, 0.03, 0.1])
"""t: standard deviation of lifts that the metrics do not foretell (log units)."""

LEAST_MASS: Final = 1e-6
"""Cells with less of the posterior are left out."""


@dataclass(frozen=True, eq=False)
class Posterior:
    """What is known of (g, k, t) and d: a mixture of cells of the grid, d normal in each.

    declared: w0 (metrics). part, looseness, misfit, mass: g, k, t and probability (cells).
    shift: mean of d (cells × metrics). spread: its covariance (cells × metrics × metrics).
    beside: so many metrics, the last ones, only foretell.
    """

    declared: FloatArray
    part: FloatArray
    looseness: FloatArray
    misfit: FloatArray
    mass: FloatArray
    shift: FloatArray
    spread: FloatArray
    beside: int = 0

    @property
    def weights(self) -> FloatArray:
        """Posterior mean of the weights, cut at 0 and summing to 1 in every cell (metrics); 0 for
        those that only foretell."""
        cut = np.maximum(self.declared + self.shift, 0.0)
        cut[:, cut.shape[1] - self.beside :] = 0.0
        total = cut.sum(axis=1, keepdims=True)
        whole = np.where(total > 0, cut / np.where(total > 0, total, 1.0), self.declared)
        found: FloatArray = self.mass @ whole
        return found

    @property
    def trust(self) -> float:
        """Probability that the declared weights hold as they are (k = 0)."""
        return float(self.mass[self.looseness == 0].sum())

    def lifts(self, deltas: FloatArray, delta_errors: FloatArray) -> tuple[FloatArray, FloatArray]:
        """Mean and standard deviation of the true lift for deltas (n × metrics); float64 (n)."""
        own = (delta_errors @ self.declared) ** 2
        mean = self.part[:, None] * ((self.declared + self.shift) @ deltas.T)
        within = np.einsum("ni,cij,nj->cn", deltas, self.spread, deltas)
        variance = self.part[:, None] ** 2 * (within + own) + self.misfit[:, None] ** 2
        centre = self.mass @ mean
        return centre, np.sqrt(np.maximum(self.mass @ (variance + (mean - centre) ** 2), 0.0))


def fit(
    deltas: FloatArray,
    delta_errors: FloatArray,
    lift: FloatArray,
    error: FloatArray,
    declared: FloatArray,
    beside: int = 0,
) -> Posterior:
    """The posterior given experiments.

    deltas, delta_errors: float64 (n × metrics). lift, error: float64 (n), errors above 0.
    declared: the declared weights (metrics), summing to 1. beside: so many metrics, the last
    ones, only foretell.
    """
    part, loose, misfit = (
        axis.ravel() for axis in np.meshgrid(PARTS, LOOSENESS, MISFITS, indexing="ij")
    )
    free = _scales(deltas, error)
    scaled = deltas * free
    noise = error**2 + misfit[:, None] ** 2 + (part[:, None] * (delta_errors @ declared)) ** 2
    whole = (part * loose)[:, None, None] ** 2 * (scaled @ scaled.T)
    at = np.arange(lift.size)
    whole[:, at, at] += noise
    rest = lift - part[:, None] * (deltas @ declared)
    solved = np.linalg.solve(whole, rest[..., None])[..., 0]
    prior = np.where(loose == 0, 0.5, 0.5 / (LOOSENESS.size - 1))
    evidence = -0.5 * ((rest * solved).sum(axis=1) + np.linalg.slogdet(whole)[1])
    log_mass = np.log(prior) + evidence
    mass = np.exp(log_mass - logsumexp(log_mass))
    keep = mass > LEAST_MASS
    part, loose, misfit, mass = part[keep], loose[keep], misfit[keep], mass[keep]
    # d in a cell: mean g k² C⁻¹ Z' V⁻¹ rest, covariance k² C⁻¹ (1 - g² k² Z' V⁻¹ Z) C⁻¹, Z = X C⁻¹
    shift = (part * loose**2)[:, None] * (solved[keep] @ scaled) * free
    known = np.einsum("ei,cef,fj->cij", scaled, np.linalg.inv(whole[keep]), scaled)
    left = np.eye(declared.size) - (part * loose)[:, None, None] ** 2 * known
    spread = loose[:, None, None] ** 2 * left * free[:, None] * free
    return Posterior(declared, part, loose, misfit, mass / mass.sum(), shift, spread, beside)


def _scales(deltas: FloatArray, error: FloatArray) -> FloatArray:
    """1 / c_j; 0 for a metric that never moves, whose weight then stays the declared one."""
    precision = 1.0 / error**2
    scale = np.sqrt(precision @ deltas**2 / precision.sum())
    found: FloatArray = np.divide(1.0, scale, out=np.zeros_like(scale), where=scale > 1e-9)
    return found
