"""A parallel hybrid: who serves this customer, and whose turn is this place?"""

from collections.abc import Sequence
from typing import Annotated, ClassVar, Self

import numpy as np
from numpy.typing import NDArray
from pydantic import Field, model_validator

from restock.dataset import Interactions
from restock.dataset.catalogue import IntArray
from restock.dataset.columns import MARKET_PATTERN
from restock.kernels.merging import by_pattern
from restock.models.base import _HISTORY, BoolArray, Config, History, State
from restock.models.context import FitContext
from restock.models.hybrid import Member, Members
from restock.models.merged import Merged
from restock.models.space import Choice, Space

Market = Annotated[str, Field(pattern=MARKET_PATTERN)]


class Turn(Member):
    """A member, whom it serves, and what it may offer. Without a condition it serves everybody."""

    markets: tuple[Market, ...] = ()
    """Codes of the markets whose customers it serves; empty: of all."""

    feature: str | None = None
    """A customer feature that decides, such as ``orders``, ``spend`` or one of your own."""

    at_least: float | None = None
    """Serves customers whose feature is not below this."""

    below: float | None = None
    """Serves customers whose feature is below this."""

    history: History = "any"
    """What it may offer: anything, only what the customer bought before, or only what is new."""

    @model_validator(mode="after")
    def _whole(self) -> Self:
        bounded = self.at_least is not None or self.below is not None
        if bounded != (self.feature is not None):
            raise ValueError("a condition needs both: a feature, and at_least or below")
        if self.at_least is not None and self.below is not None and self.at_least >= self.below:
            raise ValueError(
                f"at_least {self.at_least:g} must be less than below {self.below:g}: "
                "no value fulfils both"
            )
        return self


class SwitchConfig(Config):
    """Who serves whom, and in which places."""

    members: Members[Turn] = (Turn(name="blend"), Turn(name="item_knn", history="new"))
    """The members: a place goes to the first that serves the customer and has an item left."""

    pattern: tuple[int, ...] = Field((0,), min_length=1)
    """Whose turn each place is (members count from 0), repeated to the end of a list."""

    @model_validator(mode="after")
    def _known(self) -> Self:
        if not all(0 <= turn < len(self.members) for turn in self.pattern):
            raise ValueError(f"pattern {self.pattern} must name members 0..{len(self.members) - 1}")
        return self


class Switch(Merged[SwitchConfig]):
    """Every place of a list goes to one member; conditions and a pattern say to which.

    ``item at place p = next of m's list``, where m is member ``pattern[p mod n]`` if it serves
    this customer and has an item left that is allowed and not listed, else the first member
    that does. This is the switching hybrid of Burke ("Hybrid Recommender Systems", UMUAI
    2002) where conditions decide, and his mixed hybrid where the pattern does; lists of 5 are
    the start of lists of 10. A customer's market and features are those known at the fit; an
    unknown feature fulfils no condition. Scores are 1 / place. Cost: that of the members for
    the customers that they serve, and a merge.
    """

    name = "switch"
    config_class = SwitchConfig
    space: ClassVar[Space] = {
        "pattern": Choice(((0,), (0, 0, 0, 0, 1), (0, 0, 0, 1), (0, 0, 1), (0, 1)))
    }

    def _members(self) -> Sequence[Member]:
        return self.config.members

    def check(self, interactions: Interactions, context: FitContext) -> None:
        """Also refuses a condition on a feature that is not there."""
        super().check(interactions, context)
        self._served(interactions)

    def _fit(self, interactions: Interactions, context: FitContext) -> None:
        super()._fit(interactions, context)
        self._serving = self._served(interactions)

    def _served(self, interactions: Interactions) -> BoolArray:
        """Who serves whom: bool (members × customers)."""
        members, catalogue = self.config.members, interactions.catalogue
        serving = np.ones((len(members), interactions.n_customers), dtype=bool)
        for row, member in zip(serving, members, strict=True):
            if member.markets:
                row &= np.isin(catalogue.markets, member.markets)[catalogue.customer_market]
            if member.feature is not None:
                value = _feature(interactions, member.feature)
                row &= value >= (-np.inf if member.at_least is None else member.at_least)
                row &= value < (np.inf if member.below is None else member.below)
        return serving

    def _serves(self, member: int, customers: IntArray) -> BoolArray:
        return self._serving[member, customers]

    def _histories(self) -> Sequence[int]:
        return [_HISTORY[member.history] for member in self.config.members]

    def _merge(self, items: NDArray[np.int32]) -> NDArray[np.float32]:
        pattern = np.array(self.config.pattern, dtype=np.int64)
        scores: NDArray[np.float32] = by_pattern(items, pattern, self.past.n_items)
        return scores

    def _state(self) -> State:
        return super()._state() | {"serving": self._serving}

    def _restore(self, state: State) -> None:
        super()._restore(state)
        self._serving = state["serving"]


def _feature(interactions: Interactions, name: str) -> NDArray[np.float32]:
    """One customer feature (float32, customers); ValueError when there is none of this name."""
    table = interactions.features.read("customer", interactions)
    if name not in table.names:
        raise ValueError(
            f"switch: there is no customer feature {name!r}; known: {', '.join(table.names)}"
        )
    return table.values[:, table.names.index(name)]
