"""Alerts in the store: what moved in a market, written down before anybody is told."""

import datetime as dt
import re
from typing import Literal

from pydantic import Field

from restock.dataset.columns import MARKET_PATTERN
from restock.infra.night import Because
from restock.infra.records import SCHEMA_VERSION, Record
from restock.infra.store import NotFound, Store
from restock.monitoring.findings import Action, Cause, Finding, Kind, Severity

FOLDER = "alerts"
ID_PATTERN = r"^[A-Z]{2,8}-\d{4}-\d{2}-\d{2}-[a-z]+(-[a-z]+)*$"


class Alert(Record):
    """A finding that somebody, or something, has to answer.

    id: ``FR-2011-11-30-price-shock``: the same finding on the same day is the same alert.
    action: what is suggested. report: address of the market's page. storm: so many markets alarm
    at once that the data are to blame. raised: when it was written.
    """

    schema_version: Literal[1] = SCHEMA_VERSION
    id: str = Field(pattern=ID_PATTERN)
    market: str = Field(pattern=MARKET_PATTERN)
    as_of: dt.date
    kind: Kind
    cause: Cause
    severity: Severity
    action: Action
    evidence: str
    finding: Finding
    report: str = ""
    storm: bool = False
    raised: dt.datetime

    @classmethod
    def of(cls, finding: Finding, raised: dt.datetime, report: str = "") -> "Alert":
        """The alert of a finding."""
        return cls(
            id=alert_id(finding),
            **{name: getattr(finding, name) for name in _SHARED},
            finding=finding,
            report=report,
            raised=raised,
        )

    @property
    def because(self) -> Because:
        """What a night that answers it says of it."""
        return Because(id=self.id, cause=self.cause, evidence=self.evidence, report=self.report)


_SHARED = ("market", "as_of", "kind", "cause", "severity", "action", "evidence")


def alert_id(finding: Finding) -> str:
    """``MARKET-DAY-CAUSE``."""
    return f"{finding.market}-{finding.as_of}-{finding.cause.replace(' ', '-')}"


def read_alert(store: Store, alert: str) -> Alert:
    """The alert of an id. ValueError for what is no id, NotFound for one that is not there."""
    key = alert_key(alert)
    try:
        return Alert.parse(store.get(key).data, f"{key} in {store.uri}")
    except NotFound:
        raise NotFound(f"there is no alert {alert} in {store.uri}") from None


def alert_key(alert: str) -> str:
    """Where an alert lies. ValueError for what is no id."""
    if not re.fullmatch(ID_PATTERN, alert):
        raise ValueError(f"{alert!r} is no alert: they look like FR-2011-11-30-price-shock")
    return f"{FOLDER}/{alert.split('-')[0]}/{alert}.json"
