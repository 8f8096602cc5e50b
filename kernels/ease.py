"""What items share, as a dense matrix, and the strongest weights that follow from its inverse."""

import numpy as np
from numpy.typing import NDArray

from restock.kernels.neighbours import kth_largest
from restock.kernels.policy import kernel


@kernel
def gram_rows(
    first: int,
    last: int,
    item_start: NDArray[np.int64],
    item_customers: NDArray[np.int32],
    item_pairs: NDArray[np.int64],
    indptr: NDArray[np.int64],
    items: NDArray[np.int32],
    weights: NDArray[np.float64],
    gram: NDArray[np.float64],
) -> None:
    """Add ``X^T X`` into the rows ``first`` to ``last`` of ``gram`` (items × items, float64).

    Only the upper triangle is filled in. X is given by item (from ``transpose``, with the place
    of each pair) and by customer, whose items ascend. Sums run in the order of the customers.
    Cost: half the sum over customers of the square of their items.
    """
    for item in range(first, last):
        for at in range(item_start[item], item_start[item + 1]):
            own = item_pairs[at]
            for pair in range(own, indptr[item_customers[at] + 1]):
                gram[item, items[pair]] += weights[own] * weights[pair]


@kernel
def strongest(
    first: int, last: int, inverse: NDArray[np.float64], own: float, width: int
) -> tuple[NDArray[np.int64], NDArray[np.int32], NDArray[np.float32]]:
    """The ``width`` weights furthest from 0 by which each of the items is predicted.

    ``inverse`` is P (items × items), of which only the upper triangle is read; the weight of
    item i for item j is ``-P[i, j] / P[j, j]``, and ``own`` for j itself, which is always kept.
    Equal ones go by item, after rounding to float32. Returns the number of weights of the items
    ``first`` to ``last``, their items in ascending order and their values.
    """
    n = inverse.shape[0]
    count = np.zeros(last - first, dtype=np.int64)
    code = np.empty((last - first) * width, dtype=np.int32)
    value = np.empty((last - first) * width, dtype=np.float32)
    weight = np.empty(n, dtype=np.float32)
    scratch = np.empty(n, dtype=np.float32)
    size = 0
    for item in range(first, last):
        scale = -1.0 / inverse[item, item]
        for at in range(n):
            weight[at] = scale * inverse[min(at, item), max(at, item)]
            scratch[at] = abs(weight[at])
        weight[item] = own
        scratch[item] = np.inf
        least = np.float32(kth_largest(scratch, n, width))
        ties = width - 1  # the item itself has its place
        for at in range(n):
            if abs(weight[at]) > least and at != item:
                ties -= 1
        before = size
        for at in range(n):
            if at != item:
                strength = abs(weight[at])
                if strength < least or strength == 0.0:
                    continue
                if strength == least:
                    if ties == 0:
                        continue
                    ties -= 1
            code[size], value[size] = at, weight[at]
            size += 1
        count[item - first] = size - before
    return count, code[:size].copy(), value[:size].copy()
