"""Recommenders over recommenders: what blend, cascade, switch and rerank have in common."""

from abc import abstractmethod
from collections.abc import Sequence
from typing import Annotated, Any, TypeVar

from pydantic import AfterValidator, Field, ValidationInfo, field_validator

from restock.dataset import Interactions
from restock.models.base import Config, Recommender, State
from restock.models.context import FitContext
from restock.models.memory import peak
from restock.models.registry import create
from restock.models.requirements import check_extras


class Member(Config):
    """A model inside another, by name and configuration."""

    name: str
    """Name in the registry; a hybrid may hold hybrids."""

    config: dict[str, Any] = Field(default_factory=dict, validate_default=True)
    """The member's configuration; what is left out takes the member's default."""

    @field_validator("config")
    @classmethod
    def _resolve(cls, config: dict[str, Any], info: ValidationInfo) -> dict[str, Any]:
        if "name" not in info.data:  # already refused
            return config
        return create(info.data["name"], **config).config.model_dump(mode="json")

    def create(self) -> Recommender[Any]:
        """The member, not fitted yet."""
        return create(self.name, **self.config)


H = TypeVar("H", bound=Config)
M = TypeVar("M", bound=Member)


def _some(members: tuple[M, ...]) -> tuple[M, ...]:
    if not members:
        raise ValueError("at least one is needed")
    return members


Members = Annotated[tuple[M, ...], AfterValidator(_some)]
"""The members of a hybrid: at least one. Counted after each was checked, so that a mistake
inside a member is told as what it is (``min_length`` would also find the tuple too short)."""


class Hybrid(Recommender[H]):
    """Checks, fits, saves and restores its members as parts of one model.

    A subclass says who they are (``_members``) and scores with ``self.models``, which are
    fitted in that order. One that learns more than its members extends ``_fit``, ``_state``
    and ``_restore``.
    """

    @abstractmethod
    def _members(self) -> Sequence[Member]:
        """The members, from the config."""

    def check(self, interactions: Interactions, context: FitContext) -> None:
        """A hybrid can be fitted where all of its members can."""
        super().check(interactions, context)
        for member in self._members():
            model = member.create()
            check_extras(model.name, model.extras)
            model.check(interactions, context)

    def memory_bytes(self, interactions: Interactions) -> int:
        """What every fit makes is made once; of what a member makes about half stays with it."""
        each = [member.create().memory_bytes(interactions) for member in self._members()]
        common = peak(interactions, 0)
        own = [max(one - common, 0) for one in each]
        return max(common + (sum(own) + max(own)) // 2, max(each))

    def _fit(self, interactions: Interactions, context: FitContext) -> None:
        self.models = self._fit_members(interactions, context)

    def _fit_members(
        self, interactions: Interactions, context: FitContext
    ) -> list[Recommender[Any]]:
        models = [member.create() for member in self._members()]
        for model in models:
            model._past = self.past
            model._learn(interactions, context)
        return models

    def _state(self) -> State:
        return {
            f"{at}.{key}": array
            for at, model in enumerate(self.models)
            for key, array in model._state().items()
        }

    def _restore(self, state: State) -> None:
        self.models = [member.create() for member in self._members()]
        for at, model in enumerate(self.models):
            prefix = f"{at}."
            model._past = self.past
            model._restore(
                {key.removeprefix(prefix): v for key, v in state.items() if key.startswith(prefix)}
            )
