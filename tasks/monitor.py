"""The tasks of monitoring: names, retries and references around ``restock.infra``."""

import datetime as dt
import logging
from collections.abc import Sequence
from typing import Any, Literal

from prefect import task
from prefect.cache_policies import NO_CACHE

from restock.infra import health_page, health_reporting, logs
from restock.infra.health import Health
from restock.infra.markets import load_markets
from restock.infra.runners import thread_plan
from restock.infra.settings import load_settings
from restock.infra.snapshots import open_snapshot
from restock.infra.standing import Standing, Stands
from restock.infra.store import open_store
from restock.infra.watched_markets import Prepared, Unit, prepare_markets
from restock.monitoring.policy import DriftPolicy

logger = logging.getLogger(__name__)


@task(name="ingest", cache_policy=NO_CACHE, task_run_name="ingest orders")
def prepare(
    orders: str | None,
    markets: list[str] | None,
    group: str | None,
    as_of: dt.date | Literal["scheduled"] | None,
    reading: dict[str, Any] | None,
) -> Prepared:
    """Read the orders and store the snapshot."""
    return prepare_markets(load_settings(), orders, markets, group, as_of, reading)


@task(cache_policy=NO_CACHE, task_run_name="monitor {title}")
def monitor_batch(title: str, prepared: Prepared, units: list[Unit]) -> list[Stands]:
    """Bring the ledgers of some markets up to date, and say how the markets stand."""
    settings = load_settings()
    standing = Standing(
        store=open_store(settings=settings),
        interactions=open_snapshot(prepared.ingested.snapshot, settings),
        markets=load_markets(settings),
        policy=DriftPolicy(),
        settings=settings,
    )
    with thread_plan(settings).limit():
        return [logs.of_market(unit.market, standing.run) for unit in units]


@task(name="conclude", cache_policy=NO_CACHE, task_run_name="roll back what is worse")
def conclude(
    prepared: Prepared,
    batches: Sequence[list[Stands]],
    failures: Sequence[tuple[Unit, str]],
) -> Health:
    """Return markets to the plan before where that was surely better, and put all together."""
    settings = load_settings()
    return health_reporting.conclude(
        open_store(settings=settings),
        settings,
        prepared.ingested,
        [one for batch in batches for one in batch],
        {unit.market: reason for unit, reason in failures},
        load_markets(settings),
    )


@task(name="report", cache_policy=NO_CACHE, task_run_name="report")
def report(health: Health, seconds: float) -> Health:
    """Write the page of all markets and show it in Prefect."""
    health = health.model_copy(update={"seconds": round(seconds, 1)})
    health = health_page.keep(open_store(settings=load_settings()), health)
    try:
        health_reporting.show_in_prefect(health)
    except Exception:
        logger.exception("the server took no artifacts; the page is at %s", health.report)
    return health
