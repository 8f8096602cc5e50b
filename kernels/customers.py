"""Which customers buy alike, and what they buy together: customers as neighbours.

Matrices are CSR over integer codes. Dot products run in float64 in the order of the item codes;
closeness is compared as float32: what differs by less is a tie, and a tie goes to the lower
code. So neither blocks nor threads change a result.
"""

import numpy as np
from numpy.typing import NDArray

from restock.kernels.neighbours import kth_largest
from restock.kernels.policy import kernel


@kernel
def keep_closest(
    codes: NDArray[np.int32],
    closeness: NDArray[np.float64],
    rounded: NDArray[np.float32],
    scratch: NDArray[np.float32],
    n: int,
    k: int,
) -> np.float32:
    """Move the ``k`` closest of the first ``n`` to the front, in their order; the k-th is told."""
    scratch[:n] = rounded[:n]
    least = np.float32(kth_largest(scratch, n, k))
    ties = k
    for at in range(n):
        if rounded[at] > least:
            ties -= 1
    size = 0
    for at in range(n):
        if rounded[at] < least:
            continue
        if rounded[at] == least:
            if ties == 0:
                continue
            ties -= 1
        codes[size], closeness[size], rounded[size] = codes[at], closeness[at], rounded[at]
        size += 1
    return least


@kernel
def nearest_rows(
    first: int,
    last: int,
    indptr: NDArray[np.int64],
    items: NDArray[np.int32],
    weights: NDArray[np.float64],
    item_start: NDArray[np.int64],
    item_rows: NDArray[np.int32],
    item_weights: NDArray[np.float64],
    square: NDArray[np.float64],
    floor: float,
    k: int,
) -> tuple[NDArray[np.int64], NDArray[np.int32], NDArray[np.float64]]:
    """The ``k`` rows closest to each of the rows ``first`` to ``last``, themselves left out.

    Closeness of u and v is ``2 u v - square[u] - square[v]`` and must be above ``floor``: with
    ``square`` the squared lengths and no floor it is the Euclidean distance, squared and
    negated; with zeros and a floor of 0 it is a product of rows that share an item. The left
    side of the product is given by row (``indptr``, ``items``, ``weights``), the right side by
    item (from ``transpose``); the weights of the two may differ.

    Returns the number found (rows), their codes in ascending order and their closeness
    (rows × k, undefined behind the number). Cost: the rows of every item of each row, and a
    pass over all rows; memory rows × k.
    """
    n = square.size
    count = np.zeros(last - first, dtype=np.int64)
    codes = np.empty((last - first, k), dtype=np.int32)
    values = np.empty((last - first, k), dtype=np.float64)
    dot = np.zeros(n, dtype=np.float64)
    found = np.empty(2 * k, dtype=np.int32)
    closeness = np.empty(2 * k, dtype=np.float64)
    rounded = np.empty(2 * k, dtype=np.float32)
    scratch = np.empty(2 * k, dtype=np.float32)
    for row in range(first, last):
        for pair in range(indptr[row], indptr[row + 1]):
            weight = weights[pair]
            for at in range(item_start[items[pair]], item_start[items[pair] + 1]):
                dot[item_rows[at]] += weight * item_weights[at]
        least = np.float32(floor)
        size = 0
        for other in range(n):
            value = 2.0 * dot[other] - square[row] - square[other]
            dot[other] = 0.0
            if np.float32(value) <= least or other == row:
                continue
            found[size], closeness[size], rounded[size] = other, value, value
            size += 1
            if size == 2 * k:
                least = keep_closest(found, closeness, rounded, scratch, size, k)
                size = k
        if size > k:
            keep_closest(found, closeness, rounded, scratch, size, k)
            size = k
        count[row - first] = size
        codes[row - first, :size] = found[:size]
        values[row - first, :size] = closeness[:size]
    return count, codes, values


@kernel
def score_near(
    customers: NDArray[np.int32],
    indptr: NDArray[np.int64],
    items: NDArray[np.int32],
    weights: NDArray[np.float64],
    own: float,
    near_start: NDArray[np.int64],
    near: NDArray[np.int32],
    near_weight: NDArray[np.float64],
    n_items: int,
) -> NDArray[np.float32]:
    """``own * u + sum of near_weight * v`` over the near customers v (customers × items).

    Vectors are given by customer (``indptr``, ``items``, ``weights``), near customers as CSR.
    -inf where the sum is not above 0.
    """
    scores = np.empty((customers.size, n_items), dtype=np.float32)
    total = np.zeros(n_items, dtype=np.float64)
    for row in range(customers.size):
        customer = customers[row]
        for pair in range(indptr[customer], indptr[customer + 1]):
            total[items[pair]] += own * weights[pair]
        for at in range(near_start[customer], near_start[customer + 1]):
            weight = near_weight[at]
            for pair in range(indptr[near[at]], indptr[near[at] + 1]):
                total[items[pair]] += weight * weights[pair]
        for item in range(n_items):
            scores[row, item] = total[item] if total[item] > 0.0 else -np.inf
            total[item] = 0.0
    return scores
