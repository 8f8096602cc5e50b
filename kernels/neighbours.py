"""Which items are bought by the same customers, and what follows for a customer's next list.

Matrices are CSR over integer codes. Sums run in float64 in the order of the codes, so a
result does not depend on blocks, threads or machine. Similarities are compared as float32:
what differs by less is a tie, and a tie goes to the lower code.
"""

import numpy as np
from numpy.typing import NDArray

from restock.kernels.policy import kernel

COUNT, JACCARD, LIFT, COSINE = 0, 1, 2, 3


@kernel
def transpose(
    indptr: NDArray[np.int64], items: NDArray[np.int32], n_items: int
) -> tuple[NDArray[np.int64], NDArray[np.int32], NDArray[np.int64]]:
    """The customers of each item, from the items of each customer (a counting sort).

    Returns the start of each item (int64, n_items + 1), its customers in ascending order
    (int32, pairs), and the place of each pair in the input (int64, pairs).
    """
    start = np.zeros(n_items + 1, dtype=np.int64)
    for item in items:
        start[item + 1] += 1
    for item in range(n_items):
        start[item + 1] += start[item]
    customers = np.empty(items.size, dtype=np.int32)
    pairs = np.empty(items.size, dtype=np.int64)
    free = start[:-1].copy()
    for customer in range(indptr.size - 1):
        for pair in range(indptr[customer], indptr[customer + 1]):
            at = free[items[pair]]
            customers[at] = customer
            pairs[at] = pair
            free[items[pair]] = at + 1
    return start, customers, pairs


@kernel
def similarity_of(kind: int, both: float, one: float, other: float) -> float:
    """Compare two items by the weight they share (``both``) and their own weights.

    By ``np.true_divide``: unlike ``/`` it looks for no division by 0, so that loops of it run
    on whole vectors.
    """
    if kind == JACCARD:
        return np.true_divide(both, one + other - both)
    if kind == LIFT:
        return np.true_divide(both, one * other)
    if kind == COSINE:
        return np.true_divide(both, np.sqrt(one) * np.sqrt(other))
    return both


