"""Counting how often what was bought before is bought again: the moments of re-ordering."""

import numpy as np
from numpy.typing import NDArray

from restock.kernels.policy import kernel

Ints = NDArray[np.int32]
Counts = NDArray[np.int64]


@kernel
def count_rebuys(
    indptr: Counts, day: Ints, item: Ints, n_items: int, edges: Ints, missed: Ints, most: int
) -> tuple[Counts, Counts, Counts, Counts]:
    """Chances and rebuys by times bought before, days since, and orders missed since.

    Lines of customer c are ``indptr[c]:indptr[c + 1]``, sorted by day; a day's lines are one
    order. At each order, every item that the customer bought before is a chance, and a rebuy
    if the order holds it. Returns int64 (most, edges + 1, missed + 1) twice: times bought - 1
    (the last also counts more), the interval of ``edges`` of the days since the last purchase,
    the interval of ``missed`` of the orders since that did not hold it. Then, for customers'
    second orders only, int64 (edges + 1) twice: by days since the first.
    """
    shape = (most, edges.size + 1, missed.size + 1)
    chances, rebuys = np.zeros(shape, dtype=np.int64), np.zeros(shape, dtype=np.int64)
    second = np.zeros(edges.size + 1, dtype=np.int64)
    second_rebuys = np.zeros(edges.size + 1, dtype=np.int64)
    times = np.zeros(n_items, dtype=np.int32)
    last_day = np.zeros(n_items, dtype=np.int32)
    last_order = np.zeros(n_items, dtype=np.int32)
    held = np.zeros(n_items, dtype=np.bool_)
    known = np.empty(n_items, dtype=np.int32)
    for customer in range(indptr.size - 1):
        n_known, order = 0, 0
        at = indptr[customer]
        while at < indptr[customer + 1]:
            stop = at
            while stop < indptr[customer + 1] and day[stop] == day[at]:
                held[item[stop]] = True
                stop += 1
            for n in range(n_known):
                past = known[n]
                row = min(times[past], most) - 1
                since = np.searchsorted(edges, day[at] - last_day[past], side="right")
                misses = np.searchsorted(missed, order - last_order[past] - 1, side="right")
                chances[row, since, misses] += 1
                rebuys[row, since, misses] += held[past]
                if order == 1:
                    second[since] += 1
                    second_rebuys[since] += held[past]
            for line in range(at, stop):
                bought = item[line]
                if held[bought]:  # an item twice on one day counts once
                    held[bought] = False
                    if times[bought] == 0:
                        known[n_known] = bought
                        n_known += 1
                    times[bought] += 1
                    last_day[bought] = day[line]
                    last_order[bought] = order
            order += 1
            at = stop
        for n in range(n_known):
            times[known[n]] = 0
    return chances, rebuys, second, second_rebuys
