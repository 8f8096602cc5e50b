"""The card of a model: what it is, what it was fitted on, what it is for, where it ends."""

import datetime as dt
import json
import math
from collections.abc import Mapping
from importlib.metadata import version
from typing import Any, Literal, Self

import numpy as np
from pydantic import BaseModel, ConfigDict

from restock.dataset import Interactions
from restock.dataset.interactions import day_of
from restock.models import Recommender
from restock.models.presets import SMALL

INTENDED_USE = (
    "Which products to offer next to shops that order again and again, as a ranked list for each "
    "customer: in a web shop, in a mailing, to a sales person. Not to set prices, limits or "
    "credit, and not to judge people."
)
LIMITS = (
    "It knows nothing from {as_of} on; refit it as orders come in.",
    "It lists whatever was ever ordered: what is out of stock or not sold here must be filtered.",
    "Customers without an order get what is popular in their market, marked as fallback.",
    "Scores rank the items of one customer. Unless the model's page says more, those of two "
    "customers or two models do not compare.",
)


class ModelCard(BaseModel):
    """Plain values, as JSON and as Markdown.

    first_day, last_day: of the order lines it was fitted on. as_of: the first day that it
    does not know. markets: market → customers with an order. metrics: as given by who
    logged it. version: of restock.
    """

    model_config = ConfigDict(frozen=True, extra="forbid")

    schema_version: Literal[1] = 1
    name: str
    version: str
    config: dict[str, Any]
    first_day: dt.date
    last_day: dt.date
    as_of: dt.date
    lines: int
    customers: int
    items: int
    markets: dict[str, int]
    catalogue_hash: str
    metrics: dict[str, float]
    intended_use: str
    limits: tuple[str, ...]

    @classmethod
    def of(
        cls,
        model: Recommender[Any],
        interactions: Interactions,
        metrics: Mapping[str, float] | None = None,
        intended_use: str = INTENDED_USE,
    ) -> Self:
        """The card of a model that was fitted on these interactions. ValueError on others."""
        if not _fitted_on(model, interactions):
            raise ValueError(
                f"this {model.name} was fitted on other interactions: give those that it was "
                "fitted on, cut and selected as they were then (before, of_market)"
            )
        catalogue = interactions.catalogue
        sizes = np.bincount(
            catalogue.customer_market[interactions.customers], minlength=len(catalogue.markets)
        )
        markets = {m: int(n) for m, n in zip(catalogue.markets, sizes, strict=True) if n}
        return cls(
            name=model.name,
            version=version("restock"),
            config=model.config.model_dump(mode="json"),
            first_day=day_of(interactions.minute.min()),
            last_day=day_of(interactions.minute.max()),
            as_of=interactions.as_of_date,
            lines=len(interactions),
            customers=interactions.customers.size,
            items=np.unique(interactions.item).size,
            markets=markets,
            catalogue_hash=catalogue.hash,
            metrics={k: float(v) for k, v in (metrics or {}).items() if math.isfinite(v)},
            intended_use=intended_use,
            limits=_limits(interactions.as_of_date, markets),
        )

    def markdown(self) -> str:
        """For people."""
        config = [f"- `{name}`: `{json.dumps(value)}`" for name, value in self.config.items()]
        metrics = [f"| {name} | {value:.4g} |" for name, value in self.metrics.items()]
        markets = [f"| {name} | {customers:,} |" for name, customers in self.markets.items()]
        return "\n".join(
            [
                f"# {self.name}",
                f"\nA recommender of restock {self.version}.",
                f"\n## Intended use\n\n{self.intended_use}",
                "\n## Limits\n",
                *(f"- {limit}" for limit in self.limits),
                "\n## Data\n",
                f"{self.lines:,} order lines of {self.customers:,} customers and {self.items:,} "
                f"items, from {self.first_day} to {self.last_day}; nothing from {self.as_of} on.",
                "\n| market | customers |\n| --- | ---: |",
                *markets,
                "\n## Metrics\n",
                *(["| metric | value |\n| --- | ---: |", *metrics] if metrics else ["None given."]),
                "\n## Configuration\n",
                *config,
                "",
            ]
        )


def _fitted_on(model: Recommender[Any], interactions: Interactions) -> bool:
    """Whether the codes mean the same, and the model knows the same customers' same items."""
    past, pairs = model.past, interactions.pairs
    return (
        past.catalogue_hash == interactions.catalogue.hash
        and np.array_equal(past.bought_indptr, pairs.indptr)
        and np.array_equal(past.bought_items, pairs.item)
    )


def _limits(as_of: dt.date, markets: Mapping[str, int]) -> tuple[str, ...]:
    limits = tuple(limit.format(as_of=as_of) for limit in LIMITS)
    small = [market for market, customers in markets.items() if customers < SMALL]
    if not small:
        return limits
    return (
        *limits,
        f"Fewer than {SMALL} customers ordered in {', '.join(small)}: figures of such a market "
        "alone say little.",
    )
