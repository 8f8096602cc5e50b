"""Candidate items of each customer, and where their past lies: the rows of a re-ranker."""

import numpy as np
from numpy.typing import NDArray

from restock.kernels.policy import kernel


@kernel
def join_lists(
    bought_start: NDArray[np.int64],
    bought_stop: NDArray[np.int64],
    bought_items: NDArray[np.int32],
    lists: NDArray[np.int32],
    n_items: int,
) -> tuple[NDArray[np.int64], NDArray[np.int32], NDArray[np.int64]]:
    """Everything a customer bought and everything in the customer's lists.

    lists: int32 (customers × places), -1 where short, doubles welcome. Returns the start of
    each customer's candidates (int64, customers + 1), their item codes in ascending order, and
    the place of the pair in ``bought_items`` (int64), -1 for an item never bought.
    """
    rows, width = lists.shape
    seen = np.zeros(n_items, dtype=np.bool_)
    place = np.full(n_items, -1, dtype=np.int64)
    start = np.zeros(rows + 1, dtype=np.int64)
    most = 0
    for row in range(rows):
        most += bought_stop[row] - bought_start[row] + width
    items = np.empty(most, dtype=np.int32)
    places = np.empty(most, dtype=np.int64)
    found = np.empty(n_items, dtype=np.int32)
    size = 0
    for row in range(rows):
        n = 0
        for at in range(bought_start[row], bought_stop[row]):
            item = bought_items[at]
            seen[item] = True
            place[item] = at
            found[n] = item
            n += 1
        for rank in range(width):
            item = lists[row, rank]
            if item >= 0 and not seen[item]:
                seen[item] = True
                found[n] = item
                n += 1
        found[:n].sort()
        for at in range(n):
            item = found[at]
            items[size] = item
            places[size] = place[item]
            seen[item] = False
            place[item] = -1
            size += 1
        start[row + 1] = size
    return start, items[:size].copy(), places[:size].copy()


@kernel
def gather_scaled(
    scores: NDArray[np.float32], start: NDArray[np.int64], items: NDArray[np.int32]
) -> NDArray[np.float32]:
    """The scores of the candidates, each divided by the customer's best; 0 without evidence."""
    rows, n_items = scores.shape
    out = np.zeros(items.size, dtype=np.float32)
    for row in range(rows):
        best = np.float32(0.0)
        for item in range(n_items):
            best = max(best, scores[row, item])
        if best <= 0.0:
            continue
        for at in range(start[row], start[row + 1]):
            score = scores[row, items[at]]
            if score > -np.inf:
                out[at] = score / best
    return out
