"""The nearest customers of each customer, and what they and the customer buy together.

Vectors are CSR over integer codes. Dot products run in float64 in the order of the item codes;
distances are compared as float32: what differs by less is a tie, and a tie goes to the lower
code. So neither blocks nor threads change a result.
"""

import numpy as np
from numpy.typing import NDArray

from restock.kernels.neighbours import kth_largest
from restock.kernels.policy import kernel


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
    k: int,
) -> NDArray[np.int32]:
    """The ``k`` rows nearest to each of the rows ``first`` to ``last``, themselves left out.

    Near is ``|u - v|^2 = |u|^2 + |v|^2 - 2 u v``, with ``square`` the squared lengths (rows).
    The matrix is given by row (``indptr``, ``items``, ``weights``) and by item (from
    ``transpose``). ``k`` must be below the number of rows. Returns codes in ascending order
    (last - first × k). Cost: the rows of every item of a row, and a pass over all rows.
    """
    n = square.size
    near = np.empty((last - first, k), dtype=np.int32)
    dot = np.zeros(n, dtype=np.float64)
    closeness = np.empty(n, dtype=np.float32)
    scratch = np.empty(n, dtype=np.float32)
    for row in range(first, last):
        for pair in range(indptr[row], indptr[row + 1]):
            weight = weights[pair]
            for at in range(item_start[items[pair]], item_start[items[pair] + 1]):
                dot[item_rows[at]] += weight * item_weights[at]
        for other in range(n):
            closeness[other] = 2.0 * dot[other] - square[other]
            dot[other] = 0.0
        closeness[row] = -np.inf
        for other in range(n):
            scratch[other] = closeness[other]
        least = np.float32(kth_largest(scratch, n, k))
        ties = k
        for other in range(n):
            if closeness[other] > least:
                ties -= 1
        size = 0
        for other in range(n):
            if closeness[other] < least:
                continue
            if closeness[other] == least:
                if ties == 0:
                    continue
                ties -= 1
            near[row - first, size] = other
            size += 1
    return near


@kernel
def score_near(
    customers: NDArray[np.int32],
    indptr: NDArray[np.int64],
    items: NDArray[np.int32],
    weights: NDArray[np.float64],
    near_start: NDArray[np.int64],
    near: NDArray[np.int32],
    alpha: float,
    n_items: int,
) -> NDArray[np.float32]:
    """``alpha * own + (1 - alpha) * mean of the near ones`` (customers × items).

    ``near`` are the near customers of each customer (CSR by ``near_start``). -inf where the sum
    is not above 0.
    """
    scores = np.empty((customers.size, n_items), dtype=np.float32)
    total = np.zeros(n_items, dtype=np.float64)
    for row in range(customers.size):
        customer = customers[row]
        begin, end = near_start[customer], near_start[customer + 1]
        for at in range(begin, end):
            for pair in range(indptr[near[at]], indptr[near[at] + 1]):
                total[items[pair]] += weights[pair]
        if end > begin:
            total *= (1.0 - alpha) / (end - begin)
        for pair in range(indptr[customer], indptr[customer + 1]):
            total[items[pair]] += alpha * weights[pair]
        for item in range(n_items):
            scores[row, item] = total[item] if total[item] > 0.0 else -np.inf
            total[item] = 0.0
    return scores
