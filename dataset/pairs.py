"""The distinct (customer, item) pairs of order lines."""

from dataclasses import dataclass
from typing import Self

import numpy as np
from numpy.typing import NDArray

from restock.dataset.catalogue import IntArray
from restock.kernels.pairs import close_up, distinct_items
from restock.kernels.policy import over_blocks, threads

CUSTOMERS_PER_BLOCK = 32_768


@dataclass(frozen=True, eq=False)
class Pairs:
    """The distinct (customer, item) pairs of interactions as a CSR matrix.

    indptr: int64 (customers + 1); item: int32, ascending within a customer;
    of_line: int32 (int64 from 2 ** 31 lines on), the pair that each line belongs to.
    """

    indptr: NDArray[np.int64]
    item: IntArray
    of_line: NDArray[np.integer]

    @classmethod
    def of(cls, start: NDArray[np.int64], item: IntArray, n_items: int) -> Self:
        """The pairs of lines with these items; customer c's are ``start[c]`` to ``start[c + 1]``.

        A linear pass over the lines, and one more where a customer bought an item twice.
        """
        customers, lines = start.size - 1, item.size
        found = np.empty(lines, dtype=np.int32)
        of_line: NDArray[np.integer] = np.empty(
            lines, dtype=np.int32 if lines < 2**31 else np.int64
        )
        size = np.zeros(customers, dtype=np.int64)
        over_blocks(
            lambda first, last: distinct_items(
                first, last, start, item, n_items, found, size, of_line
            ),
            customers,
            CUSTOMERS_PER_BLOCK,
            threads(),
        )
        indptr = np.concatenate([[0], np.cumsum(size)]).astype(np.int64)
        distinct = found if indptr[-1] == lines else np.empty(indptr[-1], dtype=np.int32)
        over_blocks(
            lambda first, last: close_up(first, last, start, found, indptr, distinct, of_line),
            customers,
            CUSTOMERS_PER_BLOCK,
            threads(),
        )
        return cls(indptr, distinct, of_line)

    @property
    def customer(self) -> IntArray:
        """The customer of each pair (int32)."""
        sizes = np.diff(self.indptr)
        return np.repeat(np.arange(sizes.size, dtype=np.int32), sizes)

    def sum(self, weights: NDArray[np.floating]) -> NDArray[np.float64]:
        """Sum a weight per line over the lines of each pair (float64), in order of time."""
        return np.bincount(self.of_line, weights=weights, minlength=self.item.size).astype(
            np.float64
        )
