"""What customers bought, from both sides: what items are compared by, of one shard or of all."""

from collections.abc import Iterator, Sequence
from dataclasses import dataclass, replace
from functools import reduce
from itertools import pairwise
from typing import Self

import numpy as np
from numpy.typing import NDArray

from restock.dataset import Interactions, Pairs
from restock.dataset.catalogue import IntArray
from restock.kernels.cutting import cut_rows
from restock.kernels.neighbours import COSINE, LIFT, transpose
from restock.kernels.policy import over_blocks, threads
from restock.kernels.strongest import (
    BATCH,
    add_shared,
    keep_similar,
    merge_kept,
    rows_by_place,
)

BYTES_PER_ENTRY = 12  # of a similarity: an int32 code, and a float64
CELLS = 2**18  # 2 MB of what items share at a time: about a core's cache
COMPARING = 3  # what it costs to compare two places, in pairs of items counted, at least
BLOCKS = 16  # of the places for each thread: who is done takes the next one
KEEPING = 100  # times what a pair of items costs to count: to put one into a heap, about
Kept = tuple[NDArray[np.int64], NDArray[np.int32], NDArray[np.float64]]


def by_demand(buyers: NDArray[np.int64]) -> IntArray:
    """The items sold, the most bought first, ties by code (int32): the item at each place."""
    sold = np.count_nonzero(buyers)
    order: IntArray = np.argsort(-buyers, kind="stable")[:sold].astype(np.int32)
    return order


def places_of(order: IntArray, n_items: int) -> IntArray:
    """The place of each item (int32), -1 where it was never sold."""
    places = np.full(n_items, -1, dtype=np.int32)
    places[order] = np.arange(order.size, dtype=np.int32)
    return places


def item_sums(
    pairs: Pairs,
    weights: NDArray[np.float64],
    n_items: int,
    shards: NDArray[np.int64] | None = None,
) -> NDArray[np.float64]:
    """The sum of a weight per pair over the customers of each item (float64, items).

    Shard by shard (see ``Rows``), then over the shards in order.
    """
    total = np.zeros(n_items)
    borders = (0, pairs.indptr.size - 1) if shards is None else shards
    for first, last in pairwise(pairs.indptr[list(borders)]):
        total += np.bincount(pairs.item[first:last], weights[first:last], minlength=n_items)
    return total


@dataclass(frozen=True, eq=False)
class Rows:
    """The items of each customer of a shard by place, and the customers of each item.

    A shard is a part of the customers that is added up on its own (``Interactions.shards``);
    customers are counted from its first one that bought. indptr: int64 (customers + 1); places:
    int32, ascending in a customer; weights: float64, parallel, none where all are 1. item_start:
    int64 (items + 1); customers: int32, ascending in an item, and before: int32, how many items
    their rows have before it. own: float64 (items), what an item shares with itself. cost: int64
    (places), the pairs of items that each place is compared in.
    """

    indptr: NDArray[np.int64]
    places: IntArray
    weights: NDArray[np.float64] | None
    item_start: NDArray[np.int64]
    customers: IntArray
    before: IntArray
    own: NDArray[np.float64]
    cost: NDArray[np.int64]

    @staticmethod
    def bytes_for(interactions: Interactions, neighbours: int) -> int:
        """The peak of making the rows, or of finding so many neighbours with them.

        28 bytes a pair, of which 20 stay; heaps of 12 bytes a neighbour for each thread, and the
        matrix that they are written to; row by row, the rows and the matrix.
        """
        pairs = interactions.pairs
        sold, size = int(np.count_nonzero(np.bincount(pairs.item))), pairs.item.size
        kept = sold * min(neighbours, sold)
        one = interactions.shards.size == 2 and rows_pay(pairs, sold, neighbours)
        copies = 2 if one else threads() + 1
        return max(28 * size, 20 * size + BYTES_PER_ENTRY * kept * copies)

    @classmethod
    def of(
        cls, pairs: Pairs, weights: NDArray[np.float64] | None, order: IntArray, n_items: int
    ) -> Self:
        """From what customers bought; order: of the items of all shards (``by_demand``)."""
        bought = np.flatnonzero(np.diff(pairs.indptr))
        indptr = pairs.indptr[bought[0] : bought[-1] + 2] if bought.size else pairs.indptr[:1]
        indptr = indptr - indptr[0]
        ones = weights is None or bool((weights == 1).all())
        given = np.ones(pairs.item.size) if weights is None else weights
        # before all else: it needs room for a moment
        own = np.bincount(pairs.item, given * given, n_items).astype(np.float64, copy=False)
        start, customers, at = transpose(indptr, pairs.item, n_items)
        places, by_place, before, cost = rows_by_place(order, start, customers, at, indptr, given)
        found = None if ones else by_place
        return cls(indptr, places, found, start, customers, before, own, cost)

    @classmethod
    def of_shards(
        cls,
        pairs: Pairs,
        weights: NDArray[np.float64],
        order: IntArray,
        n_items: int,
        shards: NDArray[np.int64],
    ) -> list[Self]:
        """The rows of each shard; shards: their borders."""
        found = []
        for first, last in pairwise(shards):
            indptr = pairs.indptr[first : last + 1]
            some = slice(indptr[0], indptr[-1])
            part = Pairs(indptr, pairs.item[some], pairs.of_line[:0])
            found.append(cls.of(part, weights[some], order, n_items))
        return found

    def part(self, order: IntArray, first: int, last: int) -> Self:
        """As much of it as comparing the places ``first`` to ``last`` with all before them takes.

        order: as in ``of``. What concerns a place as a whole (own, cost) stays there for all.
        """
        weights = np.empty(0) if self.weights is None else self.weights
        sides = (self.indptr, self.places, weights, self.item_start, self.customers, self.before)
        indptr, places, by_place, start, customers, before = cut_rows(first, last, order, *sides)
        return replace(
            self,
            indptr=indptr,
            places=places,
            weights=None if self.weights is None else by_place,
            item_start=start,
            customers=customers,
            before=before,
        )


