"""The shapes of what the service answers, as its OpenAPI document shows them."""

import datetime as dt
from typing import Literal

from pydantic import BaseModel, ConfigDict, Field

Status = Literal["starting", "empty", "ready", "degraded"]


class _Shape(BaseModel):
    model_config = ConfigDict(frozen=True, extra="forbid", use_attribute_docstrings=True)


class Item(_Shape):
    """One item of a list."""

    rank: int = Field(ge=1)
    item_id: str
    item_name: str | None
    score: float
    """Comparable within one list only."""
    bought_before: bool
    reason: str
    """For people, as in "ordered 3 times, last on 2011-11-18"."""


class Publication(_Shape):
    """Where a list comes from."""

    token: str
    as_of: dt.date
    """The first day that the model did not know."""
    model: str
    """Hash of the model in the store."""
    plan: str


class CustomerList(_Shape):
    """What one customer is offered: all items of one publication, best first."""

    market: str
    customer: str
    fallback: bool
    """The customer is not in the publication: this is what is popular in the market."""
    publication: Publication
    items: list[Item]


class MarketState(_Shape):
    """What is served in one market."""

    market: str
    token: str
    as_of: dt.date
    plan: str
    k: int
    """How long the published lists are: the most that ``k`` of a request can be."""
    customers: int
    published: dt.datetime
    age_seconds: float
    """Since it became current."""


class Health(_Shape):
    """Whether the service can answer, and what is wrong."""

    status: Status
    """starting: the first look is under way. empty: nothing is published. degraded: it answers,
    and there are problems."""
    markets: list[MarketState]
    problems: dict[str, str]
    """What is wrong, by market; ``store``, ``look`` and ``exposures`` beside them."""
    looked_seconds_ago: float | None
    """Since all markets were looked at."""
    exposures_waiting: int
    """Ended files of exposures on this machine that the store has not taken yet."""


class Alive(_Shape):
    """The process answers."""

    status: Literal["alive"] = "alive"


class Problem(_Shape):
    """Why a request was not answered, and what would be."""

    detail: str


class Ask(BaseModel):
    """The parameters of a request for a list."""

    model_config = ConfigDict(frozen=True, extra="forbid", use_attribute_docstrings=True)

    k: int | None = Field(default=None, ge=1, le=1000)
    """How many items; the published length by default, which is also the most."""
    log: bool = True
    """false: nobody is shown this list (a test, a look by support); it is no exposure."""
