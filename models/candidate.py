"""What a market can choose between: a model, its configuration and what it is fitted on."""

import hashlib
import json
from functools import cached_property
from typing import Any, Literal, Self

from pydantic import BaseModel, ConfigDict, Field, model_validator

from restock.models.base import Recommender
from restock.models.registry import create

Scope = Literal["market", "pooled", "prior"]
PRIOR = "market_prior"
"""The model that stands around a member in the scope "prior"."""


class Candidate(BaseModel):
    """A recommender by name, its configuration and its scope. The one in service is the plan."""

    model_config = ConfigDict(frozen=True, extra="forbid", use_attribute_docstrings=True)

    name: str
    """Name in the registry of models."""

    config: dict[str, Any] = Field(default_factory=dict)
    """Parameters of the model; what is left out takes the model's default."""

    scope: Scope = "market"
    """What it is fitted on: the market's own order lines; those of all markets ("pooled"); or
    the latter, ranked in the light of the market's popularity and range ("prior": the model is
    the member of a ``market_prior`` with its defaults)."""

    @model_validator(mode="after")
    def _can_be_created(self) -> Self:
        self.create()
        return self

    def create(self) -> Recommender[Any]:
        """The model, not fitted yet. ValueError names an unknown model or parameter."""
        if self.scope == "prior":
            return create(PRIOR, member={"name": self.name, "config": self.config})
        return create(self.name, **self.config)

    @property
    def pooled(self) -> bool:
        """Whether it is fitted once, on the order lines of all markets."""
        return self.scope != "market"

    @cached_property
    def resolved(self) -> dict[str, Any]:
        """The model's whole configuration, defaults included, as plain data for JSON."""
        return create(self.name, **self.config).config.model_dump(mode="json")

    @property
    def key(self) -> str:
        """Short and stable, as ``reorder-market-1a2b3c4d``: equal for equal configurations.

        In the scope "prior" the prior's own parameters belong to it.
        """
        whole = self.create().config.model_dump(mode="json")
        text = json.dumps(whole, sort_keys=True, separators=(",", ":"))
        return f"{self.name}-{self.scope}-{hashlib.sha256(text.encode()).hexdigest()[:8]}"

    @property
    def label(self) -> str:
        """For people: ``blend (pooled)``, or ``sar (market, half_life_days=90)``."""
        usual = create(self.name).config.model_dump(mode="json")
        unusual = {key: value for key, value in self.resolved.items() if value != usual[key]}
        short = [
            key if isinstance(value, list | dict) else f"{key}={_short(value)}"
            for key, value in unusual.items()
        ]
        return f"{self.name} ({', '.join([self.scope, *short])})"


def _short(value: Any) -> str:
    """A value for people: a search draws numbers with sixteen digits."""
    return f"{value:.4g}" if isinstance(value, float) else str(value)
