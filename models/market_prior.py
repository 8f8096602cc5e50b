"""What all markets taught, in the light of one market: its popularity and its range."""

from collections.abc import Sequence
from typing import ClassVar

import numpy as np
from numpy.typing import NDArray
from pydantic import Field

from restock.dataset import Interactions
from restock.dataset.catalogue import IntArray
from restock.kernels.mixing import scale_and_add_prior
from restock.models.base import Config, State
from restock.models.context import FitContext
from restock.models.hybrid import Hybrid, Member
from restock.models.popularity import HALF_LIFE_DAYS, popularity
from restock.models.space import LogUniform, Space


class MarketPriorConfig(Config):
    """The model of all markets, and how much the customer's own market tells."""

    member: Member = Member(name="item_knn")
    """The model; meant to be fitted on the order lines of all markets."""

    weight: float = Field(0.2, ge=0)
    """Weight of the market's popularity; the customer's best score and the market's best
    seller are both 1."""

    half_life_days: float = Field(HALF_LIFE_DAYS, ge=1, le=10_000)
    """Days after which an order line counts half for the market's popularity."""


class MarketPrior(Hybrid[MarketPriorConfig]):
    """``score(c, j) = s(c, j) / max_j s(c, j) + weight * p(j) / max_j p(j)``.

    s are the member's scores, p the recent order lines of item j in the market of c, as in
    ``popular``. Items that this market never sold are left out, and so are those that the
    member knows nothing of: they are left to the fallback. A customer without a score above 0
    sees the member's items by popularity. Cost: that of the member, and a pass over
    (customers × items).
    """

    name = "market_prior"
    config_class = MarketPriorConfig
    space: ClassVar[Space] = {
        "weight": LogUniform(0.01, 2),
        "half_life_days": LogUniform(7, 365),
    }

    def _members(self) -> Sequence[Member]:
        return (self.config.member,)

    def _fit(self, interactions: Interactions, context: FitContext) -> None:
        super()._fit(interactions, context)
        found = popularity(interactions, self.config.half_life_days)
        markets = np.arange(len(interactions.catalogue.markets), dtype=np.int32)
        share = found.scores(markets, interactions.n_items)
        self._prior = share / share.max(axis=1, keepdims=True)

    def _score(self, customers: IntArray) -> NDArray[np.float32]:
        scores = self.models[0].scores(customers)
        rows = self.past.customer_market[customers]
        scale_and_add_prior(scores, self._prior, rows, self.config.weight)
        return scores

    def _state(self) -> State:
        return super()._state() | {"prior": self._prior}

    def _restore(self, state: State) -> None:
        super()._restore(state)
        self._prior = state["prior"]
