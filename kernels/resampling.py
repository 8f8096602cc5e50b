"""Bootstrap samples as weights: how often each row was drawn."""

import numpy as np
from numpy.typing import NDArray

from restock.kernels.policy import kernel


@kernel
def count_draws(drawn: NDArray[np.int32]) -> NDArray[np.float64]:
    """How often each number of 0 … n - 1 is in each row of ``drawn`` (rows × n), as float64."""
    counts = np.zeros(drawn.shape, dtype=np.float64)
    for row in range(drawn.shape[0]):
        for at in range(drawn.shape[1]):
            counts[row, drawn[row, at]] += 1.0
    return counts
