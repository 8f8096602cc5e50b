"""After all markets were looked at: alerts, the record, and what Prefect shows."""

import datetime as dt
import hashlib
from collections.abc import Mapping, Sequence

from restock.infra.addresses import address, link
from restock.infra.alerting import deliver, raise_alerts
from restock.infra.drift_page import FOLDER, read_state
from restock.infra.ingestion import Ingested
from restock.infra.markets import Markets
from restock.infra.store import Store
from restock.infra.watch import MarketWatch, Watch, summary_rows
from restock.monitoring.policy import ResponsePolicy


def failed(reasons: Mapping[str, str], as_of: dt.date, markets: Markets) -> list[MarketWatch]:
    """The records of markets that could not be looked at."""
    return [
        MarketWatch(
            market=market, name=markets.of(market).name, as_of=as_of, state="failed", error=reason
        )
        for market, reason in reasons.items()
    ]


def conclude(
    store: Store, ingested: Ingested, looked: Sequence[MarketWatch], declared: Markets
) -> Watch:
    """Write down what is new among the alarms, tell the server, and put everything together."""
    markets = tuple(sorted(looked, key=lambda one: one.market))
    raised = raise_alerts(
        store,
        [finding for one in markets for finding in one.findings],
        watched=[one.market for one in markets],
        now=dt.datetime.now(dt.UTC),
        policy=ResponsePolicy(),
        reports={one.market: address(store, one.page) for one in markets if one.page},
        elsewhere=_looked_at(store, declared, ingested.as_of),
    )
    about = f"{ingested.snapshot.hash} {' '.join(one.market for one in markets)}"
    return Watch(
        as_of=ingested.as_of,
        token=f"{ingested.as_of}-{hashlib.sha256(about.encode()).hexdigest()[:12]}",
        snapshot=ingested.snapshot.hash,
        markets=markets,
        raised=tuple(alert.id for alert in raised.alerts),
        repeated=tuple(alert.id for alert in raised.repeated),
        storm=raised.storm,
        waiting=deliver(store),
    )


def _looked_at(store: Store, declared: Markets, day: dt.date) -> list[str]:
    """The markets that some run has looked at on a day of the data, or the one before."""
    states = (read_state(store, market) for market in declared)
    return [one.market for one in states if one and abs((day - one.as_of).days) <= 1]


def keep(store: Store, watch: Watch) -> None:
    """Write the record of a look at the markets."""
    store.put(f"{FOLDER}/{watch.token}.json", watch.bytes())


def show_in_prefect(store: Store, watch: Watch) -> None:
    """The table of what moved, and a link to the page of each market that has one."""
    from prefect.artifacts import create_link_artifact, create_table_artifact

    quiet = sum(one.state == "quiet" for one in watch.markets)
    create_table_artifact(
        key="drift-summary",
        table=summary_rows(watch),
        description=f"What moved before {watch.as_of}; {quiet} of {len(watch.markets)} markets "
        "are quiet.",
    )
    for one in watch.markets:
        if one.page:
            create_link_artifact(
                key=f"drift-{one.market.lower()}",
                link=link(address(store, one.page)),
                link_text=f"{one.market}: {one.state}",
            )
