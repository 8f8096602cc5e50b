"""The record of one night of retraining: what happened in each market, and why."""

import datetime as dt
from typing import Literal

from pydantic import Field

from restock.infra.records import Record

State = Literal["published", "unchanged", "held", "failed"]


class Estimate(Record):
    """A mean over customers with its 95 % interval; NaN-free: None where nothing was judged."""

    value: float | None
    low: float | None = None
    high: float | None = None


class Row(Record):
    """One line of a market's leaderboard.

    lift: the objective's ratio to the incumbent minus 1, with its interval; metrics: means
    over the judged customers of all folds; note: why it was skipped or refused; search: token of
    the search that chose it ("": none did).
    """

    candidate: str
    label: str
    role: Literal["champion", "challenger", "skipped"]
    lift: Estimate
    metrics: dict[str, Estimate]
    note: str = ""
    search: str = ""


class MarketOutcome(Record):
    """One market's night.

    state: "published" (a new publication is current), "unchanged" (the same one was current
    already), "held" (the refreshed model did not pass its checks: the publication before
    stays), "failed" (an error: the publication before stays). reason: why, in full; verdict:
    the gate's, in short. search: token of the search that chose the champion ("": none did).
    """

    market: str
    name: str
    state: State
    reason: str
    verdict: str = ""
    orders: int = 0
    customers: int = 0
    judged: int = 0
    champion: str = ""
    search: str = ""
    replaced: bool = False
    basis: str = ""
    metrics: dict[str, Estimate] = Field(default_factory=dict)
    leaderboard: tuple[Row, ...] = ()
    publication: str | None = None
    model: str | None = None


class Because(Record):
    """The alert that asked for a night: its id, what was found, and the market's page."""

    id: str
    cause: str
    evidence: str
    report: str = ""

    @property
    def tags(self) -> dict[str, str]:
        """How MLflow names it."""
        return {"because": self.id, "because_of": self.evidence}


class Night(Record):
    """A whole night: what went in, what came out of each market, and where to read on.

    because: the alert that asked for it; None for a night that was simply due.
    """

    as_of: dt.date
    token: str
    snapshot: str
    orders_read: int
    orders_kept: int
    set_aside: dict[str, int]
    markets: tuple[MarketOutcome, ...]
    report: str = ""
    seconds: float = 0.0
    because: Because | None = None

    @property
    def failed(self) -> dict[str, str]:
        """The markets that failed, and why."""
        return {
            outcome.market: outcome.reason for outcome in self.markets if outcome.state == "failed"
        }
