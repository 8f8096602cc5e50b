"""Smart Adaptive Recommendations: what goes with what the customer bought."""

from typing import ClassVar, Literal

import numpy as np
from numpy.typing import NDArray
from pydantic import Field

from restock.dataset import Interactions
from restock.dataset.catalogue import IntArray
from restock.kernels.neighbours import COSINE, COUNT, JACCARD, LIFT
from restock.models.affinity import HalfLife, shared_affinity
from restock.models.base import BoolArray, Config, Recommender, State
from restock.models.co_occurrence import Compared, compared
from restock.models.context import FitContext
from restock.models.neighbours import Neighbourhood
from restock.models.space import Choice, Integer, LogUniform, Space

_KINDS = {"cooccurrence": COUNT, "jaccard": JACCARD, "lift": LIFT, "cosine": COSINE}


class SarConfig(Config):
    """How items are compared and how fast a purchase fades."""

    similarity: Literal["cooccurrence", "jaccard", "lift", "cosine"] = "jaccard"
    """How two items are compared: cooccurrence favours what sells, lift what is rare."""

    half_life_days: HalfLife = 180.0
    """Days after which an order line counts half in the affinity; none: no decay."""

    threshold: int = Field(1, ge=1)
    """Items bought together by fewer customers are not similar."""

    neighbours: int | None = Field(None, ge=1)
    """Keep so many similar items of each item, itself included; none (as published): all."""

    normalise: bool = False
    """Scale each customer's scores to at most 1; does not change a list."""


class Sar(Recommender[SarConfig]):
    """Microsoft's SAR: a customer's affinities times the similarities of items.

    With C[i, j] the number of customers who bought both i and j (set to 0 below
    ``threshold``), the similarity S is C itself (cooccurrence), C / (C_ii + C_jj - C)
    (jaccard), C / (C_ii C_jj) (lift) or C / sqrt(C_ii C_jj) (cosine). The affinity A[c, i] is
    the number of order lines, each counted as 0.5 ** (age / half_life). ``score = A S``.
    Ages count from the cut-off. ``normalise`` is the published rescaling for ratings of 1 on
    a scale from 0 to 1. As in `recommenders` (sar_singlenode.py, Microsoft).

    Cost: fit = sum over customers of their items squared; scores = the similar items of
    everything the customer bought. Memory: 12 bytes per similarity above 0, up to
    12 × items² when all are kept; set ``neighbours`` for large catalogues.
    """

    name = "sar"
    config_class = SarConfig
    space: ClassVar[Space] = {
        "similarity": Choice(("cooccurrence", "jaccard", "lift", "cosine")),
        "half_life_days": LogUniform(14, 720),
        "threshold": Integer(1, 20, log=True),
    }

    def _fit(self, interactions: Interactions, context: FitContext) -> None:
        config, pairs, n_items = self.config, interactions.pairs, interactions.n_items
        self._affinity = shared_affinity(interactions, config.half_life_days, context)
        how = (_KINDS[config.similarity], float(config.threshold), config.neighbours)
        self._near: Neighbourhood | Compared = compared(pairs, n_items, *how, context)

    def _score(self, customers: IntArray) -> NDArray[np.float32]:
        scores = self._near.scores(self.past, self._affinity, customers)
        if self.config.normalise:
            scores /= np.maximum(scores.max(axis=1, keepdims=True, initial=0), 1e-30)
        return scores

    def _scores_of_best(
        self, customers: IntArray, k: int, history: int, allowed: BoolArray
    ) -> NDArray[np.float32]:
        if self.config.normalise or not isinstance(self._near, Compared):
            return super()._scores_of_best(customers, k, history, allowed)
        how = (k, history, allowed)
        return self._near.best_scores(self.past, self._affinity, customers, *how)

    def _state(self) -> State:
        near = self._near
        written = near.written(self.past.n_items) if isinstance(near, Compared) else near
        return {"affinity": self._affinity, **written.arrays()}

    def _restore(self, state: State) -> None:
        self._affinity = state["affinity"]
        self._near = Neighbourhood(state["start"], state["item"], state["similarity"])
