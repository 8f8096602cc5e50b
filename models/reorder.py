"""What this customer keeps buying: the baseline to beat."""

from typing import ClassVar

import numpy as np
from numpy.typing import NDArray
from pydantic import Field

from restock.dataset import Interactions
from restock.dataset.catalogue import IntArray
from restock.kernels.neighbours import score_own
from restock.models.affinity import HalfLife, shared_affinity
from restock.models.base import Config, Recommender, State
from restock.models.context import FitContext
from restock.models.popularity import selling_now
from restock.models.space import LogUniform, Space


class ReorderConfig(Config):
    """How fast a habit fades, and how much the season tells among habits."""

    half_life_days: HalfLife = 180.0
    """Days after which an order line counts half; none: all lines count the same."""

    popularity: float = Field(2.0, ge=0)
    """Weight of what sells now, in order lines of today: 0 for habit alone, ties left to the
    item code; 0.01 to break ties only."""


class Reorder(Recommender[ReorderConfig]):
    """Personal recency-weighted frequency, with a say of what the market buys now.

    ``score(c, j) = sum of 0.5 ** (age / half_life) + popularity * p(j) / max p`` over the
    order lines of item j by customer c; p are the market's recent order lines, as in
    ``popular``. The first term is the personal top frequency of Hu et al. ("Modeling
    Personalized Item Frequency Information for Next-basket Recommendation", SIGIR 2020), with
    decay; the second tells apart what was bought equally often, and brings back what is in
    season. It says nothing about items the customer has not bought. One more purchase never
    lowers the item's score. Cost: two passes over the lines.
    """

    name = "reorder"
    config_class = ReorderConfig
    space: ClassVar[Space] = {
        "half_life_days": LogUniform(14, 720),
        "popularity": LogUniform(0.01, 10),
    }

    def _fit(self, interactions: Interactions, context: FitContext) -> None:
        habit = shared_affinity(interactions, self.config.half_life_days, context)
        sales = context.once(("selling now",), lambda: selling_now(interactions))
        season = self.config.popularity * sales
        self._pair_score = (habit + season).astype(np.float32)

    def _score(self, customers: IntArray) -> NDArray[np.float32]:
        past = self.past
        scores: NDArray[np.float32] = score_own(
            customers, past.bought_indptr, past.bought_items, self._pair_score, past.n_items
        )
        return scores

    def _state(self) -> State:
        return {"pair_score": self._pair_score}

    def _restore(self, state: State) -> None:
        self._pair_score = state["pair_score"]
