"""The tasks of a look at the markets: names, retries and references around ``restock.infra``."""

import datetime as dt
import logging
from collections.abc import Sequence
from typing import Any, Literal

from prefect import task
from prefect.cache_policies import NO_CACHE
from pydantic import BaseModel, ConfigDict

from restock.infra import logs, watch_reporting, watching
from restock.infra.ingestion import quarantined_days
from restock.infra.markets import load_markets
from restock.infra.runners import thread_plan
from restock.infra.settings import load_settings
from restock.infra.snapshots import open_snapshot
from restock.infra.store import open_store
from restock.infra.watch import MarketWatch, Watch
from restock.infra.watched_markets import Prepared, Unit, prepare_markets
from restock.monitoring.policy import DriftPolicy

logger = logging.getLogger(__name__)


class Looking(BaseModel):
    """What the flow hands to its tasks. everything: the pages of all markets, not of alarms."""

    model_config = ConfigDict(frozen=True)

    prepared: Prepared
    everything: bool

    def batches(self) -> list[list[Unit]]:
        """The markets in batches of comparable cost."""
        seconds = watching.SECONDS_WITH_PAGE if self.everything else watching.SECONDS
        return self.prepared.batches(seconds, watching.SECONDS_PER_LINE)


@task(name="ingest", cache_policy=NO_CACHE, task_run_name="ingest orders")
def prepare(
    orders: str | None,
    markets: list[str] | None,
    group: str | None,
    as_of: dt.date | Literal["scheduled"] | None,
    reading: dict[str, Any] | None,
    everything: bool,
) -> Looking:
    """Read the orders and store the snapshot."""
    prepared = prepare_markets(load_settings(), orders, markets, group, as_of, reading)
    return Looking(prepared=prepared, everything=everything)


@task(cache_policy=NO_CACHE, task_run_name="watch {title}")
def watch_batch(title: str, looking: Looking, units: list[Unit]) -> list[MarketWatch]:
    """Look at some markets; the pages of those that alarm go to the store."""
    settings = load_settings()
    store = open_store(settings=settings)
    look = watching.Watching(
        store=store,
        interactions=open_snapshot(looking.prepared.ingested.snapshot, settings),
        quarantined=quarantined_days(store, looking.prepared.ingested),
        markets=load_markets(settings),
        policy=DriftPolicy(),
        settings=settings,
        everything=looking.everything,
    )
    with thread_plan(settings).limit():
        return [logs.of_market(unit.market, look.run) for unit in units]


@task(name="raise", cache_policy=NO_CACHE, task_run_name="raise alerts")
def raise_alerts(
    looking: Looking,
    batches: Sequence[list[MarketWatch]],
    failures: Sequence[tuple[Unit, str]],
) -> Watch:
    """Write down what is new among the alarms, and tell the server."""
    settings = load_settings()
    ingested, declared = looking.prepared.ingested, load_markets(settings)
    looked = [one for batch in batches for one in batch]
    looked += watch_reporting.failed(
        {unit.market: reason for unit, reason in failures}, ingested.as_of, declared
    )
    return watch_reporting.conclude(open_store(settings=settings), ingested, looked, declared)


@task(name="report", cache_policy=NO_CACHE, task_run_name="report")
def report(watch: Watch, seconds: float) -> Watch:
    """Keep the record, and show it in Prefect."""
    watch = watch.model_copy(update={"seconds": round(seconds, 1)})
    store = open_store(settings=load_settings())
    watch_reporting.keep(store, watch)
    try:
        watch_reporting.show_in_prefect(store, watch)
    except Exception:
        logger.exception("the server took no artifacts; the pages are in %s", store.uri)
    return watch
