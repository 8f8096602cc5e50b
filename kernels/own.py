"""Scores of what customers bought themselves: never more cells than pairs.

The pairs of customer c are ``indptr[c]`` to ``indptr[c + 1]``, by ascending item.
"""

import numpy as np
from numpy.typing import NDArray

from restock.kernels.policy import kernel
from restock.kernels.selection import NEW, insert_item


@kernel
def add_sales(
    first: int,
    last: int,
    indptr: NDArray[np.int64],
    items: NDArray[np.int32],
    habit: NDArray[np.float64],
    market: NDArray[np.int32],
    sales: NDArray[np.float64],
    weight: float,
    score: NDArray[np.float32],
) -> None:
    """``score = habit + weight * sales[market, item]`` of the pairs of some customers.

    For the customers ``first`` to ``last``; ``market`` is that of each customer, ``sales`` is
    (markets × items).
    """
    for customer in range(first, last):
        row = sales[market[customer]]
        for pair in range(indptr[customer], indptr[customer + 1]):
            score[pair] = habit[pair] + weight * row[items[pair]]


@kernel
def best_own(
    customers: NDArray[np.int32],
    indptr: NDArray[np.int64],
    items: NDArray[np.int32],
    pair_score: NDArray[np.float32],
    allowed: NDArray[np.bool_],
    history: int,
    k: int,
) -> tuple[NDArray[np.int32], NDArray[np.float32]]:
    """The k best allowed of the items that each customer bought: none when ``history`` is NEW.

    As ``best_items`` of (customers × items) scores that are -inf elsewhere: items (-1 where
    the list is short) and scores (0 there), each (rows × k); equal scores by item code.
    """
    rows = customers.size
    listed = np.full((rows, k), -1, dtype=np.int32)
    values = np.zeros((rows, k), dtype=np.float32)
    if history == NEW:
        return listed, values
    for row in range(rows):
        size = 0
        for pair in range(indptr[customers[row]], indptr[customers[row] + 1]):
            score = pair_score[pair]
            if not score > -np.inf or not allowed[items[pair]]:
                continue
            size = insert_item(listed[row], values[row], size, items[pair], score)
    return listed, values
