"""Is a move more than chance? Permutation tests that move whole customers, never rows.

The lines of one customer resemble each other. A test that takes them as independent sees drift
in every pair of windows: who happened to order is enough. Here, under the hypothesis that nothing
moved, each customer's two windows may be swapped (of a customer with lines in one window only,
the window), and the statistic is compared with what swapping gives (Pesarin and Salmaso 2010).
The windows must be of one length.
"""

from typing import NamedTuple

import numpy as np
from numpy.typing import NDArray

from restock.kernels.two_samples import JS, KS, swapped_distances

REPETITIONS = 999
MOST_BINS = 256


class Permuted(NamedTuple):
    """A statistic and what it is without drift.

    value: as observed. expected, spread: mean and standard deviation over permutations.
    p_value: (1 + permutations at least as far out) / (1 + permutations).
    """

    value: float
    expected: float
    spread: float
    p_value: float


def swapped_mean(
    customer: NDArray[np.integer],
    value: NDArray[np.floating],
    current: NDArray[np.bool_],
    *,
    repetitions: int = REPETITIONS,
    seed: int = 0,
) -> Permuted:
    """Test the difference of the mean over lines, now minus before (two-sided).

    customer: of each line (any integers); value: float; current: bool, False for the reference
    window. ValueError when a window has no line.
    """
    code, customers = _codes(customer, current)
    sums = np.zeros((2, 2, customers))  # of window, of (value, 1), of customer
    for window in (0, 1):
        here = current == bool(window)
        sums[window, 0] = np.bincount(code[here], value[here], customers)
        sums[window, 1] = np.bincount(code[here], minlength=customers)
    swaps = _swaps(customers, repetitions, seed).astype(np.float64)
    moved = sums[1] - sums[0]
    before = sums[0].sum(axis=1)[:, None] + moved @ swaps.T  # what swapped customers bring
    now = sums[1].sum(axis=1)[:, None] - moved @ swaps.T
    with np.errstate(invalid="ignore"):
        difference = now[0] / now[1] - before[0] / before[1]
    return _against(difference, two_sided=True)


def swapped_ks(
    customer: NDArray[np.integer],
    value: NDArray[np.floating],
    current: NDArray[np.bool_],
    *,
    repetitions: int = REPETITIONS,
    seed: int = 0,
) -> Permuted:
    """Test the Kolmogorov-Smirnov distance of a number, over at most 256 bins of equal counts."""
    edges = np.unique(np.quantile(value, np.linspace(0, 1, MOST_BINS + 1)[1:-1]))
    level = np.searchsorted(edges, value, side="left").astype(np.int32)
    return _distance(customer, level, current, KS, repetitions, seed)


def swapped_js(
    customer: NDArray[np.integer],
    level: NDArray[np.integer],
    current: NDArray[np.bool_],
    *,
    repetitions: int = REPETITIONS,
    seed: int = 0,
) -> Permuted:
    """Test the Jensen-Shannon distance of levels, such as items (any integers)."""
    code = np.unique(level, return_inverse=True)[1].astype(np.int32)
    return _distance(customer, code, current, JS, repetitions, seed)


def _distance(
    customer: NDArray[np.integer],
    level: NDArray[np.int32],
    current: NDArray[np.bool_],
    kind: int,
    repetitions: int,
    seed: int,
) -> Permuted:
    code, customers = _codes(customer, current)
    swaps = _swaps(customers, repetitions, seed)
    levels = int(level.max()) + 1
    distances = swapped_distances(code, level, current, swaps, levels, kind)
    return _against(distances, two_sided=False)


def _codes(
    customer: NDArray[np.integer], current: NDArray[np.bool_]
) -> tuple[NDArray[np.int32], int]:
    if current.all() or not current.any():
        raise ValueError("both windows need lines: there is nothing to compare")
    known, code = np.unique(customer, return_inverse=True)
    return code.astype(np.int32), known.size


def _swaps(customers: int, repetitions: int, seed: int) -> NDArray[np.bool_]:
    """Who changes windows in each repetition; nobody in the first, which is what was observed."""
    swaps = np.random.default_rng(seed).random((repetitions + 1, customers)) < 0.5
    swaps[0] = False
    return swaps


def _against(statistic: NDArray[np.float64], *, two_sided: bool) -> Permuted:
    observed, drawn = statistic[0], statistic[1:]
    drawn = drawn[np.isfinite(drawn)]
    far = np.abs(drawn) >= abs(observed) if two_sided else drawn >= observed
    return Permuted(
        float(observed),
        float(drawn.mean()),
        float(drawn.std()),
        float((1 + np.count_nonzero(far)) / (1 + drawn.size)),
    )
