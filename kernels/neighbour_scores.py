"""What follows for customers from the similar items of what they bought.

Matrices are CSR over integer codes, ascending within a row. Every sum runs in float64 in the
order of the codes of what was bought: whichever way is taken, not a bit changes.
"""

import numpy as np
from numpy.typing import NDArray

from restock.kernels.policy import kernel
from restock.kernels.selection import ANY, REPEAT, insert_item

TILE = 256  # items at a time: the rows of a catalogue of 5,000 then take 10 MB
GAIN = 4  # cells next to each other are added in the time of one that is not


@kernel
def score_neighbours(
    customers: NDArray[np.int32],
    indptr: NDArray[np.int64],
    items: NDArray[np.int32],
    affinity: NDArray[np.float64],
    start: NDArray[np.int64],
    neighbours: NDArray[np.int32],
    similarity: NDArray[np.float64],
) -> NDArray[np.float32]:
    """``sum_i affinity[c, i] * similarity[i, j]`` for every customer c and item j.

    ``start``, ``neighbours`` and ``similarity`` are the similar items of each item (CSR).
    Returns (customers × items), -inf where the sum is not above 0. Cost: the similar items of
    everything bought or, where most items are similar, items × everything bought / 4.
    """
    n_items = start.size - 1
    scores = np.empty((customers.size, n_items), dtype=np.float32)
    if tiles_pay(customers, indptr, items, start):
        row_of, rows = rows_of_tile(customers, indptr, items, n_items)
        matrix = start, neighbours, similarity
        add_tiles(customers, indptr, items, affinity, *matrix, row_of, rows, scores)
    else:
        add_entries(customers, indptr, items, affinity, start, neighbours, similarity, scores)
    return scores


@kernel
def tiles_pay(
    customers: NDArray[np.int32],
    indptr: NDArray[np.int64],
    items: NDArray[np.int32],
    start: NDArray[np.int64],
) -> bool:
    """Whether writing out whole tiles costs less than adding similar item by similar item."""
    n_items = start.size - 1
    needed = np.zeros(n_items, dtype=np.bool_)
    pairs = similar = rows = kept = 0
    for customer in customers:
        for pair in range(indptr[customer], indptr[customer + 1]):
            needed[items[pair]] = True
            pairs += 1
            similar += start[items[pair] + 1] - start[items[pair]]
    for item in range(n_items):
        if needed[item]:
            rows += 1
            kept += start[item + 1] - start[item]
    return bool((pairs + rows) * n_items + GAIN * kept < GAIN * similar)


@kernel
def best_of_entries(
    customers: NDArray[np.int32],
    indptr: NDArray[np.int64],
    items: NDArray[np.int32],
    affinity: NDArray[np.float64],
    start: NDArray[np.int64],
    neighbours: NDArray[np.int32],
    similarity: NDArray[np.float64],
    allowed: NDArray[np.bool_],
    history: int,
    k: int,
) -> tuple[NDArray[np.int32], NDArray[np.float32]]:
    """The ``k`` items of the largest sums (customers × k), as ``best_items`` of ``add_entries``.

    No row of all items is written or read: an item is looked at once for each similar item
    bought, and once more when its sum is complete. Items are -1 where the list is short.
    """
    n_items = start.size - 1
    best = np.full((customers.size, k), -1, dtype=np.int32)
    values = np.zeros((customers.size, k), dtype=np.float32)
    total = np.zeros(n_items, dtype=np.float64)
    most = 0
    for customer in customers:
        entries = 0
        for pair in range(indptr[customer], indptr[customer + 1]):
            entries += start[items[pair] + 1] - start[items[pair]]
        most = max(most, entries)
    touched = np.empty(most + 1, dtype=np.int32)
    bought = np.zeros(n_items, dtype=np.bool_)
    for row in range(customers.size):
        own = items[indptr[customers[row]] : indptr[customers[row] + 1]]
        first = indptr[customers[row]]
        n = 0
        for at in range(own.size):
            bought[own[at]] = True
            weight = affinity[first + at]
            for entry in range(start[own[at]], start[own[at] + 1]):
                item = neighbours[entry]
                before = total[item]
                touched[n] = item  # overwritten by the next one if it was there already
                n += before == 0.0
                total[item] = before + weight * similarity[entry]
        size = 0
        for at in range(n):
            item = touched[at]
            score = np.float32(total[item])
            known = total[item] > 0.0
            total[item] = 0.0
            if not known or (size == k and score < values[row, k - 1]):
                continue
            if not allowed[item] or (history != ANY and bought[item] != (history == REPEAT)):
                continue
            size = insert_item(best[row], values[row], size, item, score)
        for at in range(own.size):
            bought[own[at]] = False
    return best, values


