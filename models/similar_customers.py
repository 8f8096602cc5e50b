"""Customers who buy alike, and the baskets of each: what `tifu_knn` and `up_cf` share."""

from dataclasses import dataclass
from typing import Any, Self

import numpy as np
from numpy.typing import NDArray

from restock.dataset import Interactions
from restock.dataset.catalogue import IntArray
from restock.kernels.customers import nearest_rows, score_near
from restock.kernels.neighbours import transpose
from restock.kernels.policy import over_blocks
from restock.models.past import Past

CELLS_PER_BLOCK = 500_000  # 6 MB of codes and closeness at a time


@dataclass(frozen=True, eq=False)
class SimilarCustomers:
    """The neighbours of each customer, and what each of them says (CSR).

    start: int64 (customers + 1). near: int32 codes, ascending within a customer.
    weight: float64, parallel to ``near``.
    """

    start: NDArray[np.int64]
    near: IntArray
    weight: NDArray[np.float64]

    @classmethod
    def of(
        cls,
        interactions: Interactions,
        left: NDArray[np.float64],
        right: NDArray[np.float64],
        *,
        euclidean: bool,
        neighbours: int,
        threads: int,
    ) -> Self:
        """The ``neighbours`` closest other customers of everybody who ordered.

        left, right: the weights of each pair (float64) for the customer who asks and for the
        one who is compared. Closeness is ``-|u - v|^2`` (euclidean; both weights are the same)
        or ``2 u v``, and then only customers who share an item are near; it is the ``weight``.
        """
        pairs, rows = interactions.pairs, interactions.customers  # the catalogue may hold others
        k = min(neighbours, rows.size - 1)
        if k == 0:
            empty = np.zeros(interactions.n_customers + 1, dtype=np.int64)
            return cls(empty, np.empty(0, np.int32), np.empty(0))
        indptr = np.append(pairs.indptr[rows], pairs.indptr[-1])
        by_item, item_rows, places = transpose(indptr, pairs.item, interactions.n_items)
        by_place = right[places]
        square = np.add.reduceat(left * right, indptr[:-1]) if euclidean else np.zeros(rows.size)
        floor = -np.inf if euclidean else 0.0

        def block(first: int, last: int) -> tuple[NDArray[Any], ...]:
            count, codes, values = nearest_rows(
                first,
                last,
                indptr,
                pairs.item,
                left,
                by_item,
                item_rows,
                by_place,
                square,
                floor,
                k,
            )
            kept = np.arange(k) < count[:, None]
            return count, codes[kept], values[kept]

        blocks = over_blocks(block, rows.size, CELLS_PER_BLOCK // k + 1, threads)
        count, near, closeness = (np.concatenate(part) for part in zip(*blocks, strict=True))
        start = np.zeros(interactions.n_customers + 1, dtype=np.int64)
        start[rows + 1] = count
        return cls(np.cumsum(start), rows[near], closeness)

    def scores(
        self, past: Past, vector: NDArray[np.float64], own: float, customers: IntArray
    ) -> NDArray[np.float32]:
        """``own * u + sum of weight * v`` of these customers (customers × items).

        u and v are the rows of ``vector`` (float64, pairs); -inf where the sum is 0.
        """
        scores: NDArray[np.float32] = score_near(
            customers,
            past.bought_indptr,
            past.bought_items,
            vector,
            own,
            self.start,
            self.near,
            self.weight,
            past.n_items,
        )
        return scores


def basket_places(interactions: Interactions) -> tuple[NDArray[np.int64], NDArray[np.int64]]:
    """Where each line's basket (order) stands in its customer's history, and how many there are.

    Both int64 (lines); 0 is the customer's first basket.
    """
    customer, order, indptr = interactions.customer, interactions.order, interactions.indptr
    starts = np.zeros(len(interactions), dtype=np.int64)
    starts[1:] = (customer[1:] != customer[:-1]) | (order[1:] != order[:-1])
    basket = np.cumsum(starts)
    first, last = indptr[:-1][customer], indptr[1:][customer] - 1
    return basket - basket[first], basket[last] - basket[first] + 1
