"""What is written down of an experiment: what it measured, and what was foretold before it."""

import datetime as dt
import math
import re
from typing import Final, Literal, Self

from pydantic import BaseModel, ConfigDict, Field, model_validator

from restock.dataset.columns import MARKET_PATTERN
from restock.evaluation.metrics import parse_name

NAME_PATTERN: Final = r"^[a-z][a-z0-9-]{0,59}$"
"""Names of experiments: they become keys of the store."""


class Ahead(BaseModel):
    """What is known before an experiment, or without one: how two candidates differ offline.

    All effects are log ratios treatment / control, so that money needs no currency and swapping
    the arms only changes signs: .01 is one per cent more.
    """

    model_config = ConfigDict(frozen=True, extra="forbid", use_attribute_docstrings=True)

    name: str = Field(pattern=NAME_PATTERN)
    offline: dict[str, float] = Field(min_length=1)
    """Name of an offline metric → log ratio on folds that end before the experiment starts."""

    offline_error: dict[str, float] = {}
    """Name of an offline metric → standard error of that log ratio; 0 where it is not given."""

    ope: float | None = Field(default=None, allow_inf_nan=False)
    """Off-policy estimate of the log lift, where logs could carry one."""

    ope_error: float | None = Field(default=None, gt=0, allow_inf_nan=False)

    @model_validator(mode="after")
    def _numbers(self) -> Self:
        for name, value in (*self.offline.items(), *self.offline_error.items()):
            parse_name(name)
            if not math.isfinite(value):
                raise ValueError(f"the delta of {name} is {value}: leave out what is not known")
        for name, error in self.offline_error.items():
            if error < 0 or name not in self.offline:
                raise ValueError(f"offline_error: {name} needs a delta, and an error of 0 or more")
        if (self.ope is None) != (self.ope_error is None):
            raise ValueError("ope and ope_error go together")
        return self


class Entry(Ahead):
    """One experiment: the lift it measured beside what was known before it."""

    schema_version: Literal[1] = 1

    markets: tuple[str, ...] = Field(min_length=1)
    start: dt.date
    end: dt.date
    """The first day after it."""

    metric: str = Field(default="revenue", min_length=1)
    """The business metric, per customer, that the lift is of."""

    control: str
    treatment: str
    """Labels of the candidates."""

    lift: float = Field(allow_inf_nan=False)
    """Measured log lift of the business metric per customer."""

    error: float = Field(gt=0, allow_inf_nan=False)
    """Its standard error."""

    @model_validator(mode="after")
    def _circumstances(self) -> Self:
        for market in self.markets:
            if not re.fullmatch(MARKET_PATTERN, market):
                raise ValueError(f"{market!r} is no market code: 2 to 8 capital letters")
        if self.end <= self.start:
            raise ValueError(f"it ends on {self.end}, not after its start on {self.start}")
        return self
