"""What this customer keeps buying: the baseline to beat."""

from typing import ClassVar

import numpy as np
from numpy.typing import NDArray

from restock.dataset import Interactions
from restock.dataset.catalogue import IntArray
from restock.kernels.neighbours import score_own
from restock.models.affinity import HalfLife, affinity
from restock.models.base import Config, Recommender, State
from restock.models.context import FitContext
from restock.models.space import LogUniform, Space


class ReorderConfig(Config):
    """How fast a habit fades."""

    half_life_days: HalfLife = 180.0
    """Days after which an order line counts half; none: all lines count the same."""


class Reorder(Recommender[ReorderConfig]):
    """Personal recency-weighted frequency.

    ``score(c, j) = sum of 0.5 ** (age / half_life)`` over the order lines of item j by
    customer c (the personal top frequency of Hu et al., "Modeling Personalized Item Frequency
    Information for Next-basket Recommendation", SIGIR 2020, with decay). It says nothing about
    items the customer has not bought. One more purchase never lowers a score. Cost: one pass
    over the lines.
    """

    name = "reorder"
    config_class = ReorderConfig
    space: ClassVar[Space] = {"half_life_days": LogUniform(14, 720)}

    def _fit(self, interactions: Interactions, context: FitContext) -> None:
        self._affinity = affinity(interactions, self.config.half_life_days)

    def _score(self, customers: IntArray) -> NDArray[np.float32]:
        past = self.past
        scores: NDArray[np.float32] = score_own(
            customers, past.bought_indptr, past.bought_items, self._affinity, past.n_items
        )
        return scores

    def _state(self) -> State:
        return {"affinity": self._affinity}

    def _restore(self, state: State) -> None:
        self._affinity = state["affinity"]
