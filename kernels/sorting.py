"""Sorting by small whole numbers: stable, in linear time, and without a copy of the rows."""

from typing import TypeVar

import numpy as np
from numpy.typing import NDArray

from restock.kernels.policy import kernel

Codes = NDArray[np.int32]
T = TypeVar("T", bound=np.generic)

DIGIT_BITS = 11  # 2,048 counters stay in the first cache
KEY_BYTES = 7  # of a text in a number without a sign


@kernel
def starts_of(code: Codes, n: int) -> NDArray[np.int64]:
    """Where the rows of each code in [0, n) start, once they are sorted by code (int64, n + 1)."""
    start = np.zeros(n + 1, dtype=np.int64)
    for row in range(code.size):
        start[code[row] + 1] += 1
    for at in range(n):
        start[at + 1] += start[at]
    return start


@kernel
def counting_order(code: Codes, start: NDArray[np.int64]) -> Codes:
    """The row numbers sorted by code (int32, rows), rows of one code as they came.

    start: as ``starts_of`` gives it. One pass, as fast as the cache holds a line per code that
    is being written to. Fewer than 2**31 rows.
    """
    free = start.copy()
    rows = np.empty(code.size, dtype=np.int32)
    for row in range(code.size):
        rows[free[code[row]]] = row
        free[code[row]] += 1
    return rows


@kernel
def _by_digit(rows: Codes, key: NDArray[np.int64], shift: int) -> Codes:
    mask = (1 << DIGIT_BITS) - 1
    start = np.zeros(mask + 2, dtype=np.int64)
    for row in range(key.size):
        start[((key[row] >> shift) & mask) + 1] += 1
    for at in range(mask):
        start[at + 1] += start[at]
    sorted_rows = np.empty(rows.size, dtype=np.int32)
    for row in rows:
        digit = (key[row] >> shift) & mask
        sorted_rows[start[digit]] = row
        start[digit] += 1
    return sorted_rows


def radix_order(*keys: NDArray[np.integer]) -> Codes:
    """Row numbers (int32) sorted by the last of ``keys``, equal ones by the one before it.

    The same as ``numpy.lexsort(keys)``, for whole numbers of any sign: 11 bits at a time.
    """
    rows = np.arange(keys[0].size, dtype=np.int32)
    for key in keys:
        if key.size == 0:
            break
        above = key.astype(np.int64) - int(key.min())
        for shift in range(0, int(above.max()).bit_length(), DIGIT_BITS):
            rows = _by_digit(rows, above, shift)
    return rows


@kernel
def text_keys(start: Codes, data: NDArray[np.uint8], keys: NDArray[np.int64]) -> None:
    """Whole numbers that are ordered as texts are by their bytes, none of more than seven.

    start: int32 (texts + 1), where each text starts in ``data``. keys: zeros (keys × texts), the
    first the most important; what does not fit in is left out, and a text that ends counts as 0.
    """
    for row in range(start.size - 1):
        for at in range(min(start[row + 1] - start[row], keys.shape[0] * KEY_BYTES)):
            byte = np.int64(data[start[row] + at])
            keys[at // KEY_BYTES, row] |= byte << (8 * (KEY_BYTES - 1 - at % KEY_BYTES))


@kernel
def sole(code: Codes, value: Codes, n: int) -> Codes:
    """For each code in [0, n) the one value that all its rows have (int32).

    -1 where it has no row, -2 where its rows differ. Values below 0 count as no row.
    """
    found = np.full(n, -1, dtype=np.int32)
    for row in range(code.size):
        if value[row] >= 0:
            at = code[row]
            if found[at] == -1:
                found[at] = value[row]
            elif found[at] != value[row]:
                found[at] = -2
    return found


@kernel
def occurring(code: Codes, n: int) -> NDArray[np.bool_]:
    """Which codes in [0, n) have a row (bool); codes below 0 count for none."""
    found = np.zeros(n, dtype=np.bool_)
    for row in range(code.size):
        if code[row] >= 0:
            found[code[row]] = True
    return found


@kernel
def recode(code: Codes, new: NDArray[T]) -> NDArray[T]:
    """``new[code]``, without the detour through 64-bit positions; -1 takes the last entry."""
    found = np.empty(code.size, dtype=new.dtype)
    for row in range(code.size):
        found[row] = new[code[row]]
    return found


@kernel
def lowest(code: Codes, value: NDArray[np.int64], n: int) -> NDArray[np.int64]:
    """For each code in [0, n) the lowest value of its rows (int64)."""
    found = np.full(n, np.iinfo(np.int64).max)
    for row in range(code.size):
        found[code[row]] = min(found[code[row]], value[row])
    return found
