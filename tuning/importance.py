"""Which dimensions decided, as far as a study's trials tell."""

from collections.abc import Sequence

import numpy as np
import pandas as pd
from numpy.typing import NDArray

from restock.models.space import Choice, Space
from restock.tuning.space import base, coordinate_of, settle
from restock.tuning.trials import Told

LEAST = 8  # trials, and trials in which a dimension counts; under that nothing is said of it
BINS = 4

FloatArray = NDArray[np.float64]


def importance(space: Space, history: Sequence[Told]) -> dict[str, float]:
    """Dimension → its share of what the dimensions explain, one by one: 1 in all, or 0 in all.

    The first-order part of functional ANOVA (Hutter, Hoos and Leyton-Brown, "An Efficient
    Approach for Assessing Hyperparameter Importance", ICML 2014, equation 8), estimated without
    a forest, because studies have 10 to 200 trials: trials are grouped by a dimension's option,
    or by quarters of its coordinate, and the variance between the groups is counted, less what
    as many random groups would show (Kelley's epsilon squared, PNAS 1935). Of the lifts only
    their ranks count (Kruskal and Wallis, JASA 1952), so that a disaster, or a failure, is no
    more than the last. A conditional dimension answers for the trials in which it is active.

    Trials of an engine are no random sample: two dimensions that moved together share the
    praise. 0 everywhere: too few trials, or no dimension that shows.
    """
    points = [settle(space, told.point) for told in history]
    failed = -np.inf  # the worst, all alike
    values = np.array([failed if told.value is None else told.value for told in history])
    ranks = np.asarray(pd.Series(values).rank(), dtype=np.float64)
    explained = dict.fromkeys(space, 0.0)
    if len(history) >= LEAST and values.min() < values.max():
        for name in space:
            at = np.array([name in point for point in points])
            found = [coordinate_of(space[name], point[name]) for point in points if name in point]
            groups = _groups(np.array(found), isinstance(base(space[name]), Choice))
            explained[name] = _between(ranks[at], groups) / _variation(ranks)
    total = sum(explained.values())
    return {name: share / total if total else 0.0 for name, share in explained.items()}


def _groups(coordinates: FloatArray, nominal: bool) -> NDArray[np.intp]:
    """The group of each trial: its option, or the quarter of the coordinate it lies in."""
    if nominal or np.unique(coordinates).size <= BINS:
        return np.unique(coordinates, return_inverse=True)[1]
    borders = np.quantile(coordinates, np.arange(1, BINS) / BINS)
    return np.searchsorted(borders, coordinates, side="left")


def _between(ranks: FloatArray, groups: NDArray[np.intp]) -> float:
    """Sum of squares between the groups, less what groups without a meaning would have."""
    counts = np.bincount(groups, minlength=1)
    counts, totals = counts[counts > 0], np.bincount(groups, ranks)[np.unique(groups)]
    free = ranks.size - counts.size
    if ranks.size < LEAST or counts.size < 2 or free < 1:
        return 0.0
    between = float((totals**2 / counts).sum() - ranks.sum() ** 2 / ranks.size)
    within = _variation(ranks) - between
    return max(between - (counts.size - 1) * within / free, 0.0)


def _variation(ranks: FloatArray) -> float:
    """Sum of squares around the mean. Sums of ranks are exact: their order does not matter."""
    return float((ranks**2).sum() - ranks.sum() ** 2 / ranks.size)
