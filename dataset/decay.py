"""How much of an order line is left after a time: looked up, not computed line by line."""

from dataclasses import dataclass
from typing import Self

import numpy as np
from numpy.typing import NDArray

from restock.dataset.catalogue import IntArray
from restock.dataset.ranges import Ranges

MINUTES_PER_DAY = 1440


def days_between(minute: IntArray, as_of: int) -> NDArray[np.float64]:
    """Days from each minute to ``as_of`` (float64)."""
    return (float(as_of) - minute.astype(np.float64)) / MINUTES_PER_DAY


@dataclass(frozen=True, eq=False)
class Decay:
    """``0.5 ** (age / half-life)`` of order lines, as a table and where each line is in it.

    left: float64, what is left. lines: the columns item and minute of the lines; that of a line
    is ``left[minute - first]``.
    """

    left: NDArray[np.float64]
    first: int
    lines: Ranges

    @classmethod
    def of(cls, lines: Ranges, as_of: int, half_life_days: float) -> Self:
        """By a table over all minutes from the first line to the last: lines share minutes.

        Where there are more minutes than lines, it has an entry for each line, and ``lines``
        count them in place of minutes.
        """
        first, last = lines.first_and_last
        if last - first < len(lines):
            table = np.arange(first, last + 1, dtype=np.int32)
        else:
            table, first = lines.read("minute"), 0
            numbers = np.arange(len(lines), dtype=np.int32)
            columns = {"item": lines.read("item"), "minute": numbers}
            lines = Ranges(columns, lines.indptr[:-1], lines.indptr)
        return cls(np.exp2(days_between(table, as_of) / -half_life_days), first, lines)
