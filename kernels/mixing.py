"""Adding up the scores of several models on one scale."""

import numpy as np
from numpy.typing import NDArray

from restock.kernels.policy import kernel


@kernel
def add_scaled(total: NDArray[np.float64], scores: NDArray[np.float32], weight: float) -> None:
    """Add ``weight * scores / max(scores)`` of each row to ``total``, both (rows × items).

    ``-inf`` means no evidence and adds nothing, and so does a row without a score above 0.
    A cell of ``total`` that is still -inf becomes the first score that is added to it.
    """
    rows, n_items = scores.shape
    for row in range(rows):
        best = np.float32(0.0)
        for item in range(n_items):
            best = max(best, scores[row, item])
        if best <= 0.0:
            continue
        scale = weight / np.float64(best)
        for item in range(n_items):
            if scores[row, item] > -np.inf:
                if total[row, item] == -np.inf:
                    total[row, item] = scale * scores[row, item]
                else:
                    total[row, item] += scale * scores[row, item]


@kernel
def scale_and_add_prior(
    scores: NDArray[np.float32],
    prior: NDArray[np.float32],
    prior_row: NDArray[np.int32],
    weight: float,
) -> None:
    """Turn each row of ``scores`` into ``scores / max(scores) + weight * prior[prior_row]``.

    ``prior`` is (markets × items). ``-inf`` in either means that the item is left out. In a row
    without a score above 0 the prior alone ranks what is known.
    """
    rows, n_items = scores.shape
    for row in range(rows):
        best = np.float64(0.0)
        for item in range(n_items):
            best = max(best, np.float64(scores[row, item]))
        scale = 1.0 / best if best > 0.0 else 0.0
        for item in range(n_items):
            known, share = scores[row, item], prior[prior_row[row], item]
            if known > -np.inf and share > -np.inf:
                scores[row, item] = np.float32(scale * known + weight * share)
            else:
                scores[row, item] = -np.inf


@kernel
def make_positive(scores: NDArray[np.float32]) -> None:
    """Replace each score of a row by ``exp(score - best of the row)``, in place (rows × items).

    The order stays, the best is 1, nothing is below the smallest normal float32; -inf stays.
    """
    least = np.float32(np.finfo(np.float32).tiny)
    rows, n_items = scores.shape
    for row in range(rows):
        best = np.float32(-np.inf)
        for item in range(n_items):
            best = max(best, scores[row, item])
        for item in range(n_items):
            if scores[row, item] > -np.inf:
                gap = np.float64(scores[row, item]) - np.float64(best)
                scores[row, item] = max(np.float32(np.exp(gap)), least)
