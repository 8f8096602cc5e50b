"""What is declared of an experiment before it runs, so that nothing can be chosen afterwards."""

import datetime as dt
import re
from typing import Final, Literal, Self

from pydantic import BaseModel, ConfigDict, Field, model_validator

from restock.dataset.columns import MARKET_PATTERN
from restock.evaluation.experiments.assignment import SLOTS, check_shares
from restock.evaluation.experiments.metric import Metric, metrics
from restock.evaluation.link.entry import NAME_PATTERN
from restock.models import Candidate

ARM_PATTERN: Final = r"^[a-z][a-z0-9_-]{0,29}$"
State = Literal["draft", "planned", "running", "finished"]


class Experiment(BaseModel):
    """One A/B test. It is a draft until customers are assigned, which fixes days and slots."""

    model_config = ConfigDict(frozen=True, extra="forbid", use_attribute_docstrings=True)

    schema_version: Literal[1] = 1

    name: str = Field(pattern=NAME_PATTERN)
    """Also the salt that decides the arms, and the key in the store."""

    markets: tuple[str, ...] = Field(min_length=1)

    metric: str = "revenue"
    """The primary metric, which decides."""

    guardrails: dict[str, float] = {}
    """Metric → the relative loss that is borne."""

    arms: dict[str, float]
    """Arm → its share of the experiment's customers; shares sum to 1."""

    control: str
    """The arm that others are compared with."""

    plans: dict[str, Candidate] = {}
    """Arm → the plan that its customers are shown, with its whole configuration."""

    unit: Literal["customer", "cluster"] = "customer"
    """What is assigned: customers, or whole clusters of them (stores, chains)."""

    share: float = Field(default=1.0, ge=1 / SLOTS, le=1)
    """Of the customers that take part, the others see what they always see."""

    layer: str = Field(default="main", pattern=NAME_PATTERN)
    """Experiments of one layer share no customer."""

    effect: float | None = None
    """The relative effect that it was designed to find."""

    before_days: int = Field(default=84, ge=1)
    """Days before the start that say how much each customer usually buys (CUPED)."""

    start: dt.date | None = None
    end: dt.date | None = None
    """The first day after it."""

    slots: tuple[int, int] | None = None
    """First and last slot of the layer (inclusive)."""

    @model_validator(mode="after")
    def _check(self) -> Self:
        for market in self.markets:
            if not re.fullmatch(MARKET_PATTERN, market):
                raise ValueError(f"{market!r} is no market code: 2 to 8 capital letters")
        for arm in self.arms:
            if not re.fullmatch(ARM_PATTERN, arm):
                raise ValueError(f"{arm!r} is no name of an arm: lower-case letters and digits")
        check_shares(self.arms)
        metrics(self.metric, self.guardrails)
        if self.control not in self.arms:
            raise ValueError(f"the control {self.control!r} is none of the arms {list(self.arms)}")
        if self.plans and self.plans.keys() != self.arms.keys():
            raise ValueError(f"give every arm its plan, or none: {list(self.plans)} have one")
        fixed = [self.start is None, self.end is None, self.slots is None]
        if any(fixed) != all(fixed):
            raise ValueError("start, end and slots are fixed together, when it is assigned")
        if self.start and self.end and self.end <= self.start:
            raise ValueError(f"it ends on {self.end}, not after its start on {self.start}")
        return self

    @property
    def metrics(self) -> tuple[Metric, ...]:
        """The primary metric, the guardrails, then everything else that is looked at."""
        return metrics(self.metric, self.guardrails)

    @property
    def period(self) -> tuple[dt.date, dt.date]:
        """Start and end. ValueError while it is a draft."""
        if self.start is None or self.end is None:
            raise ValueError(
                f"{self.name} is a draft: assign its customers first, with "
                f"restock experiment assign {self.name} --start DAY"
            )
        return self.start, self.end

    def state(self, day: dt.date) -> State:
        """How it stands at the start of a day."""
        if self.start is None or self.end is None:
            return "draft"
        return "planned" if day <= self.start else "running" if day < self.end else "finished"
