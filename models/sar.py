"""Smart Adaptive Recommendations: what goes with what the customer bought."""

from typing import ClassVar, Literal

import numpy as np
from numpy.typing import NDArray
from pydantic import Field

from restock.dataset import Interactions
from restock.dataset.catalogue import IntArray
from restock.kernels.neighbours import COSINE, COUNT, JACCARD, LIFT
from restock.kernels.policy import threads
from restock.models.affinity import HalfLife, affinity, shared_affinity
from restock.models.base import (
    CELLS_PER_BLOCK,
    BoolArray,
    Config,
    Lists,
    State,
    joined,
)
from restock.models.co_occurrence import Compared, CoOccurrence, compared, in_tiles, levels_of
from restock.models.context import FitContext
from restock.models.memory import peak, similarities
from restock.models.neighbours import Neighbourhood
from restock.models.rows import BYTES_PER_ENTRY, Rows, by_demand, places_of
from restock.models.sharded import Counts, ShardedNeighbours, Strongest
from restock.models.space import Choice, Integer, LogUniform, Space
from restock.models.triangle import Triangle

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


class Sar(ShardedNeighbours[SarConfig]):
    """Microsoft's SAR: a customer's affinities times the similarities of items.

    With C[i, j] the number of customers who bought both i and j (set to 0 below
    ``threshold``), the similarity S is C itself (cooccurrence), C / (C_ii + C_jj - C)
    (jaccard), C / (C_ii C_jj) (lift) or C / sqrt(C_ii C_jj) (cosine). The affinity A[c, i] is
    the number of order lines, each counted as 0.5 ** (age / half_life). ``score = A S``.
    Ages count from the cut-off. ``normalise`` is the published rescaling for ratings of 1 on
    a scale from 0 to 1. As in `recommenders` (sar_singlenode.py, Microsoft).

    Cost: fit = sum over customers of their items squared; scores = the similar items of
    everything the customer bought. Memory: when all are kept, about 2 × items² bytes where most
    items have customers in common; else 12 bytes per similarity above 0. Set ``neighbours`` for
    large catalogues.
    """

    name = "sar"
    config_class = SarConfig
    space: ClassVar[Space] = {
        "similarity": Choice(("cooccurrence", "jaccard", "lift", "cosine")),
        "half_life_days": LogUniform(14, 720),
        "threshold": Integer(1, 20, log=True),
    }

    def memory_bytes(self, interactions: Interactions) -> int:
        """The affinity of each pair, what is counted, and the customers of each item meanwhile."""
        pairs, kept = interactions.pairs, self.config.neighbours
        buyers = np.bincount(pairs.item)
        sold, size = int(np.count_nonzero(buyers)), pairs.item.size
        if kept is not None:
            compared = 8 * size + Rows.bytes_for(interactions, kept)
        elif in_tiles(pairs, sold):
            compared = 12 * size + CoOccurrence.bytes_for(buyers, size)
        else:  # entries, and once more while blocks of them are joined
            compared = 28 * size + 2 * BYTES_PER_ENTRY * similarities(pairs, sold)
        return peak(interactions, 8 * size + compared)

    def _fit(self, interactions: Interactions, context: FitContext) -> None:
        config, pairs, n_items = self.config, interactions.pairs, interactions.n_items
        self._affinity = shared_affinity(interactions, config.half_life_days, context)
        how = (_KINDS[config.similarity], float(config.threshold), config.neighbours)
        self._near: Neighbourhood | Compared = compared(pairs, n_items, *how, context)

    @property
    def way(self) -> Strongest | Triangle:
        """A fit by shards knows no sparse matrix: where all are kept, they come to tiles."""
        if self.config.neighbours is None:
            return Triangle()
        kind, threshold = _KINDS[self.config.similarity], float(self.config.threshold)
        return Strongest(kind, threshold, self.config.neighbours)

    def rows_of_shard(self, shard: Interactions, counts: Counts) -> Rows:
        """What each customer bought, all counting the same."""
        return Rows.of(shard.pairs, None, by_demand(counts["buyers"]), shard.n_items)

    def _fit_shard(self, shard: Interactions, counts: Counts) -> None:
        config = self.config
        self._affinity = affinity(shard, config.half_life_days)
        if config.neighbours is not None:
            self._near = Neighbourhood(counts["start"], counts["item"], counts["similarity"])
            return
        order = by_demand(counts["buyers"])
        places = places_of(order, shard.n_items)[shard.pairs.item]
        buyers = counts["buyers"][order].astype(np.float64)
        together = CoOccurrence(order, buyers, places, levels_of(counts))
        self._near = Compared(together, _KINDS[config.similarity], float(config.threshold))

    def _score(self, customers: IntArray) -> NDArray[np.float32]:
        scores = self._near.scores(self.past, self._affinity, customers)
        if self.config.normalise:
            scores /= np.maximum(scores.max(axis=1, keepdims=True, initial=0), 1e-30)
        return scores

    def _best(self, customers: IntArray, k: int, history: int, allowed: BoolArray) -> Lists:
        if self.config.normalise:  # changes scores, so that they must be known
            return super()._best(customers, k, history, allowed)

        def best(first: int, last: int) -> Lists:
            who = customers[first:last]
            return self._near.best(self.past, self._affinity, who, k, history, allowed)

        cells = self.past.n_items
        if isinstance(self._near, Compared):  # a block for each thread
            cells = max(self._near.bounds, CELLS_PER_BLOCK * threads() // max(len(customers), 1))
        return joined(best, len(customers), cells)

    def _state(self) -> State:
        near = self._near
        if isinstance(near, Compared):  # the counts follow from what was bought, which is kept
            buyers = np.bincount(self.past.bought_items, minlength=self.past.n_items)
            if (near.together.buyers != buyers[near.together.order]).any():
                raise ValueError(
                    "sar: one shard's part of a fit knows its own customers alone, and the counts "
                    "do not follow from them: save the whole fit, or one with neighbours"
                )
            return {"affinity": self._affinity}
        return {"affinity": self._affinity, **near.arrays()}

    def _restore(self, state: State) -> None:
        self._affinity = state["affinity"]
        if "start" in state:
            self._near = Neighbourhood(state["start"], state["item"], state["similarity"])
            return
        past, config = self.past, self.config
        bought = (past.bought_indptr, past.bought_items, past.n_items)
        together = CoOccurrence.of(*bought, threads())
        self._near = Compared(together, _KINDS[config.similarity], float(config.threshold))
