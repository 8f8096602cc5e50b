"""Monitoring: what published lists come to, and back to the plan before where it was better."""

import datetime as dt
import time
from typing import Any, Literal

from prefect import flow

from restock.flows.run_names import run_name
from restock.infra.health import Health
from restock.infra.incomplete import Incomplete
from restock.infra.runners import task_runner, warm_up
from restock.infra.standing import SECONDS, SECONDS_PER_LINE
from restock.tasks import monitor as tasks
from restock.tasks.fan_out import fan_out


@flow(
    name="monitor",
    flow_run_name=run_name("monitor"),
    task_runner=task_runner(preload=["restock.tasks.monitor"]),
    persist_result=False,
)
def monitor(
    orders: str | None = None,
    markets: list[str] | None = None,
    group: str | None = None,
    as_of: dt.date | Literal["scheduled"] | None = None,
    reading: dict[str, Any] | None = None,
) -> Health:
    """Join what was published with the orders that came, and write the page of all markets.

    orders, markets, group, as_of, reading: as ``retrain`` takes them. A new plan whose lists are
    surely worse than those of the plan before is rolled back.

    Markets fail one by one: the others are looked at, and the run then ends Failed and names
    them.
    """
    started = time.monotonic()
    warm_up()
    prepared = tasks.prepare(orders, markets, group, as_of, reading)
    looked = fan_out(
        tasks.monitor_batch, prepared, prepared.batches(SECONDS, SECONDS_PER_LINE), "monitoring"
    )
    health = tasks.conclude(prepared, looked.results, looked.failures)
    health = tasks.report(health, time.monotonic() - started)
    if health.failed:
        raise Incomplete(health)
    return health
