"""What a market can choose between: a model, its configuration and what it is fitted on."""

import hashlib
import json
from functools import cached_property
from typing import Any, Literal, Self

from pydantic import BaseModel, ConfigDict, Field, model_validator

from restock.models.base import Recommender
from restock.models.registry import create


class Candidate(BaseModel):
    """A recommender by name, its configuration and its scope. The one in service is the plan."""

    model_config = ConfigDict(frozen=True, extra="forbid", use_attribute_docstrings=True)

    name: str
    """Name in the registry of models."""

    config: dict[str, Any] = Field(default_factory=dict)
    """Parameters of the model; what is left out takes the model's default."""

    scope: Literal["market", "pooled"] = "market"
    """Fitted on the market's own order lines, or on those of all markets."""

    @model_validator(mode="after")
    def _can_be_created(self) -> Self:
        self.create()
        return self

    def create(self) -> Recommender[Any]:
        """The model, not fitted yet. ValueError names an unknown model or parameter."""
        return create(self.name, **self.config)

    @cached_property
    def resolved(self) -> dict[str, Any]:
        """The whole configuration, defaults included, as plain data for JSON."""
        return self.create().config.model_dump(mode="json")

    @property
    def key(self) -> str:
        """Short and stable, as ``reorder-market-1a2b3c4d``: equal for equal configurations."""
        text = json.dumps(self.resolved, sort_keys=True, separators=(",", ":"))
        return f"{self.name}-{self.scope}-{hashlib.sha256(text.encode()).hexdigest()[:8]}"

    @property
    def label(self) -> str:
        """For people: ``blend (pooled)``, or ``sar (market, half_life_days=90)``."""
        usual = create(self.name).config.model_dump(mode="json")
        unusual = {key: value for key, value in self.resolved.items() if value != usual[key]}
        short = [
            key if isinstance(value, list | dict) else f"{key}={value}"
            for key, value in unusual.items()
        ]
        return f"{self.name} ({', '.join([self.scope, *short])})"
