"""The distinct items of each customer, and sums over the lines of each pair: linear passes.

A line is known by its place; the lines of customer c are ``start[c]`` to ``start[c + 1]``. Sums
run in float64 in the order of the lines.
"""

from typing import Any

import numpy as np
from numba.core import cgutils, types
from numba.extending import intrinsic
from numpy.typing import NDArray

from restock.kernels.policy import kernel

ONE = np.uint64(1)
WORD = 64


def _trailing_zeros(typing_context: Any, word: Any) -> Any:
    """The place of the lowest bit of a word (uint64, not 0) that is set."""

    def generate(context: Any, builder: Any, signature: Any, arguments: Any) -> Any:
        return builder.cttz(arguments[0], cgutils.true_bit)

    return types.int64(types.uint64), generate


trailing_zeros = intrinsic(_trailing_zeros)


@kernel
def distinct_items(
    first: int,
    last: int,
    start: NDArray[np.int64],
    item: NDArray[np.int32],
    n_items: int,
    found: NDArray[np.int32],
    size: NDArray[np.int64],
    rank: NDArray[np.integer],
) -> None:
    """The items of each of the customers ``first`` to ``last``, each once, ascending.

    They are written to ``found`` from ``start[customer]`` on, their number to
    ``size[customer]``, and the rank of each line's item among them to ``rank`` (lines).

    A set of bits, and a bit for each of its words that is not 0: reading it gives the items in
    order. Cost: lines + customers × items / 4096.
    """
    words = np.zeros((n_items + WORD - 1) // WORD, dtype=np.uint64)
    used = np.zeros((words.size + WORD - 1) // WORD, dtype=np.uint64)
    place = np.empty(n_items, dtype=np.int32)
    for customer in range(first, last):
        for line in range(start[customer], start[customer + 1]):
            word = item[line] // WORD
            words[word] |= ONE << np.uint64(item[line] % WORD)
            used[word // WORD] |= ONE << np.uint64(word % WORD)
        n = 0
        for block in range(used.size):
            while used[block] != 0:
                word = block * WORD + trailing_zeros(used[block])
                used[block] &= used[block] - ONE
                bits = words[word]
                words[word] = 0
                while bits != 0:
                    code = word * WORD + trailing_zeros(bits)
                    bits &= bits - ONE
                    place[code] = n
                    found[start[customer] + n] = code
                    n += 1
        size[customer] = n
        for line in range(start[customer], start[customer + 1]):
            rank[line] = place[item[line]]


@kernel
def close_up(
    first: int,
    last: int,
    start: NDArray[np.int64],
    found: NDArray[np.int32],
    indptr: NDArray[np.int64],
    item: NDArray[np.int32],
    of_line: NDArray[np.integer],
) -> None:
    """Move ``found`` of ``distinct_items`` to ``item``, without the gaps: ``indptr`` says where.

    ``of_line`` comes as the rank of each line's pair among the customer's, and leaves as the pair.
    """
    for customer in range(first, last):
        at = indptr[customer]
        for rank in range(indptr[customer + 1] - at):
            item[at + rank] = found[start[customer] + rank]
        for line in range(start[customer], start[customer + 1]):
            of_line[line] += at


@kernel
def sum_decayed(
    first: int,
    last: int,
    start: NDArray[np.int64],
    of_line: NDArray[np.integer],
    place: NDArray[np.int64],
    minute: NDArray[np.int32],
    earliest: int,
    decay: NDArray[np.float64],
    total: NDArray[np.float64],
) -> None:
    """Add ``decay[minute - earliest]`` of each line to ``total`` of its pair.

    For the lines of the customers ``first`` to ``last``; the minutes of a customer's begin at
    ``place[customer]``.
    """
    for customer in range(first, last):
        shift = place[customer] - start[customer]
        for line in range(start[customer], start[customer + 1]):
            total[of_line[line]] += decay[minute[line + shift] - earliest]


@kernel
def sum_by_market(
    first: int,
    last: int,
    start: NDArray[np.int64],
    stop: NDArray[np.int64],
    market: NDArray[np.int32],
    item: NDArray[np.int32],
    minute: NDArray[np.int32],
    earliest: int,
    decay: NDArray[np.float64],
    total: NDArray[np.float64],
) -> None:
    """Add ``decay[minute - earliest]`` of each line to ``total`` (markets × items).

    For the lines of the customers ``first`` to ``last``, ``start[customer]`` to
    ``stop[customer]``; ``market`` is that of each customer.
    """
    for customer in range(first, last):
        row = total[market[customer]]
        for line in range(start[customer], stop[customer]):
            row[item[line]] += decay[minute[line] - earliest]
