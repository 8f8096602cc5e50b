"""Scores of a wide and deep network for items that a customer never bought."""

import numpy as np
from numpy.typing import NDArray

from restock.kernels.policy import kernel

TILE = 256  # items at once: their first layer stays in the cache


@kernel
def score(
    customers: NDArray[np.int64],
    market: NDArray[np.int64],
    items: NDArray[np.int32],
    left: NDArray[np.float32],
    right: NDArray[np.float32],
    slope: NDArray[np.float32],
    share: NDArray[np.float32],
    base: NDArray[np.float32],
    second: NDArray[np.float32],
    second_bias: NDArray[np.float32],
    out: NDArray[np.float32],
    n_items: int,
) -> NDArray[np.float32]:
    """``base[m, j] + out · relu(second relu(left[c] + right[:, j] + slope share[m, j]) + bias)``.

    customers: rows of ``left`` (-1: a row of -inf); market: of each row of ``left``; items:
    the item code of each column of ``right``. left: (customers × hidden), right: (hidden ×
    items), slope: (hidden), share, base: (markets × items), second: (second × hidden), out:
    (second). Returns (customers × n_items), -inf for other items.

    float32 throughout, summed in the order of the units: the same whatever the batch. Cost:
    customers × items × hidden × second.
    """
    hidden, known = right.shape
    scores = np.full((customers.size, n_items), -np.inf, dtype=np.float32)
    first = np.empty((hidden, TILE), dtype=np.float32)
    total = np.empty(TILE, dtype=np.float32)
    unit = np.empty(TILE, dtype=np.float32)
    zero = np.float32(0.0)
    for row in range(customers.size):
        customer = customers[row]
        if customer < 0:
            continue
        home = market[customer]
        for begin in range(0, known, TILE):
            size = min(TILE, known - begin)
            for k in range(hidden):
                for j in range(size):
                    value = left[customer, k] + right[k, begin + j]
                    value += slope[k] * share[home, begin + j]
                    first[k, j] = max(value, zero)
            for j in range(size):
                total[j] = base[home, begin + j]
            for s in range(second.shape[0]):
                for j in range(size):
                    unit[j] = second_bias[s]
                for k in range(hidden):
                    weight = second[s, k]
                    for j in range(size):
                        unit[j] += weight * first[k, j]
                for j in range(size):
                    total[j] += out[s] * max(unit[j], zero)
            for j in range(size):
                scores[row, items[begin + j]] = total[j]
    return scores


@kernel
def put_own(
    scores: NDArray[np.float32],
    customers: NDArray[np.int32],
    indptr: NDArray[np.int64],
    items: NDArray[np.int32],
    pair_score: NDArray[np.float32],
) -> None:
    """Set the score of each item that the customer bought, in place (rows × items)."""
    for row in range(customers.size):
        for pair in range(indptr[customers[row]], indptr[customers[row] + 1]):
            scores[row, items[pair]] = pair_score[pair]
