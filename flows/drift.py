"""Drift: look at every market, write down what moved, tell once who has to know."""

import datetime as dt
import time
from typing import Any, Literal

from prefect import flow

from restock.flows.run_names import run_name
from restock.infra.incomplete import Incomplete
from restock.infra.runners import task_runner, warm_up
from restock.infra.watch import Watch
from restock.tasks import drift as tasks
from restock.tasks.fan_out import fan_out


@flow(
    name="drift",
    flow_run_name=run_name("drift"),
    task_runner=task_runner(preload=["restock.tasks.drift"]),
    persist_result=False,
)
def drift(
    orders: str | None = None,
    markets: list[str] | None = None,
    group: str | None = None,
    as_of: dt.date | Literal["scheduled"] | None = None,
    reading: dict[str, Any] | None = None,
    report: bool = False,
) -> Watch:
    """Look at every market, or some: orders, lists, their age, and what came of them.

    orders, markets, group, as_of, reading: as ``retrain`` takes them. report: write the page of
    every market; without it, of those that alarm.

    What alarms is written to the store first, and then told. Markets fail one by one: the
    others are looked at, and the run then ends Failed and names them.
    """
    started = time.monotonic()
    warm_up()
    looking = tasks.prepare(orders, markets, group, as_of, reading, report)
    looked = fan_out(tasks.watch_batch, looking, looking.batches(), "watching")
    watch = tasks.raise_alerts(looking, looked.results, looked.failures)
    watch = tasks.report(watch, time.monotonic() - started)
    if watch.failed:
        raise Incomplete(watch)
    return watch
