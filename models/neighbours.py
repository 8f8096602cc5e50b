"""The similar items of each item: what `item_knn` and `sar` have in common."""

from dataclasses import dataclass
from typing import Any, Self

import numpy as np
from numpy.typing import NDArray

from restock.dataset import Pairs
from restock.dataset.catalogue import IntArray
from restock.kernels.neighbour_scores import best_of_entries, score_neighbours, tiles_pay
from restock.kernels.neighbours import compare_counts, similar_items, transpose
from restock.kernels.policy import over_blocks
from restock.kernels.selection import best_items
from restock.kernels.strongest import write_rows
from restock.models.past import Past
from restock.models.rows import (
    Kept,
    Rows,
    by_demand,
    item_sums,
    places_of,
    rows_pay,
    strongest,
)

CELLS_PER_BLOCK = 1_000_000  # 12 MB of codes and similarities at a time


@dataclass(frozen=True, eq=False)
class Neighbourhood:
    """A sparse (items × items) matrix of similarities, by rows (CSR).

    start: int64 (items + 1). item: int32, ascending in a row. similarity: float64, as the
    model defines it (EASE has negative ones).
    """

    start: NDArray[np.int64]
    item: IntArray
    similarity: NDArray[np.float64]

    @classmethod
    def of(
        cls,
        pairs: Pairs,
        weights: NDArray[np.float64],
        n_items: int,
        kind: int,
        *,
        threshold: float = 0.0,
        neighbours: int | None = None,
        threads: int = 1,
        shards: NDArray[np.int64] | None = None,
    ) -> Self:
        """Compare all items by the customers they share (kind: see ``kernels.neighbours``).

        weights: float64, one per pair. neighbours: keep so many of each item, itself included;
        None keeps all. shards: borders of parts of the customers that are added up on their own
        first (``Interactions.shards``; None: one). Where all are kept they are added up in one
        go: use whole numbers, whose sums are exact. Memory: 12 bytes per similarity kept, so at
        most 12 × items² bytes, and twice that for a moment at the end of the fit; with
        ``neighbours``, 12 bytes × items × neighbours for each thread, and 32 bytes per pair.
        """
        order = by_demand(np.bincount(pairs.item, minlength=n_items))
        borders = np.array([0, pairs.indptr.size - 1]) if shards is None else shards
        if neighbours is None or (borders.size == 2 and rows_pay(pairs, order.size, neighbours)):
            own = item_sums(pairs, weights * weights, n_items, shards)
            width = min(neighbours or order.size, order.size)
            how = (kind, float(threshold), width, threads)
            return cls._row_by_row(pairs, weights, own, *how)
        rows = Rows.of_shards(pairs, weights, order, n_items, borders)
        width = min(neighbours, order.size)
        kept = strongest(rows, order, kind, float(threshold), width, threads=threads)
        return cls.of_kept(order, n_items, kept)

    @classmethod
    def of_kept(cls, order: IntArray, n_items: int, kept: Kept) -> Self:
        """From what ``strongest`` found for the items at each place."""
        return cls(*write_rows(places_of(order, n_items), *kept))

    @classmethod
    def _row_by_row(
        cls,
        pairs: Pairs,
        weights: NDArray[np.float64],
        own: NDArray[np.float64],
        kind: int,
        threshold: float,
        width: int,
        threads: int,
    ) -> Self:
        n_items = own.size
        by_item, customers, places = transpose(pairs.indptr, pairs.item, n_items)
        sold = np.flatnonzero(np.diff(by_item)).astype(np.int32)
        by_place = weights[places]

        def block(first: int, last: int) -> tuple[NDArray[Any], ...]:
            count, codes, values = similar_items(
                first,
                last,
                sold,
                by_item,
                customers,
                by_place,
                pairs.indptr,
                pairs.item,
                weights,
                own,
                kind,
                threshold,
                width,
            )
            kept = np.arange(width) < count[:, None]
            return count, codes[kept], values[kept]

        size = min(CELLS_PER_BLOCK // max(width, 1) + 1, -(-sold.size // threads))
        blocks = over_blocks(block, sold.size, size, threads)
        count, item, similarity = (np.concatenate(part) for part in zip(*blocks, strict=True))
        rows = np.zeros(n_items + 1, dtype=np.int64)
        rows[sold + 1] = count
        return cls(np.cumsum(rows), item, similarity)

    def compared(
        self, own: NDArray[np.float64], kind: int, threshold: float, neighbours: int | None
    ) -> "Neighbourhood":
        """The same items compared in another way, digit by digit as ``of`` would.

        For a neighbourhood of the kind COUNT without a threshold, nothing left out. own: what
        each item shares with itself. Cost: two passes over what is shared.
        """
        width = own.size if neighbours is None else neighbours
        how = (own, kind, threshold, width)
        return Neighbourhood(*compare_counts(self.start, self.item, self.similarity, *how))

    def scores(
        self, past: Past, affinity: NDArray[np.float64], customers: IntArray
    ) -> NDArray[np.float32]:
        """``affinity @ similarity`` of these customers (customers × items), -inf where it is 0."""
        scores: NDArray[np.float32] = score_neighbours(
            customers,
            past.bought_indptr,
            past.bought_items,
            affinity,
            self.start,
            self.item,
            self.similarity,
        )
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
        """The k best items of these customers and their ``scores``, selected as in ``best_items``.

        Without a score for every item, unless the tiles that need them are faster.
        """
        bought = (customers, past.bought_indptr, past.bought_items)
        if tiles_pay(*bought, self.start):
            scores = self.scores(past, affinity, customers)
            return best_items(scores, *past.bought_by(customers), allowed, history, k)
        matrix = (self.start, self.item, self.similarity)
        return best_of_entries(*bought, affinity, *matrix, allowed, history, k)

    def arrays(self) -> dict[str, NDArray[Any]]:
        """The arrays by name, for a file."""
        return {"start": self.start, "item": self.item, "similarity": self.similarity}
