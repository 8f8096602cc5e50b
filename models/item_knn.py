"""Item neighbours by weighted purchases: cosine or BM25."""

from typing import ClassVar, Literal

import numpy as np
from numpy.typing import NDArray
from pydantic import Field

from restock.dataset import Interactions, Pairs
from restock.dataset.catalogue import IntArray
from restock.kernels.neighbours import COSINE, COUNT
from restock.models.affinity import HalfLife, shared_affinity
from restock.models.base import Config, Recommender, State
from restock.models.context import FitContext
from restock.models.neighbours import Neighbourhood
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


class ItemKnn(Recommender[ItemKnnConfig]):
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

    def _fit(self, interactions: Interactions, context: FitContext) -> None:
        config, pairs, n_items = self.config, interactions.pairs, interactions.n_items
        self._affinity = shared_affinity(interactions, config.half_life_days, context)
        weights, kind = self._affinity, COSINE
        if config.weighting == "bm25":
            weights, kind = bm25(pairs, weights, n_items, config.k1, config.b), COUNT
        self._near = Neighbourhood.of(
            pairs,
            weights,
            n_items,
            kind,
            neighbours=config.neighbours,
            threads=context.threads,
        )

    def _score(self, customers: IntArray) -> NDArray[np.float32]:
        return self._near.scores(self.past, self._affinity, customers)

    def _state(self) -> State:
        return {"affinity": self._affinity, **self._near.arrays()}

    def _restore(self, state: State) -> None:
        self._affinity = state["affinity"]
        self._near = Neighbourhood(state["start"], state["item"], state["similarity"])


def bm25(
    pairs: Pairs, counts: NDArray[np.float64], n_items: int, k1: float, b: float
) -> NDArray[np.float64]:
    """The BM25 weight of each pair (float64, pairs); always above 0 where the count is."""
    length = np.bincount(pairs.item, weights=counts, minlength=n_items)
    sold = np.count_nonzero(length)
    mean_length = length.sum() / sold
    bought = np.diff(pairs.indptr)
    rarity = np.log1p((sold - bought + 0.5) / (bought + 0.5))
    damping = k1 * (1 - b + b * length[pairs.item] / mean_length)
    weight: NDArray[np.float64] = rarity[pairs.customer] * counts * (k1 + 1) / (counts + damping)
    return weight
