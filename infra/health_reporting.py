"""After all markets were looked at: what is rolled back, what is said, and what Prefect shows."""

import datetime as dt
import logging
from collections.abc import Mapping, Sequence

from restock.infra import health_page
from restock.infra.addresses import link
from restock.infra.alerting import alerts_of, deliver, raise_alerts
from restock.infra.champions import rollback
from restock.infra.health import Health, LastAlert, MarketHealth, Retrained, RolledBack
from restock.infra.ingestion import Ingested
from restock.infra.markets import Markets
from restock.infra.next_runs import next_nights
from restock.infra.night import Night
from restock.infra.publications import current
from restock.infra.reporting import FOLDER as REPORTS
from restock.infra.reporting import read_night
from restock.infra.settings import Settings
from restock.infra.standing import Stands
from restock.infra.store import Conflict, Store, StoreError
from restock.infra.tracking import point_champion
from restock.monitoring.findings import Finding
from restock.monitoring.policy import ResponsePolicy

logger = logging.getLogger(__name__)


def conclude(
    store: Store,
    settings: Settings,
    ingested: Ingested,
    stands: Sequence[Stands],
    failures: Mapping[str, str],
    declared: Markets,
) -> Health:
    """Roll back what is worse than the plan before, say so, and put all markets together."""
    as_of = ingested.as_of
    failed = [
        MarketHealth(
            market=market,
            name=declared.of(market).name,
            as_of=as_of,
            light="red",
            why="could not be looked at",
            error=reason,
        )
        for market, reason in failures.items()
    ]
    # written down before anything moves: a run that dies in between has told why
    raised = raise_alerts(
        store,
        [_finding(one) for one in stands if one.worse],
        watched=[*(one.health.market for one in stands), *failures],
        now=dt.datetime.now(dt.UTC),
        policy=ResponsePolicy(),
    )
    found = [*(roll_back(store, settings, one) for one in stands), *failed]
    markets = _with_history(store, declared, found)
    return Health(
        as_of=as_of,
        snapshot=ingested.snapshot.hash,
        markets=tuple(sorted(markets, key=lambda one: one.market)),
        raised=tuple(alert.id for alert in raised.alerts),
        waiting=deliver(store),
    )


def roll_back(store: Store, settings: Settings, stands: Stands) -> MarketHealth:
    """How a market stands, back at the plan before where that was surely better.

    A market that cannot be rolled back says so; the others go on. Where other lists have come
    since the plan was judged, nothing moves: it is judged again by the next look.
    """
    health = stands.health
    if not stands.worse:
        return health
    try:
        champion = rollback(
            store,
            health.market,
            to_plan_before=True,
            effective=health.as_of,
            leaving=stands.token,
        )
    except Conflict as error:
        logger.warning("%s is not rolled back: %s", health.market, error)
        return health
    except StoreError as error:
        logger.exception("%s could not be rolled back", health.market)
        reason = f"its plan is worse than the one before, and could not be rolled back: {error}"
        return health.model_copy(update={"light": "red", "why": reason, "error": reason})
    point_champion(settings, health.market, champion.publication)
    why = f"{stands.worse}. It is barred until there is new evidence."
    rolled = RolledBack(left=stands.token, back_to=champion.publication, why=why)
    return health.model_copy(
        update={"light": "red", "why": f"rolled back: {why}", "rolled_back": rolled}
    )


def _finding(stands: Stands) -> Finding:
    """A plan that is left, as a finding: nothing is left to be done, but somebody has to know."""
    health = stands.health
    return Finding(
        market=health.market,
        as_of=health.as_of,
        kind="performance",
        cause="performance",
        severity="alarm",
        action="note",
        statistic="ndcg",
        value=health.ndcg.value if health.ndcg else 0.0,
        evidence=f"{stands.worse}. The market goes back to it.",
    )


def _with_history(
    store: Store, declared: Markets, found: Sequence[MarketHealth]
) -> list[MarketHealth]:
    """The markets with what else is known: causes, alerts, the next night."""
    nights = _nights(store, found)
    due = next_nights(declared, [one.market for one in found])
    before = {one.market: one.rolled_back for one in health_page.read(store)}
    return [
        one.model_copy(
            update={
                "retrained": _with_cause(one.retrained, nights),
                "alert": _last_alert(store, one.market),
                "rolled_back": _still(store, one.market, one.rolled_back or before.get(one.market)),
                "next_run": due.get(one.market),
            }
        )
        for one in found
    ]


def _still(store: Store, market: str, rolled: RolledBack | None) -> RolledBack | None:
    """A roll-back, for as long as there are no newer lists."""
    pointer = current(store, market) if rolled else None
    return rolled if rolled and pointer and pointer.token == rolled.back_to else None


def _with_cause(retrained: Retrained | None, nights: Mapping[str, Night]) -> Retrained | None:
    if retrained is None or retrained.token not in nights:
        return retrained
    night = nights[retrained.token]
    because = night.because.id if night.because else ""
    return retrained.model_copy(update={"because": because, "report": night.report})


def _nights(store: Store, found: Sequence[MarketHealth]) -> dict[str, Night]:
    """Token of a publication → the night that made it; of several, one that had a cause."""
    wanted = {one.retrained.token for one in found if one.retrained}
    days = {str(one.retrained.as_of) for one in found if one.retrained}
    nights: dict[str, Night] = {}
    for entry in store.list(REPORTS):
        folder, _, name = entry.key.removeprefix(f"{REPORTS}/").partition("/")
        if name != "night.json" or folder[:10] not in days:
            continue
        try:
            night = read_night(store, folder)
        except (StoreError, ValueError):
            logger.warning("%s cannot be read: the page does without it", entry.key)
            continue
        for outcome in night.markets:
            token = outcome.publication
            if token in wanted and (token not in nights or night.because):
                nights[token] = night
    return nights


def _last_alert(store: Store, market: str) -> LastAlert | None:
    alerts = alerts_of(store, market)
    if not alerts:
        return None
    last = alerts[-1]
    return LastAlert(id=last.id, as_of=last.as_of, cause=last.cause, evidence=last.evidence)


def show_in_prefect(health: Health) -> None:
    """The table of markets, and a link to the page of all of them."""
    from prefect.artifacts import create_link_artifact, create_table_artifact

    create_table_artifact(
        key="monitor-summary",
        table=health_page.summary_rows(health),
        description=f"How the markets stand before {health.as_of}.",
    )
    create_link_artifact(
        key="health-page", link=link(health.report), link_text="How all markets stand"
    )
