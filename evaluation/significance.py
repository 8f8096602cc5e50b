"""Is a difference more than chance? Resamples of customers, a robust test, multiplicity."""

import math
from collections.abc import Mapping

import numpy as np
from numpy.typing import NDArray
from scipy.special import ndtr

from restock.evaluation.folds import FloatArray
from restock.kernels.resampling import count_draws

CELLS_PER_BLOCK = 2_000_000  # resampling weights held at a time: 16 MB


def resampled_sums(rows: FloatArray, resamples: int, seed: int) -> FloatArray:
    """Column sums of ``resamples`` bootstrap samples of the rows (resamples × columns).

    Each sample draws n of the n rows with replacement (Efron 1979); all columns see the same
    draws, which makes whatever is compared afterwards paired. Equal n and seed give equal
    draws. Cost: n·resamples draws and one matrix product; memory is bounded by blocks.
    """
    n = rows.shape[0]
    sums = np.zeros((resamples, rows.shape[1]))
    if n == 0:
        return sums
    generator = np.random.default_rng(seed)
    block = max(1, CELLS_PER_BLOCK // n)
    for start in range(0, resamples, block):
        size = min(block, resamples - start)
        drawn = generator.integers(0, n, size=(size, n), dtype=np.int32)
        sums[start : start + size] = count_draws(drawn) @ rows
    return sums


def advantage_p_value(differences: FloatArray) -> float:
    """One-sided p of "the mean difference is not above 0", safe for skewed, heavy tails.

    differences: one number per independent customer, each customer's contribution to the
    difference of the totals. The statistic is the self-normalised sum under the null
    hypothesis, with one phantom customer of the largest size seen who goes the other way:

        T = (sum d - max|d|) / sqrt(sum d² + max|d|²),   p = P(N(0, 1) > T)

    Squares are taken about 0, the mean under the null: then P(T > t) ≤ exp(-t²/2) whenever
    differences are symmetric, however heavy their tails (de la Peña, Lai and Shao 2009,
    theorem 2.14), while the usual t or bootstrap standard error, taken about the observed
    mean, is many times too sure far out in the tail where a nightly gate decides. The phantom
    covers asymmetry: a few large customers who would lose and happen not to be in the sample.
    1 where nothing differs.
    """
    largest = float(np.abs(differences).max(initial=0.0))
    if largest == 0.0:
        return 1.0
    scaled = differences / largest
    statistic = (scaled.sum() - 1.0) / math.sqrt(float(scaled @ scaled) + 1.0)
    return float(ndtr(-statistic))


def holm(p_values: Mapping[str, float]) -> dict[str, float]:
    """Holm's (1979) adjusted p-values: rejecting those ≤ a keeps the chance of any error ≤ a."""
    ordered = sorted(p_values, key=lambda key: (p_values[key], key))
    adjusted: dict[str, float] = {}
    worst = 0.0
    for at, key in enumerate(ordered):
        worst = max(worst, min(1.0, (len(ordered) - at) * p_values[key]))
        adjusted[key] = worst
    return adjusted


def benjamini_hochberg(p_values: Mapping[str, float], rate: float) -> set[str]:
    """Keys rejected by Benjamini and Hochberg (1995) at false-discovery rate ``rate``."""
    keys = sorted(p_values, key=lambda key: (p_values[key], key))
    limit = 0
    for rank, key in enumerate(keys, start=1):
        if p_values[key] <= rate * rank / len(keys):
            limit = rank
    return set(keys[:limit])


def quantiles(values: FloatArray, confidence: float) -> tuple[NDArray[np.float64], FloatArray]:
    """The two ends of the central ``confidence`` of each column."""
    tail = (1.0 - confidence) / 2.0
    low, high = np.quantile(values, [tail, 1.0 - tail], axis=0)
    return low, high
