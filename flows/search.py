"""The search: try models everywhere, choose on older windows, prove it on the newest ones."""

import datetime as dt
import time
from typing import Any, Literal

from prefect import flow
from prefect.runtime import flow_run

from restock.infra.incomplete import Incomplete
from restock.infra.packing import title
from restock.infra.placement import Resource
from restock.infra.runners import task_runner, warm_up
from restock.infra.search_brief import Wishes
from restock.infra.search_result import SearchResult
from restock.tasks import search as tasks


def run_name() -> str:
    """``search FR DE +9 before 2011-12-10``, as far as the parameters say."""
    given = flow_run.parameters
    if given.get("resume"):
        return f"search {given['resume']} again"
    which = title(given["markets"]) if given.get("markets") else given.get("group") or "all markets"
    day = given.get("as_of")
    before = f" before {day}" if day and day != "scheduled" else ""
    why = f" because of {given['because']}" if given.get("because") else ""
    return f"search {which}{before}{why}"


@flow(
    name="search",
    flow_run_name=run_name,
    task_runner=task_runner(preload=["restock.tasks.search"]),
    persist_result=False,
)
def search(
    orders: str | None = None,
    markets: list[str] | None = None,
    group: str | None = None,
    as_of: dt.date | Literal["scheduled"] | None = None,
    reading: dict[str, Any] | None = None,
    budget_seconds: float | None = None,
    trials: int | None = None,
    families: list[str] | None = None,
    placements: dict[str, Resource] | None = None,
    seed: int = 0,
    resume: str | None = None,
    spent_seconds: float = 0.0,
    because: str | None = None,
) -> SearchResult:
    """Search for the best plan of every market, or of some, within a budget.

    orders, markets, group, as_of, reading: as ``retrain`` takes them; all markets teach what is
    pooled. budget_seconds: wall time until the plans are written, or trials: one of the two.
    families: names of models (None: the usual ones). placements: family → resource, as in
    als → SPARK (None: networks on GPUs where there are any, the rest on CPUs). seed: with the
    same one and a budget in trials the plans are the same. resume: the token of a search that
    was cut off: it goes on where it stood, and nothing else is to be given. spent_seconds: of
    the budget, before this began. because: id of the alert that asks for it; the run, the report
    and MLflow name it.

    Markets fail one by one: the others get their plans, and the run then ends Failed.
    """
    started = time.time() - spent_seconds
    if resume:  # what is finished, or unknown, needs no workers: none are started for it
        run, result = tasks.resume_search(resume)
        if result is not None:
            tasks.clear(result)
            return result
        warm_up()
    else:
        warm_up()
        wishes = Wishes(
            families=tuple(families) if families else None,
            placements=placements or {},
            seconds=budget_seconds,
            trials=trials,
            seed=seed,
        )
        feed = tasks.ingest_orders(orders, markets, group, as_of, reading)
        run = tasks.plan_search(feed, wishes, because)
    searched = tasks.run_search(run, started)
    result = tasks.decide(run, searched)
    result = tasks.report(result, searched)
    tasks.track()
    if result.failed:
        raise Incomplete(result)
    return result
