"""The record of one look at the markets: what was found in each, and what was raised."""

import datetime as dt
from collections.abc import Mapping
from typing import Any, Literal

from pydantic import Field

from restock.dataset.columns import MARKET_PATTERN
from restock.infra.records import SCHEMA_VERSION, Record
from restock.monitoring.findings import KINDS, Check, Finding, Kind

State = Literal["quiet", "note", "warning", "alarm", "failed"]
WORST_FIRST: tuple[State, ...] = ("failed", "alarm", "warning", "note", "quiet")


class MarketWatch(Record):
    """One market on one day.

    state: the worst of its findings, "quiet" without any, "failed" where it could not be looked
    at (error says why). checks: all that was looked at, by kind. publication: token of the lists
    that are current (None: nothing is published). page, evidently: keys of its pages in the
    store, or empty.
    """

    schema_version: Literal[1] = SCHEMA_VERSION
    market: str = Field(pattern=MARKET_PATTERN)
    name: str
    as_of: dt.date
    state: State
    checks: dict[Kind, Check] = Field(default_factory=dict)
    publication: str | None = None
    error: str = ""
    page: str = ""
    evidently: str = ""

    @classmethod
    def of(
        cls,
        market: str,
        name: str,
        as_of: dt.date,
        checks: Mapping[Kind, Check],
        publication: str | None,
    ) -> "MarketWatch":
        """What the checks of a market come to."""
        found = {finding.severity for check in checks.values() for finding in check.findings}
        state: State = next((one for one in WORST_FIRST if one in found), "quiet")
        return cls(
            market=market,
            name=name,
            as_of=as_of,
            state=state,
            checks=dict(checks),
            publication=publication,
        )

    @property
    def tested(self) -> bool:
        """Whether its data were tested: small and young markets are looked at for the rest only."""
        data = self.checks.get("data")
        return data is not None and not data.note

    @property
    def findings(self) -> list[Finding]:
        """The findings of all checks, the worst first."""
        found = [finding for check in self.checks.values() for finding in check.findings]
        return sorted(found, key=lambda one: WORST_FIRST.index(one.severity))

    @property
    def notes(self) -> list[str]:
        """Why something was not tested."""
        return [check.note for check in self.checks.values() if check.note]


class Watch(Record):
    """One look at all markets, or some.

    raised: ids of the alerts that are new; repeated: of those that go on and were not raised
    again. storm: so many markets alarm at once that the data are to blame. waiting: alerts that
    no server has taken yet.
    """

    as_of: dt.date
    token: str
    snapshot: str
    markets: tuple[MarketWatch, ...]
    raised: tuple[str, ...] = ()
    repeated: tuple[str, ...] = ()
    storm: bool = False
    waiting: int = 0
    seconds: float = 0.0

    @property
    def failed(self) -> dict[str, str]:
        """The markets that could not be looked at, and why."""
        return {one.market: one.error for one in self.markets if one.state == "failed"}

    def in_short(self) -> dict[str, Any]:
        """For machines: everything but the points of measures, which are on the pages."""
        bulky: Any = {"markets": {"__all__": {"checks": {kind: {"measures"} for kind in KINDS}}}}
        return self.model_dump(mode="json", exclude=bulky)

    @property
    def ordered(self) -> list[MarketWatch]:
        """The markets, the worst first."""
        return sorted(self.markets, key=lambda one: (WORST_FIRST.index(one.state), one.market))


def summary_rows(watch: Watch) -> list[dict[str, str]]:
    """What moved, the worst first: for the terminal and for the Prefect artifact.

    A market has a row for each finding; one where nothing moved has none. Markets whose lists
    are stale since the same day share a row: it is one thing that happened.
    """
    rows = []
    stale: dict[tuple[str, str], dict[str, str]] = {}
    for one in watch.ordered:
        if one.state == "failed":
            rows.append(_row(one.market, "failed", "–", "–", one.error, "–"))
        for found in one.findings:
            since = str(found.since or "–")
            row = _row(one.market, found.severity, found.cause, since, found.evidence, found.action)
            if found.kind == "staleness":
                first = stale.setdefault((found.severity, since), row)
                if first is not row:
                    first["market"] += f", {one.market}"
                    continue
            rows.append(row)
    return rows


def _row(
    market: str, state: str, cause: str, since: str, evidence: str, action: str
) -> dict[str, str]:
    return {
        "market": market,
        "state": state,
        "cause": cause,
        "since": since,
        "evidence": evidence,
        "suggested": action,
    }
