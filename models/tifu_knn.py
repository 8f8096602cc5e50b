"""Personal item frequency, decayed by groups of baskets, and that of similar customers."""

from collections.abc import Mapping
from typing import Any, ClassVar, Literal

import numpy as np
from numpy.typing import NDArray
from pydantic import Field

from restock.dataset import Interactions
from restock.dataset.catalogue import IntArray
from restock.models.base import Config, Recommender, State
from restock.models.context import FitContext
from restock.models.popularity import selling_now
from restock.models.similar_customers import (
    SimilarCustomers,
    basket_places,
)
from restock.models.space import Choice, Integer, LogUniform, Space, Uniform


class TifuKnnConfig(Config):
    """How a habit fades from basket to basket, and how much similar customers say."""

    groups: int = Field(15, ge=1)
    """Groups into which a customer's baskets are divided, in order of time."""

    within_decay: float = Field(1.0, gt=0, le=1)
    """What a basket counts of the next one in its group."""

    group_decay: float = Field(0.8, gt=0, le=1)
    """What a group counts of the next one."""

    alpha: float = Field(0.8, ge=0, le=1)
    """Weight of the customer's own vector; the rest is that of the neighbours."""

    similarity: Literal["cosine", "euclidean"] = "cosine"
    """How neighbours are found: by the angle of the vectors or, as published, their distance."""

    neighbours: int = Field(100, ge=1)
    """How many similar customers are asked."""

    popularity: float = Field(2.0, ge=0)
    """Weight of what sells now, in baskets of today: 0, as published, for habit alone."""


class TifuKnn(Recommender[TifuKnnConfig]):
    """TIFU-KNN (Hu et al., "Modeling Personalized Item Frequency Information for Next-basket
    Recommendation", SIGIR 2020), with a say of what the market buys now.

    A customer's b baskets (orders) are divided in order of time into m = min(``groups``, b)
    groups whose sizes differ by one at most, the larger ones last. With v_j the 0/1 vector of
    the j-th basket of group i, of n_i baskets, and p the market's recent order lines as in
    `popular`,

    ``g_i = sum_j within_decay^(n_i - j) v_j / n_i``,
    ``u = sum_i group_decay^(m - i) g_i / m``,
    ``u' = u + popularity / m * p / max p`` on the items bought, and
    ``score = alpha u' + (1 - alpha) mean of the neighbours' u'``.

    Neighbours are the other customers nearest to u. The preset ``published`` is the paper's
    model: Euclidean distance and no popularity.

    Cost: fit = sum over items of their customers squared, and customers squared; no
    (customers × customers) matrix. Scores = the items of the neighbours. Memory: 20 bytes per
    customer and neighbour.
    """

    name = "tifu_knn"
    config_class = TifuKnnConfig
    space: ClassVar[Space] = {
        "groups": Integer(2, 60, log=True),
        "within_decay": Uniform(0.6, 1),
        "group_decay": Uniform(0.6, 1),
        "alpha": Uniform(0.1, 0.95),
        "similarity": Choice(("cosine", "euclidean")),
        "neighbours": Integer(10, 1000, log=True),
        "popularity": LogUniform(0.01, 10),
    }
    presets: ClassVar[Mapping[str, Mapping[str, Any]]] = {
        "published": {
            "alpha": 0.5,
            "similarity": "euclidean",
            "neighbours": 300,
            "popularity": 0.0,
        },
    }

    def memory_bytes(self, interactions: Interactions) -> int:
        """The pairs by customer and by item, and the neighbours of each customer, twice."""
        near = interactions.customers.size * self.config.neighbours
        return super().memory_bytes(interactions) + 40 * near

    def _fit(self, interactions: Interactions, context: FitContext) -> None:
        config, pairs = self.config, interactions.pairs
        place, baskets = context.once(("baskets",), lambda: basket_places(interactions))
        lines, used = line_weights(
            place, baskets, config.groups, config.within_decay, config.group_decay
        )
        vector = pairs.sum(lines)
        unit = vector
        if config.similarity == "cosine":
            square = np.bincount(pairs.customer, vector * vector, interactions.n_customers)
            unit = vector / np.sqrt(square[pairs.customer])
        near = SimilarCustomers.of(
            interactions,
            unit,
            unit,
            euclidean=config.similarity == "euclidean",
            neighbours=config.neighbours,
            threads=context.threads,
        )
        groups = np.ones(interactions.n_customers)
        groups[interactions.customer] = used
        sales = context.once(("selling now",), lambda: selling_now(interactions))
        season = config.popularity * sales / groups[pairs.customer]
        self._take(vector + season, near.start, near.near)

    def _take(self, vector: NDArray[np.float64], start: NDArray[np.int64], near: IntArray) -> None:
        """Keep the vectors and let every neighbour say the same."""
        self._vector = vector
        count = np.diff(start)
        share = np.repeat((1.0 - self.config.alpha) / np.maximum(count, 1), count)
        self._near = SimilarCustomers(start, near, share)

    def _score(self, customers: IntArray) -> NDArray[np.float32]:
        return self._near.scores(self.past, self._vector, self.config.alpha, customers)

    def _state(self) -> State:
        return {"vector": self._vector, "start": self._near.start, "near": self._near.near}

    def _restore(self, state: State) -> None:
        self._take(state["vector"], state["start"], state["near"])


def line_weights(
    place: NDArray[np.int64],
    baskets: NDArray[np.int64],
    groups: int,
    within_decay: float,
    group_decay: float,
) -> tuple[NDArray[np.float64], NDArray[np.int64]]:
    """What each order line adds to its customer's vector, and the customer's groups (lines).

    place, baskets: those of ``basket_places``.
    """
    used = np.minimum(groups, baskets)
    small, larger = baskets // used, baskets % used  # the last ``larger`` groups have one more
    edge = (used - larger) * small  # baskets before them
    late = place >= edge
    size = small + late
    group = np.where(late, used - larger + (place - edge) // size, place // size)
    within = np.where(late, (place - edge) % size, place % size)
    decay = group_decay ** (used - 1 - group) * within_decay ** (size - 1 - within)
    return decay / (size * used), used
