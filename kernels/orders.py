"""The lines of each order: sorted by item, and those of one item added up."""

import numpy as np
from numpy.typing import NDArray

from restock.kernels.policy import inlined, kernel

Codes = NDArray[np.int32]
Floats = NDArray[np.float64]
Singles = NDArray[np.float32]

RUN = 16  # lines that insertion sorts faster than merging does


@inlined
def _before(a: int, b: int, item: Codes, quantity: Floats, price: Floats, market: Codes) -> bool:
    if item[a] != item[b]:
        return bool(item[a] < item[b])
    if quantity[a] != quantity[b]:
        return bool(quantity[a] < quantity[b])
    value, other = quantity[a] * price[a], quantity[b] * price[b]
    if value != other:
        return bool(value < other)
    return bool(market[a] < market[b])


@kernel
def sort_orders(
    rows: Codes,
    start: NDArray[np.int64],
    item: Codes,
    quantity: Floats,
    price: Floats,
    market: Codes,
) -> int:
    """Sort the lines of each order, in place, by (item, quantity, quantity × price, market).

    rows: line numbers, those of order ``o`` at ``start[o]:start[o + 1]``. Runs of a few lines
    are sorted by insertion, then merged: an order of any length takes n log n. Returns how many
    pairs of order and item there are.
    """
    pairs = 0
    other = np.empty(np.diff(start).max() if start.size > 1 else 0, dtype=np.int32)
    for order in range(start.size - 1):
        first, last = start[order], start[order + 1]
        for low in range(first, last, RUN):
            for at in range(low + 1, min(low + RUN, last)):
                line, to = rows[at], at
                while to > low and _before(line, rows[to - 1], item, quantity, price, market):
                    rows[to] = rows[to - 1]
                    to -= 1
                rows[to] = line
        width = RUN
        while width < last - first:
            for low in range(first, last - width, 2 * width):
                middle, high = low + width, min(low + 2 * width, last)
                other[:width] = rows[low:middle]
                left, right, to = 0, middle, low
                while left < width:
                    if right < high and _before(
                        rows[right], other[left], item, quantity, price, market
                    ):
                        rows[to] = rows[right]
                        right += 1
                    else:
                        rows[to] = other[left]
                        left += 1
                    to += 1
            width *= 2
        for at in range(first, last):
            pairs += at == first or item[rows[at]] != item[rows[at - 1]]
    return pairs


@kernel
def add_up(
    rows: Codes,
    start: NDArray[np.int64],
    turn: Codes,
    pairs: int,
    item: Codes,
    quantity: Floats,
    price: Floats,
) -> tuple[Codes, Codes, Singles, Singles]:
    """Order, item, quantity and value of all lines, order after order as ``turn`` lists them.

    rows, pairs: as ``sort_orders`` leaves and counts them. Lines of one order and item become
    one, quantity and quantity × price summed as float64 in the order of ``rows``.
    """
    of_line, items = np.empty(pairs, dtype=np.int32), np.empty(pairs, dtype=np.int32)
    units, value = np.empty(pairs, dtype=np.float32), np.empty(pairs, dtype=np.float32)
    to = -1
    sum_units = sum_value = 0.0
    for order in turn:
        for at in range(start[order], start[order + 1]):
            line = rows[at]
            if at == start[order] or item[line] != items[to]:
                to += 1
                of_line[to], items[to] = order, item[line]
                sum_units = sum_value = 0.0
            sum_units += quantity[line]
            sum_value += quantity[line] * price[line]
            units[to], value[to] = sum_units, sum_value
    return of_line, items, units, value
