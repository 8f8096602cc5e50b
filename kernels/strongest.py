"""The K most similar items of each item, every pair of items compared once.

Items go by their *place*, from the most bought to the least: an item is compared with those
before it alone, which are the shorter part of most customers' rows, and the similarity counts for
both. Each item keeps its best in a heap; whichever way pairs come, the same ones stay.
"""

import numpy as np
from numpy.typing import NDArray

from restock.kernels.neighbours import similarity_of
from restock.kernels.policy import inlined, kernel

BATCH = 1024  # pairs: 12 KB, so that they stay in the nearest cache


@kernel
def rows_by_place(
    order: NDArray[np.int32],
    item_start: NDArray[np.int64],
    item_customers: NDArray[np.int32],
    item_pairs: NDArray[np.int64],
    indptr: NDArray[np.int64],
    weights: NDArray[np.float64],
) -> tuple[NDArray[np.int32], NDArray[np.float64], NDArray[np.int32], NDArray[np.int64]]:
    """The rows of the customers (CSR by ``indptr``) with their items by place, ascending.

    order: the item at each place. item_start, item_customers, item_pairs: from ``transpose``.
    Returns the places and the weights (pairs); for each entry of the items' side how many items
    its customer's row has before it (int32, pairs); and how many pairs of items each place is
    compared in (int64, places).
    """
    places = np.empty(weights.size, dtype=np.int32)
    by_place = np.empty(weights.size, dtype=np.float64)
    before = np.empty(weights.size, dtype=np.int32)
    cost = np.zeros(order.size, dtype=np.int64)
    free = indptr[:-1].copy()
    for place in range(order.size):
        for at in range(item_start[order[place]], item_start[order[place] + 1]):
            to = free[item_customers[at]]
            places[to] = place
            by_place[to] = weights[item_pairs[at]]
            before[at] = to - indptr[item_customers[at]]
            cost[place] += before[at] + 1
            free[item_customers[at]] = to + 1
    return places, by_place, before, cost


@kernel
def add_shared(
    first: int,
    last: int,
    order: NDArray[np.int32],
    item_start: NDArray[np.int64],
    item_customers: NDArray[np.int32],
    before: NDArray[np.int32],
    indptr: NDArray[np.int64],
    places: NDArray[np.int32],
    weights: NDArray[np.float64],
    part: NDArray[np.float64],
    batch_places: NDArray[np.int32],
    batch_weights: NDArray[np.float64],
    shared: NDArray[np.float64],
) -> None:
    """Add to ``shared`` what ``first`` to ``last`` share with all before them and themselves.

    What two items share is ``sum_c w[c, i] * w[c, j]``, added up over these customers on its own.
    part: zeros (places), zeros again afterwards; batch_places, batch_weights: room for ``BATCH``
    pairs and one for each place.
    """
    for place in range(first, last):
        item = order[place]
        at, end = item_start[item], item_start[item + 1]
        if at == end:
            continue
        row = shared[place - first]
        matrix = item_customers, before, indptr, places, weights, batch_places, batch_weights
        add_customers(at, end, *matrix, part)
        for other in range(place + 1):
            row[other] += part[other]
            part[other] = 0.0


@kernel
def keep_similar(
    first: int,
    last: int,
    order: NDArray[np.int32],
    shared: NDArray[np.float64],
    own: NDArray[np.float64],
    kind: int,
    threshold: float,
    size: NDArray[np.int64],
    codes: NDArray[np.int32],
    values: NDArray[np.float64],
    least: NDArray[np.float32],
) -> None:
    """Compare the places ``first`` to ``last`` with all before them and themselves.

    shared: what they share, zeros afterwards. own: what an item shares with itself (by place), for
    cosines by way of LIFT its root. See ``similar_items`` for kind and threshold. The heaps are by
    place: the number of similar items found so far, their codes and similarities; least: the
    weakest of a heap that is full, as float32, else -inf.
    """
    width = codes.shape[1]
    for place in range(first, last):
        item = order[place]
        row = shared[place - first]
        for other in range(place + 1):
            both = row[other]
            row[other] = 0.0
            if both > 0.0 and both >= threshold:
                value = similarity_of(kind, both, own[place], own[other])
                rounded = np.float32(value)
                if rounded >= least[other]:
                    size[other] = keep(codes[other], values[other], size[other], item, value)
                    if size[other] == width:
                        least[other] = values[other, 0]
                if rounded >= least[place] and other != place:
                    own_size = keep(codes[place], values[place], size[place], order[other], value)
                    size[place] = own_size
                    if own_size == width:
                        least[place] = values[place, 0]