@kernel
def rows_of_tile(
    customers: NDArray[np.int32],
    indptr: NDArray[np.int64],
    items: NDArray[np.int32],
    n_items: int,
) -> tuple[NDArray[np.int64], int]:
    """The row of a tile of each item that one of these customers bought, below 0 of others."""
    row_of = np.full(n_items, -1, dtype=np.int64)
    rows = 0
    for customer in customers:
        for pair in range(indptr[customer], indptr[customer + 1]):
            if row_of[items[pair]] < 0:
                row_of[items[pair]] = rows
                rows += 1
    return row_of, rows


@kernel
def add_entries(
    customers: NDArray[np.int32],
    indptr: NDArray[np.int64],
    items: NDArray[np.int32],
    affinity: NDArray[np.float64],
    start: NDArray[np.int64],
    neighbours: NDArray[np.int32],
    similarity: NDArray[np.float64],
    scores: NDArray[np.float32],
) -> None:
    """Fill ``scores``, similar item by similar item."""
    n_items = start.size - 1
    total = np.zeros(n_items, dtype=np.float64)
    for row in range(customers.size):
        for pair in range(indptr[customers[row]], indptr[customers[row] + 1]):
            weight = affinity[pair]
            for at in range(start[items[pair]], start[items[pair] + 1]):
                total[neighbours[at]] += weight * similarity[at]
        for item in range(n_items):
            scores[row, item] = total[item] if total[item] > 0.0 else -np.inf
            total[item] = 0.0


@kernel
def add_tiles(
    customers: NDArray[np.int32],
    indptr: NDArray[np.int64],
    items: NDArray[np.int32],
    affinity: NDArray[np.float64],
    start: NDArray[np.int64],
    neighbours: NDArray[np.int32],
    similarity: NDArray[np.float64],
    row_of: NDArray[np.int64],
    rows: int,
    scores: NDArray[np.float32],
) -> None:
    """The same, with the similarities to ``TILE`` items at a time written out, zeros included.

    Sums then run along memory, and a tile serves all customers before the next one is written.
    row_of: the row of a tile of each item that is needed, below 0 of others; ``rows`` of them.
    """
    n_items = start.size - 1
    tile = np.empty((rows, TILE), dtype=np.float64)
    total = np.empty(TILE, dtype=np.float64)
    free = start[:-1].copy()
    for first in range(0, n_items, TILE):
        last = min(first + TILE, n_items)
        for item in range(n_items):
            if row_of[item] < 0:
                continue
            values = tile[row_of[item]]
            values[:] = 0.0
            at = free[item]
            while at < start[item + 1] and neighbours[at] < last:
                values[neighbours[at] - first] = similarity[at]
                at += 1
            free[item] = at
        for row in range(customers.size):
            total[:] = 0.0
            pair, end = indptr[customers[row]], indptr[customers[row] + 1]
            while pair + 3 < end:  # four in a row: the sums stay in registers, in the same order
                a, b = affinity[pair], affinity[pair + 1]
                c, d = affinity[pair + 2], affinity[pair + 3]
                one, two = tile[row_of[items[pair]]], tile[row_of[items[pair + 1]]]
                three, four = tile[row_of[items[pair + 2]]], tile[row_of[items[pair + 3]]]
                for column in range(TILE):
                    value = total[column] + a * one[column] + b * two[column]
                    total[column] = value + c * three[column] + d * four[column]
                pair += 4
            while pair < end:
                weight, values = affinity[pair], tile[row_of[items[pair]]]
                for column in range(TILE):
                    total[column] += weight * values[column]
                pair += 1
            for column in range(last - first):
                scores[row, first + column] = total[column] if total[column] > 0.0 else -np.inf
