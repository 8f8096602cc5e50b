"""Choosing the k best items of each customer, with the one tie rule: lower code first."""

import numpy as np
from numpy.typing import NDArray

from restock.kernels.policy import kernel

ANY, REPEAT, NEW = 0, 1, 2


@kernel
def top_k(
    scores: NDArray[np.float32],
    bought_start: NDArray[np.int64],
    bought_stop: NDArray[np.int64],
    bought_items: NDArray[np.int32],
    allowed: NDArray[np.bool_],
    history: int,
    popular: NDArray[np.int32],
    popular_share: NDArray[np.float32],
    popular_row: NDArray[np.int32],
    k: int,
) -> tuple[NDArray[np.int32], NDArray[np.float32], NDArray[np.bool_]]:
    """Select the k best allowed items per row of ``scores``; fill up from popularity.

    ``scores`` is (rows × items); ``-inf`` (or NaN) means that the model has nothing to say
    about an item. Row r's earlier purchases are ``bought_items[bought_start[r]:bought_stop[r]]``.
    ``popular[popular_row[r]]`` lists item codes, best first, padded with -1; an item taken
    from it scores its share minus 1, and less by the model's last score where that is below
    0: it ranks below everything that the model scored.
    Returns items (-1 where the list is short), scores and whether an item came from
    popularity, each (rows × k).
    """
    rows, n_items = scores.shape
    items = np.full((rows, k), -1, dtype=np.int32)
    values = np.zeros((rows, k), dtype=np.float32)
    filled = np.zeros((rows, k), dtype=np.bool_)
    bought = np.zeros(n_items, dtype=np.bool_)
    listed = np.zeros(n_items, dtype=np.bool_)
    for row in range(rows):
        for at in range(bought_start[row], bought_stop[row]):
            bought[bought_items[at]] = True
        size = 0
        for item in range(n_items):
            score = scores[row, item]
            if not score > -np.inf or (size == k and score <= values[row, k - 1]):
                continue
            if not allowed[item] or (history != ANY and bought[item] != (history == REPEAT)):
                continue
            at = size if size < k else k - 1
            while at > 0 and values[row, at - 1] < score:
                if at < k:
                    values[row, at] = values[row, at - 1]
                    items[row, at] = items[row, at - 1]
                at -= 1
            values[row, at] = score
            items[row, at] = item
            size = min(size + 1, k)
        for at in range(size):
            listed[items[row, at]] = True
        ranked = popular[popular_row[row]]
        last = min(values[row, size - 1], np.float32(0.0)) if size > 0 else np.float32(0.0)
        for rank in range(ranked.shape[0]):
            item = ranked[rank]
            if size == k or item < 0:
                break
            if listed[item] or not allowed[item]:
                continue
            if history != ANY and bought[item] != (history == REPEAT):
                continue
            items[row, size] = item
            values[row, size] = last + popular_share[popular_row[row], rank] - np.float32(1.0)
            filled[row, size] = True
            size += 1
        for at in range(k):
            if items[row, at] >= 0:
                listed[items[row, at]] = False
        for at in range(bought_start[row], bought_stop[row]):
            bought[bought_items[at]] = False
    return items, values, filled