@kernel
def add_customers(
    at: int,
    end: int,
    item_customers: NDArray[np.int32],
    before: NDArray[np.int32],
    indptr: NDArray[np.int64],
    places: NDArray[np.int32],
    weights: NDArray[np.float64],
    batch_places: NDArray[np.int32],
    batch_weights: NDArray[np.float64],
    total: NDArray[np.float64],
) -> None:
    """Add what an item shares, customer by customer; ``at`` to ``end`` are its entries.

    Rows are copied some at a time, and added then: copies of several rows wait for memory
    together, sums one by one.
    """
    while at < end:
        n = 0
        while at < end and n < BATCH:
            start = indptr[item_customers[at]]
            size = before[at] + 1
            weight = weights[start + before[at]]
            codes, values = batch_places[n : n + size], batch_weights[n : n + size]
            row, row_weights = places[start : start + size], weights[start : start + size]
            for pair in range(size):
                codes[pair] = row[pair]
            for pair in range(size):
                values[pair] = weight * row_weights[pair]
            n += size
            at += 1
        for pair in range(n):
            total[batch_places[pair]] += batch_weights[pair]


@inlined
def weaker(value: float, code: int, other: float, than: int) -> bool:
    """Whether a similarity is behind another: smaller as float32, or equal with a higher code."""
    a, b = np.float32(value), np.float32(other)
    return bool(a < b or (a == b and code > than))


@kernel
def keep(
    codes: NDArray[np.int32], values: NDArray[np.float64], size: int, code: int, value: float
) -> int:
    """Put a similar item into a heap (weakest first) unless it is full of stronger ones."""
    width = codes.size
    if size < width:
        at = size
        while at > 0:
            above = (at - 1) // 2
            if not weaker(value, code, values[above], codes[above]):
                break
            values[at], codes[at] = values[above], codes[above]
            at = above
        values[at], codes[at] = value, code
        return size + 1
    if weaker(value, code, values[0], codes[0]):
        return size
    at = 0
    while True:
        below = 2 * at + 1
        if below >= width:
            break
        right = below + 1
        if right < width and weaker(values[right], codes[right], values[below], codes[below]):
            below = right
        if not weaker(values[below], codes[below], value, code):
            break
        values[at], codes[at] = values[below], codes[below]
        at = below
    values[at], codes[at] = value, code
    return size


@kernel
def merge_kept(
    size: NDArray[np.int64],
    codes: NDArray[np.int32],
    values: NDArray[np.float64],
    more_size: NDArray[np.int64],
    more_codes: NDArray[np.int32],
    more_values: NDArray[np.float64],
) -> None:
    """Put what was kept of other pairs of items into the heaps of this one."""
    for row in range(size.size):
        for at in range(more_size[row]):
            size[row] = keep(
                codes[row], values[row], size[row], more_codes[row, at], more_values[row, at]
            )


@kernel
def write_rows(
    place_of: NDArray[np.int32],
    size: NDArray[np.int64],
    codes: NDArray[np.int32],
    values: NDArray[np.float64],
) -> tuple[NDArray[np.int64], NDArray[np.int32], NDArray[np.float64]]:
    """The heaps as a CSR matrix by item code, codes ascending in a row.

    place_of: the place of each item, -1 = never sold.
    """
    n_items = place_of.size
    start = np.zeros(n_items + 1, dtype=np.int64)
    for item in range(n_items):
        start[item + 1] = start[item]
        if place_of[item] >= 0:
            start[item + 1] += size[place_of[item]]
    all_codes = np.empty(start[-1], dtype=np.int32)
    all_values = np.empty(start[-1], dtype=np.float64)
    for item in range(n_items):
        place, n = place_of[item], start[item + 1] - start[item]
        if n == 0:
            continue
        by = np.argsort(codes[place, :n])
        for at in range(n):
            all_codes[start[item] + at] = codes[place, by[at]]
            all_values[start[item] + at] = values[place, by[at]]
    return start, all_codes, all_values
