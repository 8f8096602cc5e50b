"""Products of factors, 8 × 8 at a time: each sum in float64, in the order that is written down."""

import numpy as np
from numpy.typing import NDArray

from restock.kernels.lanes import WIDTH, put, row, spread
from restock.kernels.policy import inlined, kernel

ROWS_PER_TILE = 128  # two tiles of so many rows lie in the nearest cache


@kernel
def gram(first: int, last: int, factors: NDArray[np.float32]) -> NDArray[np.float64]:
    """``sum of y y'`` over the rows ``first`` to ``last`` of ``factors`` (float64, k × k).

    Every sum runs in float64, in the order of the rows. Cost: rows × k² / 2 operations, eight at
    a time, from rows that stay in the nearest cache.
    """
    k = factors.shape[1]
    tiles = -(-k // WIDTH)
    parts = np.zeros((tiles, ROWS_PER_TILE, WIDTH), dtype=np.float64)
    sums = np.zeros((tiles, tiles, WIDTH, WIDTH), dtype=np.float64)
    for start in range(first, last, ROWS_PER_TILE):
        rows = min(ROWS_PER_TILE, last - start)
        for at in range(rows):
            for column in range(k):
                parts[column // WIDTH, at, column % WIDTH] = factors[start + at, column]
        for one in range(tiles):
            for other in range(one, tiles):
                add_products(parts[one], parts[other], rows, sums[one, other])
    total = np.empty((k, k), dtype=np.float64)
    for at in range(k):
        for other in range(at, k):
            value = sums[at // WIDTH, other // WIDTH, at % WIDTH, other % WIDTH]
            total[at, other] = total[other, at] = value
    return total


@kernel
def score_factors(
    rows: NDArray[np.int64],
    left: NDArray[np.float32],
    right: NDArray[np.float32],
    codes: NDArray[np.int32],
    n_items: int,
) -> NDArray[np.float32]:
    """``left[row] . y_j`` for every row and item, in float64, rounded once.

    left: float32 (n × k). right: float32 (tiles × k × WIDTH), the factors y of the items
    ``codes``, of WIDTH items in a tile. A negative row has no factors. Returns
    (rows × n_items), -inf where there are none and where the product is not above 0: the
    factors then say nothing for an item.
    """
    k = left.shape[1]
    scores = np.full((rows.size, n_items), -np.inf, dtype=np.float32)
    some = np.empty((k, WIDTH), dtype=np.float64)
    sums = np.empty((WIDTH, WIDTH), dtype=np.float64)
    for first in range(0, rows.size, WIDTH):
        many = min(WIDTH, rows.size - first)
        some[:] = 0.0
        for at in range(many):
            if rows[first + at] >= 0:
                some[:, at] = left[rows[first + at]]
        for tile in range(right.shape[0]):
            sums[:] = 0.0
            add_products(some, right[tile], k, sums)
            items = codes[tile * WIDTH : (tile + 1) * WIDTH]
            for at in range(many):
                for item in range(items.size):
                    if sums[at, item] > 0.0:
                        scores[first + at, items[item]] = sums[at, item]
    return scores


@inlined
def add_products(
    one: NDArray[np.float64],
    other: NDArray[np.float64] | NDArray[np.float32],
    rows: int,
    sums: NDArray[np.float64],
) -> None:
    """``sums += one' other`` of the first rows of two tiles (rows × WIDTH).

    Each row of sums stays in a register of its own.
    """
    a, b, c, d = row(sums, 0), row(sums, 1), row(sums, 2), row(sums, 3)
    e, f, g, h = row(sums, 4), row(sums, 5), row(sums, 6), row(sums, 7)
    for at in range(rows):
        values, lanes = one[at], row(other, at)
        a, b = a + spread(values[0]) * lanes, b + spread(values[1]) * lanes
        c, d = c + spread(values[2]) * lanes, d + spread(values[3]) * lanes
        e, f = e + spread(values[4]) * lanes, f + spread(values[5]) * lanes
        g, h = g + spread(values[6]) * lanes, h + spread(values[7]) * lanes
    put(a, sums, 0)
    put(b, sums, 1)
    put(c, sums, 2)
    put(d, sums, 3)
    put(e, sums, 4)
    put(f, sums, 5)
    put(g, sums, 6)
    put(h, sums, 7)
