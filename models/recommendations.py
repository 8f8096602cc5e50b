"""The top-k lists of some customers, as arrays, with a frame and an Arrow view."""

from dataclasses import dataclass
from typing import Self

import numpy as np
import pandas as pd
import pyarrow as pa
from numpy.typing import NDArray

from restock.dataset import Catalogue
from restock.dataset.catalogue import IntArray


@dataclass(frozen=True, eq=False)
class Recommendations:
    """Lists of k items, best first; row r belongs to ``customers[r]``.

    customers: int32 (rows). items: int32 (rows × k), -1 where a list is short.
    scores: float32 (rows × k), 0 at -1. fallback: bool (rows × k), True where the item
    comes from the market's popularity because the model had nothing to say.
    """

    customers: IntArray
    items: IntArray
    scores: NDArray[np.float32]
    fallback: NDArray[np.bool_]

    @property
    def k(self) -> int:
        """The length of a list."""
        return int(self.items.shape[1])

    def head(self, k: int) -> Self:
        """The first k places of every list."""
        return type(self)(
            self.customers, self.items[:, :k], self.scores[:, :k], self.fallback[:, :k]
        )

    def arrow(self, catalogue: Catalogue) -> pa.Table:
        """One row per listed item, best first; ``rank`` counts from 1."""
        rows, places = np.nonzero(self.items >= 0)
        items, customers = self.items[rows, places], self.customers[rows]
        markets = pa.array(catalogue.markets, pa.string())
        return pa.table(
            {
                "market": markets.take(pa.array(catalogue.customer_market[customers])),
                "customer_id": catalogue.customers["id"].take(pa.array(customers)),
                "rank": pa.array((places + 1).astype(np.int32)),
                "item_id": catalogue.items["id"].take(pa.array(items)),
                "item_name": catalogue.items["name"].take(pa.array(items)),
                "score": pa.array(self.scores[rows, places]),
                "fallback": pa.array(self.fallback[rows, places]),
            }
        )

    def frame(self, catalogue: Catalogue) -> pd.DataFrame:
        """The same as a pandas frame."""
        return self.arrow(catalogue).to_pandas()
