"""A part of what customers bought: as much of it as comparing some of the items takes."""

import numpy as np
from numpy.typing import NDArray

from restock.kernels.policy import kernel


@kernel
def cut_rows(
    first: int,
    last: int,
    order: NDArray[np.int32],
    indptr: NDArray[np.int64],
    places: NDArray[np.int32],
    weights: NDArray[np.float64],
    item_start: NDArray[np.int64],
    customers: NDArray[np.int32],
    before: NDArray[np.int32],
) -> tuple[
    NDArray[np.int64],
    NDArray[np.int32],
    NDArray[np.float64],
    NDArray[np.int64],
    NDArray[np.int32],
    NDArray[np.int32],
]:
    """What it takes to compare the places ``first`` to ``last`` with all before them.

    indptr to before: as in ``models.rows.Rows``; weights may be empty. Of each customer the row
    up to the last of these places stays, and nothing of a customer who bought none of them, of
    the items' side these items. Returns the same arrays, customers counted anew.
    """
    length = np.zeros(indptr.size - 1, dtype=np.int64)
    wanted = np.zeros(item_start.size - 1, dtype=np.bool_)
    for place in range(first, last):
        wanted[order[place]] = True
        for at in range(item_start[order[place]], item_start[order[place] + 1]):
            length[customers[at]] = max(length[customers[at]], before[at] + 1)

    code = np.cumsum(length > 0).astype(np.int32) - np.int32(1)
    kept_indptr = np.zeros(code[-1] + 2 if code.size else 1, dtype=np.int64)
    kept_places = np.empty(length.sum(), dtype=np.int32)
    kept_weights = np.empty(kept_places.size if weights.size else 0, dtype=np.float64)
    to = 0
    for customer in range(length.size):
        if length[customer]:
            for at in range(indptr[customer], indptr[customer] + length[customer]):
                kept_places[to] = places[at]
                if weights.size:
                    kept_weights[to] = weights[at]
                to += 1
            kept_indptr[code[customer] + 1] = to

    kept_start = np.zeros(item_start.size, dtype=np.int64)
    for item in range(wanted.size):
        kept_start[item + 1] = kept_start[item]
        if wanted[item]:
            kept_start[item + 1] += item_start[item + 1] - item_start[item]
    kept_customers = np.empty(kept_start[-1], dtype=np.int32)
    kept_before = np.empty(kept_start[-1], dtype=np.int32)
    to = 0
    for item in range(wanted.size):
        if wanted[item]:
            for at in range(item_start[item], item_start[item + 1]):
                kept_customers[to] = code[customers[at]]
                kept_before[to] = before[at]
                to += 1
    return kept_indptr, kept_places, kept_weights, kept_start, kept_customers, kept_before
