"""A weighted hybrid: several models vote on one scale."""

from typing import Any, ClassVar

import numpy as np
from numpy.typing import NDArray
from pydantic import Field, ValidationInfo, field_validator

from restock.dataset import Interactions
from restock.dataset.catalogue import IntArray
from restock.kernels.mixing import add_scaled
from restock.models.base import Config, Recommender, State
from restock.models.context import FitContext
from restock.models.registry import create


class Member(Config):
    """A model of the blend, by name, and what its vote weighs."""

    name: str
    """Name in the registry; a blend may hold blends."""

    config: dict[str, Any] = Field(default_factory=dict, validate_default=True)
    """The member's configuration; what is left out takes the member's default."""

    weight: float = Field(1.0, gt=0)
    """Weight of the member's scores, after each customer's best is scaled to 1."""

    @field_validator("config")
    @classmethod
    def _resolve(cls, config: dict[str, Any], info: ValidationInfo) -> dict[str, Any]:
        if "name" not in info.data:  # already refused
            return config
        return create(info.data["name"], **config).config.model_dump(mode="json")

    def create(self) -> Recommender[Any]:
        """The member, not fitted yet."""
        return create(self.name, **self.config)


class BlendConfig(Config):
    """Who votes."""

    members: tuple[Member, ...] = Field(
        (
            Member(name="reorder", weight=1.0),
            Member(name="item_knn", weight=0.4),
            Member(name="popular", weight=0.05),
        ),
        min_length=1,
    )
    """The members."""


class Blend(Recommender[BlendConfig]):
    """``score(c, j) = sum over members m of w_m s_m(c, j) / max_j s_m(c, j)``.

    The weighted hybrid of Burke ("Hybrid Recommender Systems", UMUAI 2002) over scores scaled
    by the best of each customer. A member without evidence for an item adds nothing; an item
    that no member knows is left to the fallback. Cost: that of the members, and one pass over
    (customers × items) for each.
    """

    name = "blend"
    config_class = BlendConfig
    space: ClassVar = {}

    def _fit(self, interactions: Interactions, context: FitContext) -> None:
        self._members = [member.create() for member in self.config.members]
        for member in self._members:
            member._past = self.past
            member._fit(interactions, context)

    def _score(self, customers: IntArray) -> NDArray[np.float32]:
        total = np.full((customers.size, self.past.n_items), -np.inf)
        for member, model in zip(self.config.members, self._members, strict=True):
            add_scaled(total, model.scores(customers), member.weight)
        return total.astype(np.float32)

    def _state(self) -> State:
        return {
            f"{at}.{key}": array
            for at, model in enumerate(self._members)
            for key, array in model._state().items()
        }

    def _restore(self, state: State) -> None:
        self._members = [member.create() for member in self.config.members]
        for at, model in enumerate(self._members):
            prefix = f"{at}."
            model._past = self.past
            model._restore(
                {key.removeprefix(prefix): v for key, v in state.items() if key.startswith(prefix)}
            )
