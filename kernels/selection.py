"""Choosing the k best items of each customer, with the one tie rule: lower code first."""

import numpy as np
from numpy.typing import NDArray

from restock.kernels.policy import inlined, kernel

ANY, REPEAT, NEW = 0, 1, 2


@inlined
def insert_item(
    items: NDArray[np.int32], values: NDArray[np.float32], size: int, item: int, score: np.float32
) -> int:
    """Put an item in its place among the ``size`` best, equal ones by code; the new size."""
    k = items.size
    if size == k:
        if score < values[k - 1] or (score == values[k - 1] and item > items[k - 1]):
            return size
        size -= 1
    at = size
    while at > 0 and (values[at - 1] < score or (values[at - 1] == score and items[at - 1] > item)):
        values[at] = values[at - 1]
        items[at] = items[at - 1]
        at -= 1
    values[at] = score
    items[at] = item
    return size + 1


@kernel
def best_items(
    scores: NDArray[np.float32],
    bought_start: NDArray[np.int64],
    bought_stop: NDArray[np.int64],
    bought_items: NDArray[np.int32],
    allowed: NDArray[np.bool_],
    history: int,
    k: int,
) -> tuple[NDArray[np.int32], NDArray[np.float32]]:
    """Select the k best allowed items per row of ``scores``.

    ``scores`` is (rows × items); ``-inf`` (or NaN) means that the model has nothing to say
    about an item. Row r's earlier purchases are ``bought_items[bought_start[r]:bought_stop[r]]``.
    Returns items (-1 where the list is short) and scores (0 there), each (rows × k).
    """
    rows, n_items = scores.shape
    items = np.full((rows, k), -1, dtype=np.int32)
    values = np.zeros((rows, k), dtype=np.float32)
    bought = np.zeros(n_items, dtype=np.bool_)
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
            size = insert_item(items[row], values[row], size, item, score)
        for at in range(bought_start[row], bought_stop[row]):
            bought[bought_items[at]] = False
    return items, values


@kernel
def fill_up(
    items: NDArray[np.int32],
    values: NDArray[np.float32],
    bought_start: NDArray[np.int64],
    bought_stop: NDArray[np.int64],
    bought_items: NDArray[np.int32],
    allowed: NDArray[np.bool_],
    history: int,
    popular: NDArray[np.int32],
    popular_share: NDArray[np.float32],
    popular_row: NDArray[np.int32],
) -> NDArray[np.bool_]:
    """Fill the empty places (-1, at the end) of lists from popularity, in place.

    ``popular[popular_row[r]]`` lists item codes, best first, padded with -1; an item taken
    from it scores its share minus 1, and less by the list's last score where that is below
    0: it ranks below everything that the model scored. Returns which places were filled.
    """
    rows, k = items.shape
    filled = np.zeros((rows, k), dtype=np.bool_)
    bought = np.zeros(allowed.size, dtype=np.bool_)
    listed = np.zeros(allowed.size, dtype=np.bool_)
    for row in range(rows):
        if items[row, k - 1] >= 0:
            continue
        size = 0
        while items[row, size] >= 0:
            listed[items[row, size]] = True
            size += 1
        left = 0  # of what was bought: a repeat list is at its end when nothing is
        for at in range(bought_start[row], bought_stop[row]):
            bought[bought_items[at]] = True
            left += allowed[bought_items[at]] and not listed[bought_items[at]]
        ranked = popular[popular_row[row]]
        last = min(values[row, size - 1], np.float32(0.0)) if size > 0 else np.float32(0.0)
        for rank in range(ranked.shape[0]):
            item = ranked[rank]
            if size == k or item < 0 or (history == REPEAT and left == 0):
                break
            if listed[item] or not allowed[item]:
                continue
            if history != ANY and bought[item] != (history == REPEAT):
                continue
            items[row, size] = item
            values[row, size] = last + popular_share[popular_row[row], rank] - np.float32(1.0)
            filled[row, size] = True
            size += 1
            left -= 1
        for at in range(k):
            if items[row, at] >= 0:
                listed[items[row, at]] = False
        for at in range(bought_start[row], bought_stop[row]):
            bought[bought_items[at]] = False
    return filled


@kernel
def first_ranked(
    ranked: NDArray[np.int32],
    share: NDArray[np.float32],
    ranked_row: NDArray[np.int32],
    bought_start: NDArray[np.int64],
    bought_stop: NDArray[np.int64],
    bought_items: NDArray[np.int32],
    allowed: NDArray[np.bool_],
    history: int,
    k: int,
) -> tuple[NDArray[np.int32], NDArray[np.float32]]:
    """The first k allowed items of ``ranked[ranked_row[r]]`` for each row that bought something.

    ``ranked`` is padded with -1; an item's score is its ``share``. Returns items (-1 where the
    list is short) and scores (0 there), each (rows × k).
    """
    rows = ranked_row.size
    items = np.full((rows, k), -1, dtype=np.int32)
    values = np.zeros((rows, k), dtype=np.float32)
    bought = np.zeros(allowed.size, dtype=np.bool_)
    for row in range(rows):
        own = bought_items[bought_start[row] : bought_stop[row]]
        if own.size == 0:
            continue
        wanted = 0  # of a repeat list
        for item in own:
            bought[item] = True
            wanted += allowed[item]
        end = min(k, wanted) if history == REPEAT else k
        size = 0
        for rank in range(ranked.shape[1]):
            item = ranked[ranked_row[row], rank]
            if size == end or item < 0:
                break
            if allowed[item] and (history == ANY or bought[item] == (history == REPEAT)):
                items[row, size] = item
                values[row, size] = share[ranked_row[row], rank]
                size += 1
        for item in own:
            bought[item] = False
    return items, values