@kernel
def kth_largest(values: NDArray[np.float32], n: int, k: int) -> float:
    """The ``k``-th largest of ``values[:n]``, which are left in another order (quickselect)."""
    low, high = 0, n - 1
    while low < high:
        pivot = values[(low + high) // 2]
        left, right = low, high
        while left <= right:
            while values[left] > pivot:
                left += 1
            while values[right] < pivot:
                right -= 1
            if left <= right:
                values[left], values[right] = values[right], values[left]
                left += 1
                right -= 1
        if k - 1 <= right:
            high = right
        elif k - 1 >= left:
            low = left
        else:
            break
    return values[k - 1]


@kernel
def keep_strongest(
    codes: NDArray[np.int32],
    values: NDArray[np.float64],
    rounded: NDArray[np.float32],
    scratch: NDArray[np.float32],
    n: int,
    width: int,
) -> int:
    """Move the ``width`` largest of the first ``n`` to the front, in their order; their number.

    ``rounded`` is workspace for ``values`` as float32, and ``scratch`` for a copy.
    """
    if n <= width:
        return n
    for at in range(n):
        rounded[at] = values[at]
        scratch[at] = rounded[at]
    least = np.float32(kth_largest(scratch, n, width))
    ties = width
    for at in range(n):
        if rounded[at] > least:
            ties -= 1
    size = 0
    for at in range(n):
        if rounded[at] == least:
            if ties == 0:
                continue
            ties -= 1
        elif rounded[at] < least:
            continue
        codes[size], values[size] = codes[at], values[at]
        size += 1
    return size


@kernel
def similar_items(
    first: int,
    last: int,
    sold: NDArray[np.int32],
    item_start: NDArray[np.int64],
    item_customers: NDArray[np.int32],
    item_weights: NDArray[np.float64],
    indptr: NDArray[np.int64],
    items: NDArray[np.int32],
    weights: NDArray[np.float64],
    own: NDArray[np.float64],
    kind: int,
    threshold: float,
    width: int,
) -> tuple[NDArray[np.int64], NDArray[np.int32], NDArray[np.float64]]:
    """The ``width`` most similar items of ``sold[first:last]``, themselves included.

    What items i and j share is ``sum_c w[c, i] * w[c, j]`` over the customers c of i; pairs
    that share less than ``threshold``, or nothing, have no similarity. ``own`` is what an
    item shares with itself (items). Both sides of the weights are given: by item (from
    ``transpose``) and by customer. Returns the number of neighbours (rows), their codes in
    ascending order and their similarities (rows × width, undefined behind the number).

    Cost: the sum over customers of the square of their items; memory rows × width.
    """
    rows = last - first
    count = np.zeros(rows, dtype=np.int64)
    codes = np.empty((rows, width), dtype=np.int32)
    values = np.empty((rows, width), dtype=np.float64)
    shared = np.zeros(own.size, dtype=np.float64)
    found = np.empty(sold.size, dtype=np.int32)
    similarity = np.empty(sold.size, dtype=np.float64)
    rounded = np.empty(sold.size, dtype=np.float32)
    scratch = np.empty(sold.size, dtype=np.float32)
    for row in range(rows):
        item = sold[first + row]
        for at in range(item_start[item], item_start[item + 1]):
            customer = item_customers[at]
            weight = item_weights[at]
            for pair in range(indptr[customer], indptr[customer + 1]):
                shared[items[pair]] += weight * weights[pair]
        n = 0
        for other in sold:
            both = shared[other]
            shared[other] = 0.0
            if both > 0.0 and both >= threshold:
                found[n] = other
                similarity[n] = similarity_of(kind, both, own[item], own[other])
                n += 1
        size = keep_strongest(found, similarity, rounded, scratch, n, width)
        count[row] = size
        codes[row, :size] = found[:size]
        values[row, :size] = similarity[:size]
    return count, codes, values


@kernel
def compare_counts(
    start: NDArray[np.int64],
    items: NDArray[np.int32],
    counts: NDArray[np.float64],
    own: NDArray[np.float64],
    kind: int,
    threshold: float,
    width: int,
) -> tuple[NDArray[np.int64], NDArray[np.int32], NDArray[np.float64]]:
    """The same of all items, from what they share (CSR): start, codes and similarities (CSR).

    Cost: two passes over ``counts``.
    """
    n_items = start.size - 1
    most = 0
    for row in range(n_items):
        most = max(most, start[row + 1] - start[row])
    enough = 0
    for count in counts:
        enough += count >= threshold
    kept = np.zeros(n_items + 1, dtype=np.int64)
    codes = np.empty(enough, dtype=np.int32)
    values = np.empty(enough, dtype=np.float64)
    rounded = np.empty(most, dtype=np.float32)
    scratch = np.empty(most, dtype=np.float32)
    size = 0
    for row in range(n_items):
        n = size
        for at in range(start[row], start[row + 1]):
            if counts[at] >= threshold:
                codes[n] = items[at]
                values[n] = similarity_of(kind, counts[at], own[row], own[items[at]])
                n += 1
        size += keep_strongest(codes[size:], values[size:], rounded, scratch, n - size, width)
        kept[row + 1] = size
    if size < enough:
        return kept, codes[:size].copy(), values[:size].copy()
    return kept, codes, values


@kernel
def score_own(
    customers: NDArray[np.int32],
    indptr: NDArray[np.int64],
    items: NDArray[np.int32],
    pair_score: NDArray[np.float32],
    n_items: int,
) -> NDArray[np.float32]:
    """The score of each item that the customer bought, -inf elsewhere (rows × items)."""
    scores = np.full((customers.size, n_items), -np.inf, dtype=np.float32)
    for row in range(customers.size):
        for pair in range(indptr[customers[row]], indptr[customers[row] + 1]):
            scores[row, items[pair]] = pair_score[pair]
    return scores
