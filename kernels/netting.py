"""Taking cancelled units off the most recent earlier orders."""

import numpy as np
from numpy.typing import NDArray

from restock.kernels.policy import inlined, kernel


@kernel
def net(
    group: NDArray[np.int64], quantity: NDArray[np.float64], tolerance: float
) -> NDArray[np.float64]:
    """The units that are left of each line (float64, lines), never below 0.

    group: what is cancelled together (customer and item), lines sorted by (group, time).
    quantity: above 0 for an order, below 0 for a cancellation. A cancellation takes its
    units off the latest order before it that has units left, then off the one before that.
    For an order the result is what remains ordered, for a cancellation what found no order.
    A rest of less than ``tolerance`` is nothing.
    """
    left = np.abs(quantity)
    stack = np.empty(quantity.size, dtype=np.int64)
    top = 0
    for line in range(quantity.size):
        if line == 0 or group[line] != group[line - 1]:
            top = 0
        if quantity[line] > 0:
            stack[top] = line
            top += 1
            continue
        while left[line] >= tolerance and top > 0:
            order = stack[top - 1]
            taken = min(left[order], left[line])
            left[order] -= taken
            left[line] -= taken
            if left[order] < tolerance:
                left[order] = 0.0
                top -= 1
        if left[line] < tolerance:
            left[line] = 0.0
    return left


@kernel
def shares_pair(
    customer: NDArray[np.int32], item: NDArray[np.int32], of: NDArray[np.int64]
) -> NDArray[np.bool_]:
    """Which lines (bool) have the customer and item of one of the lines at positions ``of``.

    The pairs of those few lines go into a hash table, then every line asks it once. Codes are
    at least -1.
    """
    size = 16
    while size < 4 * of.size:
        size *= 2
    mask = np.uint64(size - 1)
    table = np.full(size, -1, dtype=np.int64)
    for line in of:
        pair = (np.int64(customer[line]) + 1) << 32 | (np.int64(item[line]) + 1)
        at = _slot(pair) & mask
        while table[at] != -1 and table[at] != pair:
            at = (at + np.uint64(1)) & mask
        table[at] = pair
    found = np.zeros(customer.size, dtype=np.bool_)
    for line in range(customer.size):
        pair = (np.int64(customer[line]) + 1) << 32 | (np.int64(item[line]) + 1)
        at = _slot(pair) & mask
        while table[at] != -1 and table[at] != pair:
            at = (at + np.uint64(1)) & mask
        found[line] = table[at] == pair
    return found


@inlined
def _slot(pair: np.int64) -> np.uint64:
    """Multiplicative hashing (Knuth, volume 3, 6.4), high bits first."""
    return np.uint64(pair) * np.uint64(0x9E3779B97F4A7C15) >> np.uint64(32)
