"""The record of one search: what was tried where, what was chosen, and what it is worth."""

import datetime as dt
from typing import Literal

from pydantic import Field

from restock.infra.night import Because, Estimate
from restock.infra.placement import Resource
from restock.infra.records import Plan, Record
from restock.tuning.trials import Failure

State = Literal["adopted", "kept", "failed"]
Part = Literal["family", "tuning", "scope", "hybrid"]
Windows = Literal["selection", "report"]

UNKNOWN = Estimate(value=None)


class Budget(Record):
    """What the search was allowed: wall seconds, or trials."""

    seconds: float | None = None
    trials: int | None = None


class FamilyEffort(Record):
    """One family of models over all places.

    trials: how many reached each rung, the cheapest first; seconds: wall time of its work, added
    up over workers; resource, workers: where it ran, as Dask names them.
    """

    family: str
    trials: tuple[int, ...]
    failed: int = 0
    seconds: float = 0.0
    resource: Resource = "CPU"
    workers: tuple[str, ...] = ()


class Failed(Record):
    """Trials that came to nothing in the same way. example: a trial's key."""

    family: str
    kind: Failure
    reason: str
    count: int
    example: str


class Standing(Record):
    """A candidate on a leaderboard.

    selection: lift over the yardstick on the windows that it was chosen on, which flatters what
    won there; report: the same on the newest windows, where it was judged on them. Lifts are
    ratios minus 1. metrics: means, on a market's leaderboard of the report windows, in a study of
    the selection windows. seconds: estimated cost of a fit and its lists. mark: "chosen",
    "service" or neither.
    """

    candidate: str
    label: str
    family: str
    scope: str
    selection: Estimate
    report: Estimate = UNKNOWN
    metrics: dict[str, float] = Field(default_factory=dict)
    seconds: float | None = None
    trial: str = ""
    mark: str = ""


class StudyResult(Record):
    """One family in one place. importance: dimension → share of the variation it explains.

    best: up to five candidates, best first.
    """

    where: str
    family: str
    trials: int
    failed: int
    seconds: float
    best: tuple[Standing, ...] = ()
    importance: dict[str, float] = Field(default_factory=dict)


class Gain(Record):
    """What one step of the way from the yardstick to the plan added, as log-lift.

    family: the best model as it comes; tuning: its best configuration, fitted on the market
    alone; scope: the best of any scope; hybrid: the plan. label: the candidate reached.
    windows: which ones the number is of.
    """

    part: Part
    log_lift: float
    label: str
    windows: Windows


class Point(Record):
    """The best candidate's lift over the yardstick after so many trials had been told."""

    trials: int
    lift: float


class MarketResult(Record):
    """What the search means for one market.

    state: "adopted" (``plan`` is what the nights refit from now on), "kept" (``before`` stays;
    ``plan``, when it is another, competes in the nights), "failed". lift: of ``plan`` over
    ``before`` on the report windows, on customers of this market or of all ("basis");
    optimistic: the same on the windows that ``plan`` was chosen on. why: the sentence for
    people; chosen: why the search nominated the plan.
    """

    market: str
    name: str
    state: State
    why: str
    plan: Plan | None = None
    before: Plan | None = None
    lift: Estimate = UNKNOWN
    optimistic: Estimate = UNKNOWN
    basis: str = ""
    customers: int = 0
    chosen: str = ""
    evidence: str = ""
    leaderboard: tuple[Standing, ...] = ()
    gains: tuple[Gain, ...] = ()


class SearchResult(Record):
    """A whole search. token: names it, for ``--resume`` too; seconds: wall time, all of it.
    because: the alert that asked for it; None for a search that was simply due.

    left_out: family → why it was not searched; notes: what a reader has to know (a GPU family
    that ran on CPUs). curve: over all markets, on the selection windows.
    """

    schema_version: Literal[1] = 1
    token: str
    as_of: dt.date
    snapshot: str
    seed: int
    budget: Budget
    seconds: float
    trials: int
    families: tuple[FamilyEffort, ...]
    markets: tuple[MarketResult, ...]
    left_out: dict[str, str] = Field(default_factory=dict)
    notes: tuple[str, ...] = ()
    failures: tuple[Failed, ...] = ()
    studies: tuple[StudyResult, ...] = ()
    curve: tuple[Point, ...] = ()
    gains: tuple[Gain, ...] = ()
    report: str = ""
    because: Because | None = None

    @property
    def failed(self) -> dict[str, str]:
        """The markets that failed, and why."""
        return {one.market: one.why for one in self.markets if one.state == "failed"}

    @property
    def unjudged(self) -> list[str]:
        """The markets whose choice could not be compared on later windows, by code."""
        return [
            one.market
            for one in self.markets
            if one.state == "kept" and one.lift.value is None and one.plan != one.before
        ]

    @property
    def remedy(self) -> str:
        """How many choices were not judged and what helps; empty where all were."""
        if not self.unjudged:
            return ""
        more = "--trials" if self.budget.trials else "--budget"
        return (
            f"In {len(self.unjudged)} of {len(self.markets)} markets the choice could not be "
            f"judged on later windows: it competes at night. Search again with a larger {more}."
        )

    @property
    def adopted(self) -> list[str]:
        """The markets with a plan of this search, by code."""
        return [one.market for one in self.markets if one.state == "adopted"]
