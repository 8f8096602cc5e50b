"""What watching a market gives: measures over time, and findings with their cause."""

import datetime as dt
from typing import Literal, get_args

from pydantic import BaseModel, ConfigDict

Kind = Literal["data", "prediction", "performance", "staleness"]
KINDS: tuple[Kind, ...] = get_args(Kind)
Cause = Literal[
    "broken feed",
    "price shock",
    "lost supplier",
    "new assortment",
    "new customers",
    "season",
    "behaviour",
    "lists",
    "performance",
    "stale",
]
Severity = Literal["note", "warning", "alarm"]
Action = Literal["note", "retrain", "search", "page"]


class Record(BaseModel):
    """Base of the records here: immutable, strict, JSON."""

    model_config = ConfigDict(frozen=True, extra="forbid", use_attribute_docstrings=True)


class Point(Record):
    """One value of a measure. low, high: where it usually lies; None where nobody knows yet."""

    day: dt.date
    value: float
    low: float | None = None
    high: float | None = None


class Measure(Record):
    """One statistic of a market over time, oldest first: what a page draws."""

    name: str
    """As in ``new_item_rate``."""
    title: str
    """For people."""
    points: tuple[Point, ...]


class Finding(Record):
    """Something moved in a market: what, how surely, since when, and what to do about it."""

    market: str
    as_of: dt.date
    """The first day that is not known."""
    kind: Kind
    cause: Cause
    severity: Severity
    action: Action
    """What is suggested; whether it is done is decided where all alerts are known."""
    statistic: str
    """Name of the measure that moved most."""
    value: float
    low: float | None = None
    """Where the value usually lies."""
    high: float | None = None
    p_value: float | None = None
    """Chance of a value as far out without drift, corrected for all that was tested at once."""
    since: dt.date | None = None
    """First day of the window, or of the run of days, that moved."""
    evidence: str
    """One sentence for people, with the numbers."""


class Check(Record):
    """All that was looked at in one market on one day.

    note: why something was not tested (too few customers, no history), or empty.
    """

    market: str
    as_of: dt.date
    findings: tuple[Finding, ...] = ()
    measures: tuple[Measure, ...] = ()
    note: str = ""