def rows_pay(pairs: Pairs, sold: int, neighbours: int) -> bool:
    """Whether ``sold`` items find their neighbours faster row by row than by heaps.

    Row by row each pair of items is counted twice, for either, and the best of a row are chosen at
    once; heaps count it once, and take it in one by one. Both find the same, digit by digit.
    """
    counted = int(np.square(np.diff(pairs.indptr)).sum())
    return KEEPING * sold * min(neighbours, sold) > counted


def total_cost(rows: Sequence[Rows]) -> NDArray[np.int64]:
    """The pairs of items, of all customers, that each place is compared in (int64, places)."""
    return reduce(np.add, [shard.cost for shard in rows])


def shares(
    cost: NDArray[np.int64], comparing: int, part: int, parts: int, count: int = 1
) -> list[int]:
    """The borders of ``count`` equal shares of a part of the places, by what they cost.

    cost: ``total_cost``. comparing: what a place costs for each one before it, in pairs.
    """
    upto = np.cumsum(cost + comparing * np.arange(cost.size))
    wanted = np.arange(part * count, (part + 1) * count + 1) / (parts * count)
    ends: list[int] = np.searchsorted(upto, wanted * upto[-1:].sum()).tolist()
    return [cost.size if end == 1 else at for at, end in zip(ends, wanted, strict=True)]


def strongest(
    rows: Sequence[Rows],
    order: IntArray,
    kind: int,
    threshold: float,
    width: int,
    *,
    part: int = 0,
    parts: int = 1,
    threads: int = 1,
) -> Kept:
    """The ``width`` most similar items of each (heaps by place), of what a part compares.

    rows: of all shards, in order: what items share is added up over them in this order. The pairs
    of items are dealt out to ``parts`` about evenly; ``merge_kept`` of all parts is what one gives.
    """
    own = reduce(np.add, [shard.own for shard in rows])[order]  # one shard after the other
    ends = shares(total_cost(rows), COMPARING, part, parts, BLOCKS * threads)
    left = iter(list(pairwise(ends)))  # a list's iterator gives each block to one thread
    weights = [np.ones(s.places.size) if s.weights is None else s.weights for s in rows]
    if kind == COSINE:
        kind, own = LIFT, np.sqrt(own)  # digit by digit the same, with fewer roots

    def some(_: int, __: int) -> Kept:
        return _compare(rows, weights, order, own, kind, threshold, width, left)

    kept, *others = over_blocks(some, threads, 1, threads)
    for other in others:
        merge_kept(*kept, *other)
    return kept


def _compare(
    rows: Sequence[Rows],
    weights: Sequence[NDArray[np.float64]],
    order: IntArray,
    own: NDArray[np.float64],
    kind: int,
    threshold: float,
    width: int,
    blocks: Iterator[tuple[int, int]],
) -> Kept:
    """Compare the places of blocks with all before them, some at a time, until no block is left."""
    n = order.size
    size, least = np.zeros(n, dtype=np.int64), np.full(n, -np.inf, dtype=np.float32)
    codes, values = np.empty((n, width), dtype=np.int32), np.empty((n, width), dtype=np.float64)
    room = (np.zeros(n), np.empty(BATCH + n, np.int32), np.empty(BATCH + n))
    step = CELLS // max(n, 1) + 1
    shared = np.zeros((step, n))
    for first, last in blocks:
        for at in range(first, last, step):
            to = min(at + step, last)
            for shard, weight in zip(rows, weights, strict=True):
                who = (order, shard.item_start, shard.customers, shard.before, shard.indptr)
                add_shared(at, to, *who, shard.places, weight, *room, shared)
            keep_similar(at, to, order, shared, own, kind, threshold, size, codes, values, least)
    return size, codes, values
