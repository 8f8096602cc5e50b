"""How many customers bought both of two items, and what follows for a customer's best items.

Only items that were sold have counts. They go by their *place*, from the most bought to the
least, and counts lie in tiles of ``TILE`` places: ``counts[tile, place, column]`` is of the items
at ``place`` and at ``tile * TILE + column``, 0 behind the last; ``most[tile, place]`` is the
largest of them. Items of a tile are about equally popular, so that this and the least popular of
them bound every similarity closely.

Every sum runs in float64 in the order of the codes of what was bought, as in
``neighbour_scores``: whichever way is taken, not a bit changes.
"""

import numpy as np
from numpy.typing import NDArray

from restock.kernels.neighbours import similarity_of
from restock.kernels.policy import kernel
from restock.kernels.selection import ANY, REPEAT

TILE = 64  # places: the similarities of 5,000 items to a tile take 2.4 MB, about a core's cache


@kernel
def count_together(
    first: int,
    last: int,
    order: NDArray[np.int32],
    item_start: NDArray[np.int64],
    item_customers: NDArray[np.int32],
    indptr: NDArray[np.int64],
    places: NDArray[np.int32],
    counts: NDArray[np.int32],
    most: NDArray[np.int32],
) -> None:
    """Fill the rows ``first`` to ``last`` (places) of ``counts`` and ``most``.

    order: the item at each place. item_start, item_customers: its customers (CSR by item).
    indptr, places: the places of what each customer bought (CSR, in the order of the codes).
    Cost: the items of all customers of these items.
    """
    tiles = counts.shape[0]
    shared = np.zeros(tiles * TILE, dtype=np.int32)
    for place in range(first, last):
        for at in range(item_start[order[place]], item_start[order[place] + 1]):
            customer = item_customers[at]
            for pair in range(indptr[customer], indptr[customer + 1]):
                shared[places[pair]] += 1
        for tile in range(tiles):
            largest = 0
            for column in range(TILE):
                count = shared[tile * TILE + column]
                counts[tile, place, column] = count
                largest = max(largest, count)
            most[tile, place] = largest
        shared[:] = 0


@kernel
def bound_scores(
    customers: NDArray[np.int32],
    indptr: NDArray[np.int64],
    places: NDArray[np.int32],
    affinity: NDArray[np.float64],
    most: NDArray[np.int32],
    own: NDArray[np.float64],
    kind: int,
    threshold: float,
) -> NDArray[np.float64]:
    """What no score of a customer in a tile is above (customers × tiles).

    own: by place, descending: the buyers of an item, or for cosines by way of LIFT their root.
    A similarity grows with what is shared and falls with what either item has of its own, and
    rounding keeps that order in every step: the bound holds to the last bit, without a margin.
    """
    tiles, n = most.shape
    similarity = np.zeros((n, tiles), dtype=np.float64)
    for tile in range(tiles):
        fewest = own[min((tile + 1) * TILE, n) - 1]
        for place in range(n):
            if most[tile, place] >= threshold:
                both = np.float64(most[tile, place])
                similarity[place, tile] = similarity_of(kind, both, own[place], fewest)
    bounds = np.zeros((customers.size, tiles), dtype=np.float64)
    for row in range(customers.size):
        total = bounds[row]
        for pair in range(indptr[customers[row]], indptr[customers[row] + 1]):
            weight, values = affinity[pair], similarity[places[pair]]
            for tile in range(tiles):
                total[tile] += weight * values[tile]
    return bounds


