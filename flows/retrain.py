"""Retraining: learn from the newest orders, prove what is better, publish what is proved."""

import datetime as dt
import time
from typing import Any, Literal

from prefect import flow
from prefect.runtime import flow_run

from restock.infra.incomplete import Incomplete
from restock.infra.night import Night
from restock.infra.packing import title
from restock.infra.runners import task_runner, warm_up
from restock.tasks import retrain as tasks
from restock.tasks.fan_out import fan_out


def run_name() -> str:
    """``retrain FR DE +9 before 2011-12-10``, as far as the parameters say."""
    given = flow_run.parameters
    which = title(given["markets"]) if given.get("markets") else given.get("group") or "all markets"
    day = given.get("as_of")
    before = f" before {day}" if day and day != "scheduled" else ""
    why = f" because of {given['because']}" if given.get("because") else ""
    return f"retrain {which}{before}{why}"


@flow(
    name="retrain",
    flow_run_name=run_name,
    task_runner=task_runner(preload=["restock.tasks.retrain"]),
    persist_result=False,
)
def retrain(
    orders: str | None = None,
    markets: list[str] | None = None,
    group: str | None = None,
    as_of: dt.date | Literal["scheduled"] | None = None,
    eligibility: str | None = None,
    reading: dict[str, Any] | None = None,
    accept_changes: bool = False,
    because: str | None = None,
) -> Night:
    """Retrain every market, or some, and publish what passed the gate.

    orders: file or folder of order lines, or its address in a store (None: the bundled
    sample). markets: codes of the markets to publish (None: all); group: those of a schedule
    group instead. as_of: the first day that is not known ("scheduled": the local day of the
    scheduled start; None: the day after the last order). eligibility: table of the items that
    may be offered (None: every item that a market sells). reading: how the file is written:
    columns, time_format, delimiter, encoding, as ``read_orders`` takes them. accept_changes:
    publish lists however much they changed since the last publication. because: id of the alert
    that asks for it; the run, the report and MLflow name it.

    Markets fail one by one: the others publish, and the run then ends Failed and names them.
    """
    started = time.monotonic()
    warm_up()
    prepared = tasks.prepare(
        orders, markets, group, as_of, eligibility, reading, accept_changes, because
    )
    judged = fan_out(tasks.judge_batch, prepared, prepared.judging(), "judging")
    decided = tasks.choose(prepared, judged.results, judged.failures)
    staged = fan_out(tasks.refit_batch, prepared, prepared.refitting(decided), "refitting")
    night = tasks.publish(prepared, decided, staged.results, staged.failures)
    night = tasks.report(night, time.monotonic() - started)
    tasks.track(night, decided)
    if night.failed:
        raise Incomplete(night)
    return night
