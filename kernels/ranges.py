"""Ranges of lines: where time cuts each customer's lines, and what lies between two cuts.

The lines of a customer follow each other in order of time, so that a cut keeps a range of them.
"""

import numpy as np
from numpy.typing import NDArray

from restock.kernels.policy import kernel


@kernel
def find_customers(customer: NDArray[np.int32], indptr: NDArray[np.int64]) -> None:
    """Where the lines of each customer begin (customers + 1), of lines sorted by customer."""
    known = 0
    for line in range(customer.size):
        while known <= customer[line]:
            indptr[known] = line
            known += 1
    indptr[known:] = customer.size


@kernel
def find_places(
    first: int,
    last: int,
    start: NDArray[np.int64],
    stop: NDArray[np.int64],
    minute: NDArray[np.int32],
    moments: NDArray[np.int64],
    place: NDArray[np.int64],
) -> None:
    """Where the lines of each customer reach each of the moments (ascending).

    For the customers ``first`` to ``last``, whose lines are ``start[customer]`` to
    ``stop[customer]``: ``place[moment, customer]`` is that of the first line not before it.
    """
    for customer in range(first, last):
        low = start[customer]
        for at in range(moments.size):
            high = stop[customer]
            while low < high:
                middle = (low + high) // 2
                if minute[middle] < moments[at]:
                    low = middle + 1
                else:
                    high = middle
            place[at, customer] = low


@kernel
def copy_ranges(
    first: int,
    last: int,
    start: NDArray[np.int64],
    column: NDArray[np.generic],
    indptr: NDArray[np.int64],
    copied: NDArray[np.generic],
) -> None:
    """Move the ranges of a column together: those of the customers ``first`` to ``last``.

    A customer's begins at ``start[customer]``, and at ``indptr[customer]`` of ``copied``.
    """
    for customer in range(first, last):
        begin, end, source = indptr[customer], indptr[customer + 1], start[customer]
        copied[begin:end] = column[source : source + end - begin]


@kernel
def count_items(
    first: int,
    last: int,
    start: NDArray[np.int64],
    stop: NDArray[np.int64],
    minute: NDArray[np.int32],
    item: NDArray[np.int32],
    moments: NDArray[np.int64],
    count: NDArray[np.int64],
) -> None:
    """Add the lines of the customers ``first`` to ``last`` to ``count`` (moments × items).

    Each line in the row of the first moment (ascending) after it, and in none without one.
    """
    for customer in range(first, last):
        at = 0
        for line in range(start[customer], stop[customer]):
            while at < moments.size and minute[line] >= moments[at]:
                at += 1
            if at == moments.size:
                break
            count[at, item[line]] += 1
