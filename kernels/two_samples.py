"""How far two samples are apart: two windows of one column, as they are and with labels swapped."""

import math

import numpy as np
from numpy.typing import NDArray

from restock.kernels.policy import inlined, kernel

KS, JS = 0, 1


@kernel
def ks_distance(one: NDArray[np.float64], other: NDArray[np.float64]) -> float:
    """The largest gap between the distribution functions of two sorted samples (0 … 1).

    Both ascending, without NaN and not empty. Equal values are stepped over together, so ties
    are exact. Cost: one pass over both.
    """
    n, m = one.size, other.size
    i = j = 0
    largest = 0.0
    while i < n and j < m:
        value = min(one[i], other[j])
        while i < n and one[i] == value:
            i += 1
        while j < m and other[j] == value:
            j += 1
        largest = max(largest, abs(i / n - j / m))
    return largest


@kernel
def swapped_distances(
    customer: NDArray[np.int32],
    level: NDArray[np.int32],
    current: NDArray[np.bool_],
    swaps: NDArray[np.bool_],
    levels: int,
    kind: int,
) -> NDArray[np.float64]:
    """The distance of two windows for every row of ``swaps`` (float64, one each).

    customer, level, current: of each line (levels count from 0 and, for KS, ascend with the
    value). swaps: bool (repetitions × customers): the lines of these customers change windows,
    all together. NaN where a window is left without a line. Cost: repetitions × lines.
    """
    distances = np.empty(swaps.shape[0], dtype=np.float64)
    counts = np.empty((2, levels), dtype=np.int64)
    for row in range(swaps.shape[0]):
        counts[:] = 0
        for line in range(level.size):
            window = current[line] != swaps[row, customer[line]]
            counts[int(window), level[line]] += 1
        distances[row] = _distance(counts, kind)
    return distances


@inlined
def _distance(counts: NDArray[np.int64], kind: int) -> float:
    n, m = counts[0].sum(), counts[1].sum()
    if n == 0 or m == 0:
        return np.nan
    if kind == KS:
        below, above, largest = 0, 0, 0.0
        for level in range(counts.shape[1]):
            below += counts[0, level]
            above += counts[1, level]
            largest = max(largest, abs(below / n - above / m))
        return largest
    divergence = 0.0
    for level in range(counts.shape[1]):
        p, q = counts[0, level] / n, counts[1, level] / m
        middle = (p + q) / 2
        if p > 0:
            divergence += 0.5 * p * math.log2(p / middle)
        if q > 0:
            divergence += 0.5 * q * math.log2(q / middle)
    return math.sqrt(max(divergence, 0.0))
