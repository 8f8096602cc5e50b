"""Which items are bought by the same customers, counted once for every way to compare them."""

from dataclasses import dataclass
from typing import Self

import numpy as np
from numpy.typing import NDArray

from restock.dataset import Pairs
from restock.dataset.catalogue import IntArray
from restock.kernels.co_occurrence import (
    SPANS,
    Bought,
    Level,
    Levels,
    Measure,
    best_of_groups,
    bound_groups,
    count_together,
    score_tiles,
)
from restock.kernels.lanes import WIDTH
from restock.kernels.neighbours import COSINE, COUNT, LIFT, transpose
from restock.kernels.policy import over_blocks
from restock.models.context import FitContext
from restock.models.neighbours import Neighbourhood
from restock.models.past import Past
from restock.models.rows import BYTES_PER_ENTRY, by_demand, places_of
from restock.models.sharded import Counts

NARROW = np.iinfo(np.uint16).max  # the largest count that takes two bytes
DENSE = 0.25  # customers that two items have in common, on average: tiles are faster from there


@dataclass(frozen=True, eq=False)
class CoOccurrence:
    """The number of customers who bought both of two items, of all items sold.

    order: int32 (items sold), the most bought first, ties by code. buyers: float64 (items sold),
    in this order. places: int32 (pairs), where the item of each pair is in it. levels: see
    ``kernels.co_occurrence``.
    """

    order: IntArray
    buyers: NDArray[np.float64]
    places: IntArray
    levels: Levels

    @classmethod
    def of(cls, indptr: NDArray[np.int64], item: IntArray, n_items: int, threads: int = 1) -> Self:
        """Count what customers bought (CSR). Cost: the sum of the squares of their items."""
        item_start, item_customers, _ = transpose(indptr, item, n_items)
        buyers = np.diff(item_start)
        order = by_demand(buyers)
        places = places_of(order, n_items)[item]
        levels = room_for(buyers[order])
        who = (order, item_start, item_customers, indptr, places)

        def block(first: int, last: int) -> None:
            count_together(first, last, *who, levels)

        over_blocks(block, order.size, -(-order.size // (4 * threads)), threads)
        return cls(order, buyers[order].astype(np.float64), places, levels)

    @staticmethod
    def bytes_for(buyers: NDArray[np.int64], pairs: int) -> int:
        """The memory that the counts of items with so many buyers, in any order, take."""
        most = -np.sort(-buyers[buyers > 0])
        rows = sum(4 * far + 2 * near for far, near in _tiles(most))
        return most.size * (WIDTH * rows + 12) + 4 * pairs


def _tiles(buyers: NDArray[np.int64]) -> list[tuple[int, int]]:
    """How many tiles of each level have counts of four bytes, and how many of two.

    buyers: of the items, the most first.
    """
    found = []
    for span in SPANS:
        tiles = -(-buyers.size // (span * WIDTH))
        far = int(np.count_nonzero(buyers[:: span * WIDTH] > NARROW))
        found.append((far, tiles - far))
    return found


def room_for(buyers: NDArray[np.int64]) -> Levels:
    """Levels without counts yet; buyers: of the items sold, the most first."""
    size = buyers.size
    return Levels(
        *(
            Level(np.empty((far, size, WIDTH), np.int32), np.empty((near, size, WIDTH), np.uint16))
            for far, near in _tiles(buyers)
        )
    )


def by_name(levels: Levels) -> Counts:
    """The arrays of all levels: ``items.wide``, ``items.narrow``, ``tiles.wide``, …"""
    return {
        f"{name}.{width}": array
        for name, level in levels._asdict().items()
        for width, array in level._asdict().items()
    }


def levels_of(found: Counts) -> Levels:
    """Take back what ``by_name`` gave."""
    return Levels(
        *(Level(*(found[f"{name}.{width}"] for width in Level._fields)) for name in Levels._fields)
    )


@dataclass(frozen=True, eq=False)
class Compared:
    """A neighbourhood that is not written down: it follows from the counts.

    kind, threshold: as in ``Neighbourhood.of``, whose digits come out.
    """

    together: CoOccurrence
    kind: int
    threshold: float

    def scores(
        self, past: Past, affinity: NDArray[np.float64], customers: IntArray
    ) -> NDArray[np.float32]:
        """``affinity @ similarity`` of these customers (customers × items), -inf where it is 0."""
        found, given = self.together, self._given(past, affinity)
        scores: NDArray[np.float32] = score_tiles(customers, *given, found.order, past.n_items)
        return scores

    def best(
        self,
        past: Past,
        affinity: NDArray[np.float64],
        customers: IntArray,
        k: int,
        history: int,
        allowed: NDArray[np.bool_],
    ) -> tuple[IntArray, NDArray[np.float32]]:
        """The k best items of these customers and their ``scores``, as ``best_items`` selects."""
        found, given = self.together, self._given(past, affinity)
        bounds = bound_groups(customers, *given)
        promising = np.argsort(-np.maximum(bounds, 0).sum(axis=1), kind="stable")
        lists: tuple[IntArray, NDArray[np.float32]] = best_of_groups(
            customers, *given, found.order, promising, bounds, allowed, history, k
        )
        return lists

    @property
    def bounds(self) -> int:
        """How many numbers ``best`` holds of each customer for a while."""
        return WIDTH * -(-self.together.order.size // WIDTH**3)

    def _given(self, past: Past, affinity: NDArray[np.float64]) -> tuple[Bought, Levels, Measure]:
        found = self.together
        bought = Bought(past.bought_indptr, past.bought_items, found.places, affinity)
        if self.kind == COSINE:  # by way of LIFT it is digit by digit the same, with fewer roots
            return bought, found.levels, Measure(LIFT, self.threshold, np.sqrt(found.buyers))
        return bought, found.levels, Measure(self.kind, self.threshold, found.buyers)


def in_tiles(pairs: Pairs, sold: int) -> bool:
    """Whether two of ``sold`` items have enough customers in common for counts in tiles.

    By the mean of all counts: the sum over customers of their items squared, by items squared.
    """
    return int(np.square(np.diff(pairs.indptr)).sum()) > DENSE * sold**2


def compared(
    pairs: Pairs,
    n_items: int,
    kind: int,
    threshold: float,
    neighbours: int | None,
    context: FitContext,
) -> Neighbourhood | Compared:
    """Items compared by the customers who bought both, all counting the same.

    kind, threshold, neighbours: as in ``Neighbourhood.of``. All of them are compared in tiles
    where most items have customers in common, else, and where few neighbours are kept, in a
    sparse matrix. Fits on the same interactions count once.
    """

    def fresh(kind: int, threshold: float, neighbours: int | None) -> Neighbourhood:
        return Neighbourhood.of(
            pairs,
            np.ones(pairs.item.size),
            n_items,
            kind,
            threshold=threshold,
            neighbours=neighbours,
            threads=context.threads,
        )

    def counted() -> CoOccurrence:
        return CoOccurrence.of(pairs.indptr, pairs.item, n_items, context.threads)

    buyers = np.bincount(pairs.item, minlength=n_items).astype(np.float64)
    sold = int(np.count_nonzero(buyers))
    if neighbours is None and in_tiles(pairs, sold):
        return Compared(context.once(("co-occurrence", "tiles"), counted), kind, threshold)
    counts = int(np.square(np.diff(pairs.indptr)).sum())
    if context.keeps(BYTES_PER_ENTRY * min(counts, sold**2)):
        both = context.once(("co-occurrence",), lambda: fresh(COUNT, 1, None))
        return both.compared(buyers, kind, threshold, neighbours)
    return fresh(kind, threshold, neighbours)
