"""A weighted hybrid: several models vote on one scale."""

from collections.abc import Sequence

import numpy as np
from numpy.typing import NDArray
from pydantic import Field

from restock.dataset.catalogue import IntArray
from restock.kernels.mixing import add_scaled
from restock.models.base import Config
from restock.models.hybrid import Hybrid, Member, Members


class Vote(Member):
    """A member and what its vote weighs."""

    weight: float = Field(1.0, gt=0)
    """Weight of the member's scores, after each customer's best is scaled to 1."""


class BlendConfig(Config):
    """Who votes."""

    members: Members[Vote] = (
        Vote(name="reorder", weight=1.0),
        Vote(name="item_knn", weight=0.4),
        Vote(name="popular", weight=0.05),
    )
    """The members."""


class Blend(Hybrid[BlendConfig]):
    """``score(c, j) = sum over members m of w_m s_m(c, j) / max_j s_m(c, j)``.

    The weighted hybrid of Burke ("Hybrid Recommender Systems", UMUAI 2002) over scores scaled
    by the best of each customer. A member without evidence for an item adds nothing; an item
    that no member knows is left to the fallback. Cost: that of the members, and one pass over
    (customers × items) for each.
    """

    name = "blend"
    config_class = BlendConfig

    def _members(self) -> Sequence[Member]:
        return self.config.members

    def _score(self, customers: IntArray) -> NDArray[np.float32]:
        total = np.full((customers.size, self.past.n_items), -np.inf)
        for vote, model in zip(self.config.members, self.models, strict=True):
            add_scaled(total, model.scores(customers), vote.weight)
        return total.astype(np.float32)
