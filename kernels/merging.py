"""Merging ranked lists of several models into one, place by place.

Both kernels take ``items``: int32 (members × rows × k), the lists of each member, best first,
padded with -1. They return scores (rows × n_items): the item at place p of the merged list has
1 / p, counted from 1, all others -inf. Such a score tells the order and nothing else, and does
not depend on k: a short list is the start of a long one.
"""

import numpy as np
from numpy.typing import NDArray

from restock.kernels.policy import inlined, kernel
from restock.kernels.selection import ANY, REPEAT


@inlined
def place_score(place: int) -> np.float32:
    """The score of a place, counted from 0; strictly falling in float32 below 2**23 places."""
    return np.float32(1.0 / (place + 1.0))


@kernel
def in_sequence(
    items: NDArray[np.int32], places: NDArray[np.int64], n_items: int
) -> NDArray[np.float32]:
    """Member after member: each adds at most ``places[member]`` items that are not there yet."""
    members, rows, k = items.shape
    scores = np.full((rows, n_items), -np.inf, dtype=np.float32)
    for row in range(rows):
        size = 0
        for member in range(members):
            added = 0
            for at in range(k):
                item = items[member, row, at]
                if item < 0 or added == places[member]:
                    break
                if scores[row, item] == -np.inf:
                    scores[row, item] = place_score(size)
                    size += 1
                    added += 1
    return scores


@kernel
def by_pattern(
    items: NDArray[np.int32], pattern: NDArray[np.int64], n_items: int
) -> NDArray[np.float32]:
    """Place after place: the next item of the member whose turn it is by ``pattern``, repeated.

    A member that has nothing left cedes its place to the first one that has.
    """
    members, rows, k = items.shape
    scores = np.full((rows, n_items), -np.inf, dtype=np.float32)
    for row in range(rows):
        at = np.zeros(members, dtype=np.int64)
        place = 0
        while place >= 0:
            chosen = np.int64(-1)
            for nth in range(-1, members):
                member = pattern[place % pattern.size] if nth < 0 else nth
                while at[member] < k and items[member, row, at[member]] >= 0:
                    item = items[member, row, at[member]]
                    if scores[row, item] == -np.inf:
                        chosen = np.int64(item)
                        break
                    at[member] += 1
                if chosen >= 0:
                    break
            if chosen < 0:
                break
            scores[row, chosen] = place_score(place)
            place += 1
    return scores


@kernel
def ranked(
    scores: NDArray[np.float32],
    bought_start: NDArray[np.int64],
    bought_stop: NDArray[np.int64],
    bought_items: NDArray[np.int32],
    history: int,
) -> NDArray[np.int32]:
    """All items with evidence, best first, equal ones by code: int32 (rows × items), -1 padded.

    history: as in ``best_items``; row r's purchases are ``bought_items[bought_start[r]:…stop[r]]``.
    """
    rows, n_items = scores.shape
    items = np.full((rows, n_items), -1, dtype=np.int32)
    bought = np.zeros(n_items, dtype=np.bool_)
    for row in range(rows):
        own = bought_items[bought_start[row] : bought_stop[row]]
        bought[own] = True
        size = 0
        for item in range(n_items):
            wanted = history == ANY or bought[item] == (history == REPEAT)
            if wanted and scores[row, item] > -np.inf:
                items[row, size] = item
                size += 1
        known = items[row, :size].copy()
        items[row, :size] = known[np.argsort(-scores[row][known], kind="mergesort")]
        bought[own] = False
    return items
