"""Scores of the recurrent models, from what a fit keeps of each customer."""

import numpy as np
from numpy.typing import NDArray

from restock.kernels.policy import kernel


@kernel
def score_repeat_and_new(
    rows: NDArray[np.int64],
    wanted: NDArray[np.float32],
    level: NDArray[np.float32],
    market: NDArray[np.int64],
    shelves: NDArray[np.float32],
    by_width: NDArray[np.float32],
    items: NDArray[np.int32],
    starts: NDArray[np.int64],
    bought: NDArray[np.int32],
    copied: NDArray[np.float32],
    n_items: int,
) -> NDArray[np.float32]:
    """``copied[c, j] + exp(level[c] + shelves[market[c], j] + wanted[c] . by_width[:, j])``.

    rows: the row of each customer in ``wanted`` (rows × d), ``level``, ``market`` and ``starts``
    (rows + 1, of the pairs ``bought`` and ``copied``); -1 for customers without a line. shelves:
    markets × m; by_width: d × m; items: int32 (m), their codes. Sums run in float64, in the
    order of d. Returns (customers × n_items), -inf for items without a line.
    """
    scores = np.full((rows.size, n_items), -np.inf, dtype=np.float32)
    total = np.empty(items.size, dtype=np.float64)
    for at in range(rows.size):
        row = rows[at]
        if row < 0:
            continue
        shelf = shelves[market[row]]
        for place in range(items.size):
            total[place] = np.float64(level[row]) + shelf[place]
        for d in range(wanted.shape[1]):
            weight = np.float64(wanted[row, d])
            for place in range(items.size):
                total[place] += weight * by_width[d, place]
        for place in range(items.size):
            scores[at, items[place]] = np.exp(total[place])
        for pair in range(starts[row], starts[row + 1]):
            scores[at, bought[pair]] += copied[pair]
    return scores
