"""After all markets were looked at: causes, alerts and the next night, and what Prefect shows."""

import logging
from collections.abc import Mapping, Sequence

from restock.infra import health_page
from restock.infra.alerting import alerts_of, deliver
from restock.infra.health import Health, LastAlert, MarketHealth, Retrained
from restock.infra.ingestion import Ingested
from restock.infra.markets import Markets
from restock.infra.next_runs import next_nights
from restock.infra.night import Night
from restock.infra.reporting import FOLDER as REPORTS
from restock.infra.reporting import read_night
from restock.infra.store import Store, StoreError
from restock.infra.watch_reporting import link

logger = logging.getLogger(__name__)


def conclude(
    store: Store,
    ingested: Ingested,
    looked: Sequence[MarketHealth],
    failures: Mapping[str, str],
    declared: Markets,
) -> Health:
    """Put all markets together, with what else is known of them."""
    failed = [
        MarketHealth(
            market=market,
            name=declared.of(market).name,
            as_of=ingested.as_of,
            light="red",
            why="could not be looked at",
            error=reason,
        )
        for market, reason in failures.items()
    ]
    markets = _with_history(store, declared, [*looked, *failed])
    return Health(
        as_of=ingested.as_of,
        snapshot=ingested.snapshot.hash,
        markets=tuple(sorted(markets, key=lambda one: one.market)),
        waiting=deliver(store),
    )


def _with_history(
    store: Store, declared: Markets, found: Sequence[MarketHealth]
) -> list[MarketHealth]:
    """The markets with what else is known: causes, alerts, the next night."""
    nights = _nights(store, found)
    due = next_nights(declared, [one.market for one in found])
    return [
        one.model_copy(
            update={
                "retrained": _with_cause(one.retrained, nights),
                "alert": _last_alert(store, one.market),
                "next_run": due.get(one.market),
            }
        )
        for one in found
    ]


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
