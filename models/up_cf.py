"""What similar customers, and the customer, bought in their last baskets."""

from typing import ClassVar

import numpy as np
from numpy.typing import NDArray
from pydantic import Field

from restock.dataset import Interactions
from restock.dataset.catalogue import IntArray
from restock.models.base import Config, Recommender, State
from restock.models.context import FitContext
from restock.models.popularity import selling_now
from restock.models.similar_customers import SimilarCustomers, basket_places
from restock.models.space import Integer, LogUniform, Space, Uniform


class UpCfConfig(Config):
    """How far back a customer's taste is read, and who is heard beside."""

    recency: int = Field(10, ge=1)
    """The last baskets of a customer that tell what is bought (r)."""

    alpha: float = Field(0.25, ge=0, le=1)
    """Asymmetry of the similarity: 0.5 is the cosine, less favours neighbours who buy little."""

    locality: float = Field(5.0, gt=0)
    """Exponent of the similarity (q): more trusts only the nearest."""

    neighbours: int = Field(300, ge=1)
    """How many similar customers are heard."""

    popularity: float = Field(2.0, ge=0)
    """Weight of what sells now, in baskets: 0, as published, for what was bought alone."""


class UpCf(Recommender[UpCfConfig]):
    """UP-CF@r (Faggioli, Polato, Aiolli, "Recency Aware Collaborative Filtering for Next Basket
    Recommendation", UMAP 2020), with a say of what the market buys now.

    The user-wise popularity ``pi[c, i]`` is the share of the customer's last min(``recency``,
    baskets) baskets (orders) that hold i. With I(c) the items ever bought and
    ``w[c, d] = |I(c) ∩ I(d)| / (|I(c)|^alpha |I(d)|^(1 - alpha))``,

    ``score(c, i) = sum over d of w[c, d]^locality pi[d, i]``

    over the customer (w = 1) and the ``neighbours`` largest w of others. To pi of the items
    bought comes ``popularity / baskets counted * p / max p``, with p the market's recent order
    lines as in `popular`.

    Cost and memory: those of `tifu_knn`.
    """

    name = "up_cf"
    config_class = UpCfConfig
    space: ClassVar[Space] = {
        "recency": Integer(1, 100, log=True),
        "alpha": Uniform(0, 1),
        "locality": LogUniform(0.5, 50),
        "neighbours": Integer(10, 1000, log=True),
        "popularity": LogUniform(0.01, 10),
    }

    def memory_bytes(self, interactions: Interactions) -> int:
        """The pairs by customer and by item, and the neighbours of each customer, twice."""
        near = interactions.customers.size * self.config.neighbours
        return super().memory_bytes(interactions) + 40 * near

    def _fit(self, interactions: Interactions, context: FitContext) -> None:
        config, pairs = self.config, interactions.pairs
        place, baskets = context.once(("baskets",), lambda: basket_places(interactions))
        counted = np.minimum(config.recency, baskets)
        recent = (place >= baskets - counted) / counted
        window = np.ones(interactions.n_customers)
        window[interactions.customer] = counted
        sales = context.once(("selling now",), lambda: selling_now(interactions))
        season = config.popularity * sales / window[pairs.customer]
        self._vector = pairs.sum(recent) + season

        size = np.maximum(np.diff(pairs.indptr), 1).astype(np.float64)[pairs.customer]
        near = SimilarCustomers.of(
            interactions,
            0.5 * size**-config.alpha,
            size ** (config.alpha - 1),
            euclidean=False,
            neighbours=config.neighbours,
            threads=context.threads,
        )
        self._near = SimilarCustomers(near.start, near.near, near.weight**config.locality)

    def _score(self, customers: IntArray) -> NDArray[np.float32]:
        return self._near.scores(self.past, self._vector, 1.0, customers)

    def _state(self) -> State:
        near = self._near
        return {
            "vector": self._vector,
            "start": near.start,
            "near": near.near,
            "weight": near.weight,
        }

    def _restore(self, state: State) -> None:
        self._vector = state["vector"]
        self._near = SimilarCustomers(state["start"], state["near"], state["weight"])
