"""Smart Adaptive Recommendations: what goes with what the customer bought."""

from typing import ClassVar, Literal

import numpy as np
from numpy.typing import NDArray
from pydantic import Field

from restock.dataset import Interactions
from restock.dataset.catalogue import IntArray
from restock.kernels.neighbours import COSINE, COUNT, JACCARD, LIFT
from restock.models.affinity import HalfLife, shared_affinity
from restock.models.base import Config, Recommender, State
from restock.models.context import FitContext
from restock.models.neighbours import BYTES_PER_ENTRY, Compared, Neighbourhood
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
        self._near: Neighbourhood | Compared
        self._affinity = shared_affinity(interactions, config.half_life_days, context)
        threshold, neighbours = float(config.threshold), config.neighbours
        kind = _KINDS[config.similarity]
        buyers = np.bincount(pairs.item, minlength=n_items).astype(np.float64)

        def compare(kind: int, threshold: float, neighbours: int | None) -> Neighbourhood:
            return Neighbourhood.of(
                pairs,
                np.ones(pairs.item.size),
                n_items,
                kind,
                threshold=threshold,
                neighbours=neighbours,
                threads=context.threads,
            )

        if context.keeps(BYTES_PER_ENTRY * int(np.count_nonzero(buyers)) ** 2):
            counts = context.once(("co-occurrence",), lambda: compare(COUNT, 1, None))
            near = Compared(counts, buyers, kind, threshold)
            written = neighbours is not None or not near.dense
            self._near = near.written(neighbours) if written else near
        else:
            self._near = compare(kind, threshold, neighbours)

    def _score(self, customers: IntArray) -> NDArray[np.float32]:
        scores = self._near.scores(self.past, self._affinity, customers)
        if self.config.normalise:
            scores /= np.maximum(scores.max(axis=1, keepdims=True, initial=0), 1e-30)
        return scores

    def _state(self) -> State:
        return {"affinity": self._affinity, **self._near.arrays()}

    def _restore(self, state: State) -> None:
        self._affinity = state["affinity"]
        self._near = Neighbourhood(state["start"], state["item"], state["similarity"])
