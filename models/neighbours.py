"""The similar items of each item: what `item_knn` and `sar` have in common."""

from dataclasses import dataclass
from typing import Any, Self

import numpy as np
from numpy.typing import NDArray

from restock.dataset import Pairs
from restock.dataset.catalogue import IntArray
from restock.kernels.neighbour_scores import score_neighbours
from restock.kernels.neighbours import compare_counts, similar_items, transpose
from restock.kernels.policy import over_blocks
from restock.models.past import Past

BYTES_PER_ENTRY = 12
CELLS_PER_BLOCK = 1_000_000  # 12 MB of codes and similarities at a time


@dataclass(frozen=True, eq=False)
class Neighbourhood:
    """A sparse (items × items) matrix of similarities, by rows (CSR).

    start: int64 (items + 1). item: int32, ascending in a row. similarity: float64, above 0.
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
    ) -> Self:
        """Compare all items by the customers they share (kind: see ``kernels.neighbours``).

        weights: float64, one per pair. neighbours: keep so many of each item, itself included;
        None keeps all. Memory: 12 bytes per similarity kept, so at most 12 × items² bytes, and
        twice that for a moment at the end of the fit.
        """
        by_item, customers, places = transpose(pairs.indptr, pairs.item, n_items)
        own = np.bincount(pairs.item, weights * weights, minlength=n_items).astype(np.float64)
        sold = np.flatnonzero(np.diff(by_item)).astype(np.int32)
        width = sold.size if neighbours is None else min(neighbours, sold.size)
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
                float(threshold),
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

    def arrays(self) -> dict[str, NDArray[Any]]:
        """The arrays by name, for a file."""
        return {"start": self.start, "item": self.item, "similarity": self.similarity}
