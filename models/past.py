"""What every fitted model keeps of the past, whatever it learned from it."""

from dataclasses import dataclass
from typing import Any, Self

import numpy as np
from numpy.typing import NDArray

from restock.dataset import Interactions
from restock.dataset.catalogue import IntArray
from restock.models.popularity import Popularity, popularity


@dataclass(frozen=True, eq=False)
class Past:
    """Who bought what before, and what is popular where.

    customer_market: int32 (customers). bought_indptr: int64 (customers + 1) and
    bought_items: int32 (pairs), the items of each customer in ascending order.
    popularity: the fallback of each market. catalogue_hash: what the codes mean.
    """

    n_items: int
    catalogue_hash: str
    customer_market: IntArray
    bought_indptr: NDArray[np.int64]
    bought_items: IntArray
    popularity: Popularity

    @classmethod
    def of(cls, interactions: Interactions, popular: Popularity | None = None) -> Self:
        """What ``interactions`` say; popular: of more than these customers, where it is known."""
        return cls(
            interactions.n_items,
            interactions.catalogue.hash,
            interactions.catalogue.customer_market,
            interactions.pairs.indptr,
            interactions.pairs.item,
            popularity(interactions) if popular is None else popular,
        )

    def bought_by(
        self, customers: IntArray
    ) -> tuple[NDArray[np.int64], NDArray[np.int64], IntArray]:
        """Where each customer's items start and stop, and the items."""
        return self.bought_indptr[customers], self.bought_indptr[customers + 1], self.bought_items

    def arrays(self) -> dict[str, NDArray[Any]]:
        """The arrays by name, for a file."""
        return {
            "customer_market": self.customer_market,
            "bought_indptr": self.bought_indptr,
            "bought_items": self.bought_items,
            "popular_order": self.popularity.order,
            "popular_share": self.popularity.share,
            "popular_row": self.popularity.row_of_market,
        }

    @classmethod
    def restore(cls, n_items: int, catalogue_hash: str, arrays: dict[str, NDArray[Any]]) -> Self:
        """Take back what ``arrays`` gave."""
        return cls(
            n_items,
            catalogue_hash,
            arrays["customer_market"],
            arrays["bought_indptr"],
            arrays["bought_items"],
            Popularity(arrays["popular_order"], arrays["popular_share"], arrays["popular_row"]),
        )
