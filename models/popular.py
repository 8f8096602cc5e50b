"""What sells in the customer's market, recent orders first."""

from typing import ClassVar

import numpy as np
from numpy.typing import NDArray
from pydantic import Field

from restock.dataset import Interactions
from restock.dataset.catalogue import IntArray
from restock.kernels.selection import first_ranked
from restock.models.base import (
    CELLS_PER_CUSTOMER,
    BoolArray,
    Config,
    Lists,
    Recommender,
    State,
    joined,
)
from restock.models.context import FitContext
from restock.models.memory import peak
from restock.models.popularity import HALF_LIFE_DAYS, Popularity, popularity
from restock.models.space import LogUniform, Space


class PopularConfig(Config):
    """How fast fashion fades."""

    half_life_days: float = Field(HALF_LIFE_DAYS, ge=1, le=10_000)
    """Days after which an order line counts half."""


class Popular(Recommender[PopularConfig]):
    """Recency-weighted popularity of the customer's home market.

    ``score(c, j) = sum of 0.5 ** (age / half_life)`` over the market's order lines of item j,
    as a share of the same sum over all its items. The same list for a whole market, and the
    fallback of every other model. Cost: one pass over the lines.
    """

    name = "popular"
    config_class = PopularConfig
    space: ClassVar[Space] = {"half_life_days": LogUniform(7, 365)}

    def memory_bytes(self, interactions: Interactions) -> int:
        """What every fit makes: the model is a fallback of all others."""
        return peak(interactions, 0)

    def _fit(self, interactions: Interactions, context: FitContext) -> None:
        self._popularity = popularity(interactions, self.config.half_life_days)

    def _score(self, customers: IntArray) -> NDArray[np.float32]:
        past = self.past
        return self._popularity.scores(past.customer_market[customers], past.n_items)

    def _best(self, customers: IntArray, k: int, history: int, allowed: BoolArray) -> Lists:
        found, past = self._popularity, self.past

        def best(first: int, last: int) -> Lists:
            block = customers[first:last]
            row = found.row_of_market[past.customer_market[block]]
            how = (*past.bought_by(block), allowed, history, k)
            lists: Lists = first_ranked(found.order, found.share, row, *how)
            return lists

        return joined(best, len(customers), CELLS_PER_CUSTOMER)

    def _state(self) -> State:
        found = self._popularity
        return {"order": found.order, "share": found.share, "row_of_market": found.row_of_market}

    def _restore(self, state: State) -> None:
        self._popularity = Popularity(state["order"], state["share"], state["row_of_market"])
