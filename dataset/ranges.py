"""A range of the lines of each customer: what a cut or a selection is, without a copy of a line."""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from functools import cached_property
from typing import Any, Self

import numpy as np
from numpy.typing import NDArray

from restock.dataset.pairs import CUSTOMERS_PER_BLOCK
from restock.kernels.policy import over_blocks, threads
from restock.kernels.ranges import copy_ranges, count_items, find_places


@dataclass(frozen=True, eq=False)
class Ranges:
    """Which lines of each customer, out of columns that are sorted by customer and time.

    columns: by name, whole. start: int64 (customers), where a customer's lines begin in them.
    indptr: int64 (customers + 1), where they begin among the lines that are meant.
    """

    columns: Mapping[str, NDArray[Any]]
    start: NDArray[np.int64]
    indptr: NDArray[np.int64]

    def __len__(self) -> int:
        return int(self.indptr[-1])

    @property
    def stop(self) -> NDArray[np.int64]:
        """Where the lines of each customer end in the columns (int64, customers)."""
        return self.start + np.diff(self.indptr)

    def part(self, start: NDArray[np.int64], stop: NDArray[np.int64]) -> Self:
        """The lines from place ``start`` to place ``stop`` of each customer, if it comes first."""
        indptr = np.zeros(start.size + 1, dtype=np.int64)
        np.cumsum(np.maximum(stop - start, 0), out=indptr[1:])
        return type(self)(self.columns, start, indptr)

    @cached_property
    def first_and_last(self) -> tuple[int, int]:
        """The minutes of the first and of the last line; zeros without one."""
        minute, some = self.columns["minute"], np.flatnonzero(np.diff(self.indptr))
        if not some.size:
            return 0, 0
        return int(minute[self.start[some]].min()), int(minute[self.stop[some] - 1].max())

    def places(self, moments: Sequence[int]) -> NDArray[np.int64]:
        """Where the lines of each customer reach these minutes (int64, moments × customers).

        moments: ascending.
        """
        found = np.empty((len(moments), self.start.size), dtype=np.int64)
        about = (self.start, self.stop, self.columns["minute"], np.array(moments, np.int64), found)
        over_blocks(
            lambda first, last: find_places(first, last, *about),
            self.start.size,
            CUSTOMERS_PER_BLOCK,
            threads(),
        )
        return found

    def items_until(self, moments: Sequence[int], n_items: int) -> NDArray[np.int64]:
        """How many lines of each item lie before these minutes (int64, moments × items).

        moments: ascending. One pass over the lines before the last of them.
        """
        minute, item = self.columns["minute"], self.columns["item"]
        about = (self.start, self.stop, minute, item, np.array(moments, dtype=np.int64))

        def counted(first: int, last: int) -> NDArray[np.int64]:
            count = np.zeros((len(moments), n_items), dtype=np.int64)
            count_items(first, last, *about, count)
            return count

        at_once = threads()  # no more counts are held
        total = np.zeros((len(moments), n_items), dtype=np.int64)
        for count in over_blocks(counted, self.start.size, -(-self.start.size // at_once), at_once):
            total += count
        return np.cumsum(total, axis=0)

    def read(self, name: str) -> NDArray[Any]:
        """A column of these lines alone: a copy, made anew by every call."""
        sizes = np.diff(self.indptr)
        if name == "customer":
            return np.repeat(np.arange(sizes.size, dtype=np.int32), sizes)
        column = self.columns[name]
        copied = np.empty(len(self), dtype=column.dtype)
        over_blocks(
            lambda first, last: copy_ranges(first, last, self.start, column, self.indptr, copied),
            sizes.size,
            CUSTOMERS_PER_BLOCK,
            threads(),
        )
        return copied
