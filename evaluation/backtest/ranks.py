"""Do the markets agree on who is best? Ranks over markets and their critical difference."""

import math
from collections.abc import Mapping
from typing import NamedTuple

import numpy as np
from scipy.stats import f as fisher
from scipy.stats import rankdata, studentized_range

LEVEL = 0.05


class MeanRanks(NamedTuple):
    """Key → mean rank over markets (1 is best).

    distance: how far apart two mean ranks must be; p_value: of all models being equal. None
    where fewer than two markets or models can be ranked.
    """

    ranks: dict[str, float]
    distance: float | None
    p_value: float | None


def mean_ranks(values: Mapping[str, Mapping[str, float]]) -> MeanRanks:
    """Rank the models in every market by a metric, and ask whether the ranks are chance.

    values: market → key → the metric (more is better), the same keys everywhere. Ties share
    the mean of their ranks. p_value: Friedman's statistic in the form of Iman and Davenport,
    F with (k - 1) and (k - 1)(N - 1) degrees of freedom; distance: Nemenyi's critical
    difference, ``q * sqrt(k (k + 1) / (6 N))`` (Demšar 2006, "Statistical comparisons of
    classifiers over multiple data sets", section 3.2.2), for k models and N markets at 5 %.

    Each market counts alike, however many customers it has: leave out those in which ranks are
    chance. ValueError when the markets have other models.
    """
    markets = list(values)
    keys = list(values[markets[0]]) if markets else []
    if any(set(values[market]) != set(keys) for market in markets):
        raise ValueError("every market must have a value of the same models to be ranked")
    if not keys:
        return MeanRanks({}, None, None)
    table = np.array([[values[market][key] for key in keys] for market in markets])
    ranked = rankdata(-table, axis=1)
    means = ranked.mean(axis=0)
    n, k = table.shape
    ranks = {key: float(mean) for key, mean in zip(keys, means, strict=True)}
    if n < 2 or k < 2:
        return MeanRanks(ranks, None, None)
    q = float(studentized_range.ppf(1 - LEVEL, k, np.inf)) / math.sqrt(2)
    return MeanRanks(ranks, q * math.sqrt(k * (k + 1) / (6 * n)), _friedman(ranked))


def _friedman(ranked: np.ndarray[tuple[int, int], np.dtype[np.float64]]) -> float:
    """p of Iman and Davenport's F, as a ratio of sums of squares of ranks (ties included)."""
    n, k = ranked.shape
    centre = (k + 1) / 2
    between = n * float(np.square(ranked.mean(axis=0) - centre).sum())
    within = float(np.square(ranked - centre).sum()) - between
    if between == 0:
        return 1.0
    if within <= 1e-12 * between:
        return 0.0
    statistic = (n - 1) * between / within
    return float(fisher.sf(statistic, k - 1, (k - 1) * (n - 1)))
