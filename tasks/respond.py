"""The tasks that answer an alert: claim it, then start what it asks for, or tell people."""

import logging
from typing import Any

from prefect import task
from prefect.cache_policies import NO_CACHE
from prefect.deployments import run_deployment

from restock.infra import alerting, paging, responding
from restock.infra.alerts import Alert, read_alert
from restock.infra.responding import Answered
from restock.infra.settings import load_settings
from restock.infra.store import open_store
from restock.monitoring.policy import ResponsePolicy

DEPLOYMENTS = {"retrain": "retrain/alert", "search": "search/alert"}

logger = logging.getLogger(__name__)


@task(name="claim", cache_policy=NO_CACHE, task_run_name="claim {alert}", retries=3)
def claim(alert: str) -> tuple[Alert, Answered]:
    """The alert, and its one answer."""
    store = open_store(settings=load_settings())
    return read_alert(store, alert), responding.claim(store, alert, ResponsePolicy())


@task(name="start", cache_policy=NO_CACHE, retries=5, retry_delay_seconds=10)
def start(alert: Alert, answered: Answered) -> str:
    """Start the deployment that retrains or searches the market, once; returns the run's name.

    The server knows the run by the alert's id: starting it again finds the same run.
    """
    run: Any = run_deployment(
        DEPLOYMENTS[answered.answer.action],
        parameters={
            "markets": [alert.market],
            "as_of": alert.as_of.isoformat(),
            "because": alert.id,
        },
        idempotency_key=alert.id,
        tags=["alert", alert.market],
        timeout=0,
        as_subflow=False,
    )
    logger.info("%s started %s: %s", alert.id, run.name, answered.answer.why)
    return str(run.name)


@task(name="page", cache_policy=NO_CACHE)
def page(alert: Alert, answered: Answered) -> None:
    """Tell people: in Prefect, and by the notification blocks of the settings."""
    paging.page(alert, answered.answer, load_settings())


@task(name="finish", cache_policy=NO_CACHE, retries=3)
def finish(alert: Alert) -> None:
    """Write down that the answer was carried out; the server need not be told again."""
    store = open_store(settings=load_settings())
    responding.finish(store, alert.market, alert.id)
    alerting.settle(store, alert.id)
