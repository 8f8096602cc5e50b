"""Item neighbours by weighted purchases: cosine or BM25."""

from typing import ClassVar, Literal

import numpy as np
from numpy.typing import NDArray
from pydantic import Field

from restock.dataset import Interactions, Pairs
from restock.dataset.catalogue import IntArray
from restock.kernels.neighbours import COSINE, COUNT
from restock.models.affinity import HalfLife, affinity, shared_affinity
from restock.models.base import BoolArray, Config, Lists, State, joined
from restock.models.context import FitContext
from restock.models.memory import peak
from restock.models.neighbours import Neighbourhood
from restock.models.rows import Rows, by_demand, item_sums
from restock.models.sharded import Counts, ShardedNeighbours, Strongest
from restock.models.space import Choice, Conditional, Integer, LogUniform, Space, Uniform


class ItemKnnConfig(Config):
    """How purchases are weighted and how many neighbours an item has."""

    weighting: Literal["cosine", "bm25"] = "bm25"
    """cosine: angle between items; bm25: dampens heavy buyers and popular items."""

    neighbours: int = Field(200, ge=1)
    """How many similar items each item keeps, itself included."""

    half_life_days: HalfLife = 180.0
    """Days after which an order line counts half; none: all lines count the same."""

    k1: float = Field(3.0, gt=0)
    """BM25 only: how late more purchases by the same customer stop adding weight."""

    b: float = Field(0.4, ge=0, le=1)
    """BM25 only: how much popular items are held back."""


class ItemKnn(ShardedNeighbours[ItemKnnConfig]):
    """Item-based nearest neighbours (Deshpande and Karypis, TOIS 2004).

    With A[c, i] the decayed number of order lines, items are compared by the dot products of
    their columns of W, where W = A / ||A_i|| (cosine) or the BM25 weights of A with items as
    documents and customers as terms (Robertson and Zaragoza, 2009):
    ``W[c, i] = idf_c A (k1 + 1) / (A + k1 (1 - b + b len_i / mean len))``,
    ``idf_c = log(1 + (n - n_c + .5) / (n_c + .5))`` with n items sold and n_c of them bought by
    c. Each item keeps its ``neighbours`` most similar ones, and ``score(c, j) = sum of
    A[c, i] S[i, j]`` over the items bought.

    Cost: fit = sum over customers of their items squared; scores = items bought × neighbours.
    """

    name = "item_knn"
    config_class = ItemKnnConfig
    space: ClassVar[Space] = {
        "weighting": Choice(("cosine", "bm25")),
        "neighbours": Integer(10, 1000, log=True),
        "half_life_days": LogUniform(14, 720),
        "k1": Conditional("weighting", ("bm25",), LogUniform(0.1, 100)),
        "b": Conditional("weighting", ("bm25",), Uniform(0, 1)),
    }

    def memory_bytes(self, interactions: Interactions) -> int:
        """The affinity of each pair, its weight where that is another one, and the neighbours."""
        config, pairs = self.config, interactions.pairs.item.size
        weights = 8 * pairs if config.weighting == "bm25" else 0
        compared = Rows.bytes_for(interactions, config.neighbours)
        return peak(interactions, 8 * pairs + weights + compared)

    def _fit(self, interactions: Interactions, context: FitContext) -> None:
        config, pairs, n_items = self.config, interactions.pairs, interactions.n_items
        self._affinity = shared_affinity(interactions, config.half_life_days, context)
        weights, shards = self._affinity, interactions.shards
        if config.weighting == "bm25":
            weights = self._bm25(pairs, weights, item_sums(pairs, weights, n_items, shards))
        self._near = Neighbourhood.of(
            pairs,
            weights,
            n_items,
            self.way.kind,
            neighbours=config.neighbours,
            threads=context.threads,
            shards=shards,
        )

    @property
    def way(self) -> Strongest:
        """Cosines of weights, or their products."""
        kind = COSINE if self.config.weighting == "cosine" else COUNT
        return Strongest(kind, 0.0, self.config.neighbours)

    def count_shard(self, shard: Interactions) -> Counts:
        """The same, and how much of each item was bought, for BM25."""
        counts = super().count_shard(shard)
        if self.config.weighting == "bm25":
            bought = affinity(shard, self.config.half_life_days)
            counts["length"] = item_sums(shard.pairs, bought, shard.n_items)
        return counts

    def rows_of_shard(self, shard: Interactions, counts: Counts) -> Rows:
        """The weights of what each customer bought."""
        pairs, weights = shard.pairs, affinity(shard, self.config.half_life_days)
        if self.config.weighting == "bm25":
            weights = self._bm25(pairs, weights, counts["length"])
        return Rows.of(pairs, weights, by_demand(counts["buyers"]), shard.n_items)

    def _fit_shard(self, shard: Interactions, counts: Counts) -> None:
        self._restore({"affinity": affinity(shard, self.config.half_life_days), **counts})

    def _bm25(
        self, pairs: Pairs, counts: NDArray[np.float64], length: NDArray[np.float64]
    ) -> NDArray[np.float64]:
        """The BM25 weight of each pair (float64, pairs); always above 0 where the count is.

        length: the sum of the counts of each item, over all customers.
        """
        k1, b, sold = self.config.k1, self.config.b, np.count_nonzero(length)
        mean_length = length.sum() / sold
        bought = np.diff(pairs.indptr)
        rarity = np.log1p((sold - bought + 0.5) / (bought + 0.5))
        damping = k1 * (1 - b + b * length[pairs.item] / mean_length)
        weight: NDArray[np.float64] = (
            rarity[pairs.customer] * counts * (k1 + 1) / (counts + damping)
        )
        return weight

    def _score(self, customers: IntArray) -> NDArray[np.float32]:
        return self._near.scores(self.past, self._affinity, customers)

    def _best(self, customers: IntArray, k: int, history: int, allowed: BoolArray) -> Lists:
        def best(first: int, last: int) -> Lists:
            who = customers[first:last]
            return self._near.best(self.past, self._affinity, who, k, history, allowed)

        return joined(best, len(customers), self.past.n_items)

    def _state(self) -> State:
        return {"affinity": self._affinity, **self._near.arrays()}

    def _restore(self, state: State) -> None:
        self._affinity = state["affinity"]
        self._near = Neighbourhood(state["start"], state["item"], state["similarity"])
