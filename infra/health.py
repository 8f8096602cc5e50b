"""How every market stands: a light, what its lists come to, its last retraining, what is next."""

import datetime as dt
from typing import Literal

from restock.infra.records import SCHEMA_VERSION, Record
from restock.monitoring.findings import Point
from restock.monitoring.online import Against, Rate, Shown

Light = Literal["red", "yellow", "green", "grey"]
LIGHTS: dict[Light, str] = {
    "red": "an alarm, or something failed",
    "yellow": "a warning",
    "green": "as usual",
    "grey": "nothing is published yet, or too little is known",
}


class LastAlert(Record):
    """The newest alert of a market. id names it: ``restock retrain --because ID``."""

    id: str
    as_of: dt.date
    cause: str
    evidence: str


class Retrained(Record):
    """The newest publication, and what it was made for.

    token: its name. because: id of the alert that asked for it, or empty. helped: change of the
    realised ndcg, up to four weeks from then on minus the four weeks before.
    """

    token: str
    as_of: dt.date
    at: dt.datetime
    plan: str
    because: str = ""
    report: str = ""
    helped: Rate | None = None


class RolledBack(Record):
    """A successor that was worse and was taken back. why: the evidence, in words."""

    left: str
    back_to: str
    why: str


class MarketHealth(Record):
    """One market.

    light, why: how it stands, and the reason in a sentence. ndcg, captured, taken: realised
    means of the last four weeks; trend: how ndcg changed on the four weeks before. weeks: ndcg
    by week. orders: of the last four weeks. shown, against: what came of logged exposures.
    page: key of the newest page of the market. next_run: when it is retrained next.
    """

    market: str
    name: str
    as_of: dt.date
    light: Light
    why: str
    orders: int = 0
    ndcg: Rate | None = None
    trend: Rate | None = None
    captured: Rate | None = None
    taken: Rate | None = None
    weeks: tuple[Point, ...] = ()
    shown: tuple[Shown, ...] = ()
    against: Against | None = None
    retrained: Retrained | None = None
    alert: LastAlert | None = None
    rolled_back: RolledBack | None = None
    page: str = ""
    next_run: dt.datetime | None = None
    error: str = ""


class Health(Record):
    """How markets stand.

    raised: ids of new alerts; waiting: alerts that no server has taken yet; report: address of
    the page of all markets.
    """

    schema_version: Literal[1] = SCHEMA_VERSION

    as_of: dt.date
    snapshot: str
    markets: tuple[MarketHealth, ...]
    raised: tuple[str, ...] = ()
    waiting: int = 0
    report: str = ""
    seconds: float = 0.0

    @property
    def failed(self) -> dict[str, str]:
        """The markets that could not be looked at, and why."""
        return {one.market: one.error for one in self.markets if one.error}

    @property
    def ordered(self) -> list[MarketHealth]:
        """The markets, the worst light first, then by orders."""
        lights = list(LIGHTS)
        return sorted(
            self.markets, key=lambda one: (lights.index(one.light), -one.orders, one.market)
        )
