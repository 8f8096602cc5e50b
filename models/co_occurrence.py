"""Which items are bought by the same customers, counted once for every way to compare them."""

from dataclasses import dataclass
from typing import Self

import numpy as np
from numpy.typing import NDArray

from restock.dataset import Pairs
from restock.dataset.catalogue import IntArray
from restock.kernels.co_occurrence import (
    TILE,
    bound_scores,
    count_together,
    score_tiles,
)
from restock.kernels.neighbours import COSINE, COUNT, LIFT, transpose
from restock.kernels.policy import over_blocks
from restock.kernels.selection import ANY
from restock.models.context import FitContext
from restock.models.neighbours import BYTES_PER_ENTRY, Neighbourhood
from restock.models.past import Past

DENSE = 0.25  # customers that two items have in common, on average: tiles are faster from there


@dataclass(frozen=True, eq=False)
class CoOccurrence:
    """The number of customers who bought both of two items, of all items sold.

    order: int32 (items sold), the most bought first, ties by code. buyers: float64 (items sold),
    in this order. places: int32 (pairs), where the item of each pair is in it. counts: int32
    (tiles × items sold × TILE) and most: int32 (tiles × items sold), see
    ``kernels.co_occurrence``.
    """

    order: IntArray
    buyers: NDArray[np.float64]
    places: IntArray
    counts: NDArray[np.int32]
    most: NDArray[np.int32]

    @classmethod
    def of(cls, pairs: Pairs, n_items: int, threads: int = 1) -> Self:
        """Count. Cost: the sum over customers of the square of their items."""
        item_start, item_customers, _ = transpose(pairs.indptr, pairs.item, n_items)
        buyers = np.diff(item_start)
        sold = int(np.count_nonzero(buyers))
        order = np.argsort(-buyers, kind="stable")[:sold].astype(np.int32)
        place_of = np.empty(n_items, dtype=np.int32)
        place_of[order] = np.arange(sold, dtype=np.int32)
        places = place_of[pairs.item]
        counts = np.empty((-(-sold // TILE), sold, TILE), dtype=np.int32)
        most = np.empty(counts.shape[:2], dtype=np.int32)
        who = (order, item_start, item_customers, pairs.indptr, places)

        def block(first: int, last: int) -> None:
            count_together(first, last, *who, counts, most)

        over_blocks(block, sold, -(-sold // (4 * threads)), threads)
        return cls(order, buyers[order].astype(np.float64), places, counts, most)

    @staticmethod
    def bytes_for(sold: int, pairs: int) -> int:
        """The memory that the counts of so many items sold take."""
        return 4 * sold * -(-sold // TILE) * (TILE + 1) + 12 * sold + 4 * pairs

    def written(self, n_items: int) -> Neighbourhood:
        """The same as a sparse matrix by codes."""
        by_code = np.argsort(self.order)
        by_place = self.counts.transpose(1, 0, 2).reshape(by_code.size, -1)
        counts = by_place[by_code[:, None], by_code]
        row, column = np.nonzero(counts)
        codes = self.order[by_code]
        start = np.zeros(n_items + 1, dtype=np.int64)
        start[codes + 1] = np.bincount(row, minlength=codes.size)
        found = counts[row, column].astype(np.float64)
        return Neighbourhood(np.cumsum(start), codes[column], found)


@dataclass(frozen=True, eq=False)
class Compared:
    """A neighbourhood that is not written down: it follows from the counts.

    kind, threshold: as in ``Neighbourhood.of``, whose digits come out.
    """

    together: CoOccurrence
    kind: int
    threshold: float

    def written(self, n_items: int) -> Neighbourhood:
        """The same, written down."""
        found = self.together
        buyers = np.zeros(n_items)
        buyers[found.order] = found.buyers
        return found.written(n_items).compared(buyers, self.kind, self.threshold, None)

    def scores(
        self, past: Past, affinity: NDArray[np.float64], customers: IntArray
    ) -> NDArray[np.float32]:
        """``affinity @ similarity`` of these customers (customers × items), -inf where it is 0."""
        everything = np.ones(past.n_items, dtype=bool)
        return self.best_scores(past, affinity, customers, 0, ANY, everything)

    def best_scores(
        self,
        past: Past,
        affinity: NDArray[np.float64],
        customers: IntArray,
        k: int,
        history: int,
        allowed: NDArray[np.bool_],
    ) -> NDArray[np.float32]:
        """The same; what cannot be among the k best that a list may hold can be -inf too."""
        found, kind, own = self.together, self.kind, self.together.buyers
        if kind == COSINE:
            kind, own = LIFT, np.sqrt(own)  # digit by digit the same, with fewer roots
        bought = (past.bought_indptr, found.places, affinity)
        bounds = bound_scores(customers, *bought, found.most, own, kind, self.threshold)
        promising = np.argsort(-bounds.sum(axis=0), kind="stable")
        scores: NDArray[np.float32] = score_tiles(
            customers,
            *bought,
            past.bought_items,
            found.counts,
            found.most,
            own,
            found.order,
            kind,
            self.threshold,
            promising,
            bounds,
            k,
            history,
            allowed,
        )
        return scores


def compared(
    pairs: Pairs,
    n_items: int,
    kind: int,
    threshold: float,
    neighbours: int | None,
    context: FitContext,
) -> Neighbourhood | Compared:
    """Items compared by the customers who bought both, all counting the same.

    kind, threshold, neighbours: as in ``Neighbourhood.of``. Fits on the same interactions count
    once: in tiles where most items have customers in common, else in a sparse matrix.
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

    buyers = np.bincount(pairs.item, minlength=n_items).astype(np.float64)
    sold = int(np.count_nonzero(buyers))
    counted = int(np.square(np.diff(pairs.indptr)).sum())  # the sum of all counts
    dense = counted > DENSE * sold**2
    in_tiles = dense and context.keeps(CoOccurrence.bytes_for(sold, pairs.item.size))
    if in_tiles and neighbours is None:
        together = context.once(
            ("co-occurrence", "tiles"), lambda: CoOccurrence.of(pairs, n_items, context.threads)
        )
        return Compared(together, kind, threshold)
    if context.keeps(BYTES_PER_ENTRY * min(counted, sold**2)):
        counts = context.once(("co-occurrence",), lambda: fresh(COUNT, 1, None))
        return counts.compared(buyers, kind, threshold, neighbours)
    return fresh(kind, threshold, neighbours)
