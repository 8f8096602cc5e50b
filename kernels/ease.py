"""What items share, as a dense matrix, and the strongest entries of its columns."""

import numpy as np
from numpy.typing import NDArray

from restock.kernels.neighbours import kth_largest
from restock.kernels.policy import kernel


@kernel
def gram_rows(
    first: int,
    last: int,
    item_start: NDArray[np.int64],
    item_customers: NDArray[np.int32],
    item_weights: NDArray[np.float64],
    indptr: NDArray[np.int64],
    items: NDArray[np.int32],
    weights: NDArray[np.float64],
    gram: NDArray[np.float64],
) -> None:
    """Add ``X^T X`` into the rows ``first`` to ``last`` of ``gram`` (items × items, float64).

    X is given by item (from ``transpose``) and by customer. Sums run in the order of the
    customers. Cost: the sum over customers of the square of their items.
    """
    for item in range(first, last):
        for at in range(item_start[item], item_start[item + 1]):
            weight = item_weights[at]
            for pair in range(indptr[item_customers[at]], indptr[item_customers[at] + 1]):
                gram[item, items[pair]] += weight * weights[pair]


@kernel
def strongest(
    table: NDArray[np.float32], width: int
) -> tuple[NDArray[np.int64], NDArray[np.int32], NDArray[np.float32]]:
    """The ``width`` entries of each row that are furthest from 0; zeros are left out.

    Equal ones go by column. Returns a CSR matrix: start (rows + 1), columns in ascending
    order, values.
    """
    rows, columns = table.shape
    start = np.zeros(rows + 1, dtype=np.int64)
    code = np.empty(rows * width, dtype=np.int32)
    value = np.empty(rows * width, dtype=np.float32)
    scratch = np.empty(columns, dtype=np.float32)
    size = 0
    for row in range(rows):
        for at in range(columns):
            scratch[at] = abs(table[row, at])
        least = np.float32(kth_largest(scratch, columns, width))
        ties = width
        for at in range(columns):
            if abs(table[row, at]) > least:
                ties -= 1
        for at in range(columns):
            strength = abs(table[row, at])
            if strength < least or strength == 0.0:
                continue
            if strength == least:
                if ties == 0:
                    continue
                ties -= 1
            code[size] = at
            value[size] = table[row, at]
            size += 1
        start[row + 1] = size
    return start, code[:size].copy(), value[:size].copy()
