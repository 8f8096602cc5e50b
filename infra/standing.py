"""How one market stands: its ledger brought up to date, what it says, and which plan was better."""

import datetime as dt
from collections.abc import Sequence
from dataclasses import dataclass

import pandas as pd
from pydantic import BaseModel, ConfigDict

from restock.dataset import Interactions
from restock.infra import drift_page, realised_ledger
from restock.infra.exposure_store import read_exposures
from restock.infra.health import Light, MarketHealth, Retrained
from restock.infra.markets import Markets
from restock.infra.publications import current, read_publication
from restock.infra.realised_ledger import Ledger
from restock.infra.records import Pointer
from restock.infra.settings import Settings
from restock.infra.store import Store
from restock.infra.watch import WORST_FIRST
from restock.monitoring.findings import Finding
from restock.monitoring.health import WINDOW_DAYS, by_week, change, window_mean
from restock.monitoring.lists import check_lists_over_time
from restock.monitoring.online import against_control, lists_shown, rates
from restock.monitoring.performance import check_performance
from restock.monitoring.policy import DriftPolicy
from restock.monitoring.staleness import check_staleness
from restock.monitoring.succession import Succession, compare_plans

STALE_AFTER = dt.timedelta(days=7)
"""How long a look at the orders says how a market stands."""
# what a batch is packed by
SECONDS, SECONDS_PER_LINE = 0.1, 2e-6
_LIGHTS: dict[str, Light] = {"alarm": "red", "warning": "yellow"}


class Stands(BaseModel):
    """How a market stands, and how its plan does against the one before, where there is one.

    token: the publication in force when it was judged. plan, before: labels of the two plans.
    """

    model_config = ConfigDict(frozen=True)

    health: MarketHealth
    succession: Succession | None = None
    token: str = ""
    plan: str = ""
    before: str = ""

    @property
    def worse(self) -> str:
        """That the plan is surely worse than the one before, with the numbers; else empty."""
        found = self.succession
        if found is None or not found.worse:
            return ""
        return (
            f"{self.plan} was worse than {self.before}, the plan before it, on the same "
            f"{found.orders:,} orders of {found.days} days: {found.difference:+.3f} in "
            f"ndcg ({found.low:+.3f} to {found.high:+.3f})"
        )


@dataclass(frozen=True)
class Standing:
    """What all markets of a run share."""

    store: Store
    interactions: Interactions
    markets: Markets
    policy: DriftPolicy
    settings: Settings

    def run(self, market: str) -> Stands:
        """Bring a market's ledger up to date and say how it stands."""
        pointer = current(self.store, market)
        name, as_of = self.markets.of(market).name, self.interactions.as_of_date
        if pointer is None:
            why = f"nothing is published: run restock retrain --markets {market}"
            nothing = MarketHealth(market=market, name=name, as_of=as_of, light="grey", why=why)
            return Stands(health=nothing)
        ledger = realised_ledger.update(
            self.store,
            self.interactions,
            market,
            self.markets.of(market).k,
            self.policy,
            self.settings,
        )
        health = self._health(market, pointer, ledger)
        labels = {step.token: step.plan_label for step in pointer.trail}
        return Stands(
            health=health,
            succession=self._succession(market, pointer),
            token=pointer.token,
            plan=pointer.plan_label,
            before=labels.get(pointer.plan_before or "", ""),
        )

    def _health(self, market: str, pointer: Pointer, ledger: Ledger) -> MarketHealth:
        as_of, days = self.interactions.as_of_date, ledger.days
        first = as_of - dt.timedelta(days=WINDOW_DAYS)
        state = drift_page.read_state(self.store, market)
        fresh = state is not None and as_of - STALE_AFTER <= state.as_of <= as_of
        found = [
            *check_staleness(pointer.as_of, market, as_of, self.policy).findings,
            *check_performance(days, market, as_of, self.policy).findings,
            *check_lists_over_time(ledger.lists, market, as_of, self.policy).findings,
            *(one for one in (state.findings if state and fresh else ()) if one.kind == "data"),
        ]
        shown = lists_shown(read_exposures(self.store, market, first, as_of))
        orders = int(days.loc[days["day"] >= pd.Timestamp(first), "orders"].sum())
        light, why = _light(found, orders)
        return MarketHealth(
            market=market,
            name=self.markets.of(market).name,
            as_of=as_of,
            light=light,
            why=why,
            orders=orders,
            ndcg=window_mean(days, "ndcg", first, as_of),
            trend=change(days, "ndcg", first),
            captured=window_mean(days, "captured", first, as_of),
            taken=window_mean(days, "taken", first, as_of),
            weeks=by_week(days, "ndcg", as_of),
            shown=rates(shown),
            against=against_control(shown, pointer.plan_key),
            retrained=_retrained(pointer, ledger),
            page=state.page if state and fresh else "",
        )

    def _succession(self, market: str, pointer: Pointer) -> Succession | None:
        """The plan in service against the one before it, since it came."""
        came = pointer.came
        if came is None or pointer.plan_before is None:
            return None
        new, old = (
            read_publication(self.store, market, token, self.settings).to_pandas()
            for token in (came.token, pointer.plan_before)
        )
        k = self.markets.of(market).k
        return compare_plans(self.interactions, market, new, old, came.as_of, k, self.policy)


def _retrained(pointer: Pointer, ledger: Ledger) -> Retrained | None:
    """The newest publication that still stands, and how the lists did from it on."""
    steps = [pointer.step, *reversed(pointer.trail)]
    made = next((s for s in steps if s.action == "published" and s.token == pointer.token), None)
    if made is None:
        return None
    return Retrained(
        token=made.token,
        as_of=made.as_of,
        at=made.at,
        plan=made.plan_label,
        helped=change(ledger.days, "ndcg", made.as_of),
    )


def _light(found: Sequence[Finding], orders: int) -> tuple[Light, str]:
    """The light of the worst finding, and why."""
    worst = min(found, key=lambda one: WORST_FIRST.index(one.severity), default=None)
    if worst is not None and worst.severity in _LIGHTS:
        since = f" since {worst.since}" if worst.since else ""
        return _LIGHTS[worst.severity], f"{worst.cause}{since}: {worst.evidence}"
    if not orders:
        return "grey", f"no orders in the last {WINDOW_DAYS} days that lists were there for"
    return "green", worst.evidence if worst else "as usual"
