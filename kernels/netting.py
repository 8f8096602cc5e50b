"""Taking cancelled units off the most recent earlier orders."""

import numpy as np
from numpy.typing import NDArray

from restock.kernels.policy import kernel


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
