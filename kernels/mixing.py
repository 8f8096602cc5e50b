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
