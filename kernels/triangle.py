"""How many customers bought both of two items, counted once for the two and sent in few bytes.

Items go by their place, from the most bought to the least. The row of a place is what it shares
with every place before it and with itself: all rows, one behind the other, are a triangle.
"""

import numpy as np
from numpy.typing import NDArray

from restock.kernels.co_occurrence import Levels, write_levels
from restock.kernels.policy import kernel


@kernel
def count_before(
    first: int,
    last: int,
    order: NDArray[np.int32],
    item_start: NDArray[np.int64],
    customers: NDArray[np.int32],
    before: NDArray[np.int32],
    indptr: NDArray[np.int64],
    places: NDArray[np.int32],
    shared: NDArray[np.int32],
) -> None:
    """Add the customers of one shard to the rows ``first`` to ``last`` (rows × places).

    order to places: the items and what customers bought, as in ``strongest.add_shared``.
    """
    for place in range(first, last):
        row = shared[place - first]
        for at in range(item_start[order[place]], item_start[order[place] + 1]):
            start = indptr[customers[at]]
            for pair in range(start, start + before[at] + 1):
                row[places[pair]] += 1


@kernel
def write_rows(
    first: int, last: int, shared: NDArray[np.int32], triangle: NDArray[np.integer], at: int
) -> int:
    """Write these rows to ``triangle`` from ``at`` on, and let them be zeros; where they end."""
    for place in range(first, last):
        row = shared[place - first]
        for other in range(place + 1):
            triangle[at + other] = row[other]
            row[other] = 0
        at += place + 1
    return at


@kernel
def add_rows(
    at: int,
    to: int,
    first: int,
    last: int,
    triangle: NDArray[np.integer],
    shared: NDArray[np.int32],
) -> None:
    """Write what the places ``at`` to ``to`` share with all, before and behind (rows × places).

    As far as the rows ``first`` to ``last`` say it, all that ``triangle`` holds.
    """
    offset = first * (first + 1) // 2
    for place in range(max(at, first), last):
        row = place * (place + 1) // 2 - offset
        for column in range(at, min(to, place + 1)):
            shared[column - at, place] = triangle[row + column]
        if place < to:
            for other in range(place + 1):
                shared[place - at, other] = triangle[row + other]


@kernel
def write_tiles(at: int, to: int, shared: NDArray[np.int32], levels: Levels) -> None:
    """Write these rows to all levels of tiles, and let them be zeros."""
    for place in range(at, to):
        write_levels(levels, place, shared[place - at])