@kernel
def score_tiles(
    customers: NDArray[np.int32],
    indptr: NDArray[np.int64],
    places: NDArray[np.int32],
    affinity: NDArray[np.float64],
    items: NDArray[np.int32],
    counts: NDArray[np.int32],
    most: NDArray[np.int32],
    own: NDArray[np.float64],
    order: NDArray[np.int32],
    kind: int,
    threshold: float,
    tiles: NDArray[np.int64],
    bounds: NDArray[np.float64],
    k: int,
    history: int,
    allowed: NDArray[np.bool_],
) -> NDArray[np.float32]:
    """``sum_i affinity[c, i] * similarity[i, j]`` for every customer c and item j.

    Returns (customers × all items), -inf where the sum is not above 0 and where it is below the
    ``k``-th best, found so far, of what history and ``allowed`` (all items) let a list hold: a
    tile whose bound (customers × tiles) is below it is not scored. k = 0: nothing is left out.
    tiles: the order in which they are taken; it changes how much is left out, never a list.

    Cost: ``TILE`` × everything bought for each tile that is not left out.
    """
    n, size = order.size, 0
    for customer in customers:
        size = max(size, indptr[customer + 1] - indptr[customer])
    rows, weights = np.empty(size, dtype=np.int32), np.empty(size, dtype=np.float64)
    similar = np.empty(n, dtype=np.bool_)
    similarity = np.empty((n, TILE), dtype=np.float64)
    total = np.empty(TILE, dtype=np.float64)
    scores = np.full((customers.size, allowed.size), -np.inf, dtype=np.float32)
    best = np.full((customers.size, max(k, 1)), -np.inf, dtype=np.float32)
    for tile in tiles:
        first, last = tile * TILE, min((tile + 1) * TILE, n)
        compared = False
        for row in range(customers.size):
            if not bounds[row, tile] > 0.0 or np.float32(bounds[row, tile]) < best[row, -1]:
                continue
            if not compared:
                both = counts[tile], most[tile]
                compare_tile(kind, threshold, *both, own, own[first:last], similar, similarity)
                compared = True
            start, end = indptr[customers[row]], indptr[customers[row] + 1]
            used = 0
            for pair in range(start, end):
                rows[used], weights[used] = places[pair], affinity[pair]
                used += similar[places[pair]]
            add_rows(weights[:used], rows[:used], similarity, total)
            for column in range(last - first):
                score = np.float32(total[column])
                if not total[column] > 0.0 or score < best[row, -1]:
                    continue
                item = order[first + column]
                scores[row, item] = score
                better = k > 0 and score > best[row, -1] and allowed[item]
                if better and welcome(history, items[start:end], item):
                    insert(best[row], score)
    return scores


@kernel
def compare_tile(
    kind: int,
    threshold: float,
    counts: NDArray[np.int32],
    most: NDArray[np.int32],
    own: NDArray[np.float64],
    others: NDArray[np.float64],
    similar: NDArray[np.bool_],
    similarity: NDArray[np.float64],
) -> None:
    """Write the similarities to the items of a tile, 0 where too little is shared.

    similar: whether an item has any; the others have no row.
    """
    columns = np.ones(TILE, dtype=np.float64)
    columns[: others.size] = others
    for place in range(own.size):
        similar[place] = most[place] >= threshold
        if similar[place]:
            for column in range(TILE):
                both = np.float64(counts[place, column])
                value = similarity_of(kind, both, own[place], columns[column])
                similarity[place, column] = value if both >= threshold else 0.0


@kernel
def add_rows(
    weights: NDArray[np.float64],
    places: NDArray[np.int32],
    similarity: NDArray[np.float64],
    total: NDArray[np.float64],
) -> None:
    """``total = sum of weights[i] * similarity[places[i]]``, one after the other."""
    total[:] = 0.0
    at = 0
    while at + 3 < weights.size:  # four in a row: the sums stay in registers, in the same order
        a, b, c, d = weights[at], weights[at + 1], weights[at + 2], weights[at + 3]
        one, two = similarity[places[at]], similarity[places[at + 1]]
        three, four = similarity[places[at + 2]], similarity[places[at + 3]]
        for column in range(TILE):
            value = total[column] + a * one[column] + b * two[column]
            total[column] = value + c * three[column] + d * four[column]
        at += 4
    while at < weights.size:
        weight, values = weights[at], similarity[places[at]]
        for column in range(TILE):
            total[column] += weight * values[column]
        at += 1


@kernel
def welcome(history: int, bought: NDArray[np.int32], item: int) -> bool:
    """Whether a list of this history may hold the item; bought: ascending codes."""
    if history == ANY:
        return True
    at = np.searchsorted(bought, item)
    return (at < bought.size and bought[at] == item) == (history == REPEAT)


@kernel
def insert(best: NDArray[np.float32], score: np.float32) -> None:
    """Put a score above the last of ``best`` (descending) in its place; the last falls out."""
    at = best.size - 1
    while at > 0 and best[at - 1] < score:
        best[at] = best[at - 1]
        at -= 1
    best[at] = score
