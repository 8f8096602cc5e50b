"""The tasks of a night of retraining: names, retries and references around ``restock.infra``."""

import datetime as dt
import logging
import threading
from collections.abc import Sequence
from typing import Any, Literal

from prefect import task
from prefect.cache_policies import NO_CACHE
from pydantic import BaseModel, ConfigDict

from restock.evaluation.contest import Unit, judge
from restock.infra import judgements, publishing, reporting, tracking
from restock.infra.alerts import read_alert
from restock.infra.deciding import Decided, decide
from restock.infra.eligible import keep_eligibility, load_eligibility
from restock.infra.feed import take_in
from restock.infra.ingestion import Ingested
from restock.infra.markets import load_markets
from restock.infra.night import Because, Night
from restock.infra.programme import Programme, plan_night
from restock.infra.refitting import Refitting, RefitUnit, Staged
from restock.infra.runners import thread_plan
from restock.infra.settings import load_settings
from restock.infra.snapshots import open_snapshot
from restock.infra.store import open_store
from restock.models import FitContext

logger = logging.getLogger(__name__)


class Prepared(BaseModel):
    """What the flow hands to its tasks: references and the programme."""

    model_config = ConfigDict(frozen=True)

    ingested: Ingested
    programme: Programme
    eligibility: str | None
    accept_changes: bool
    because: Because | None
    workers: int

    def judging(self) -> list[list[Unit]]:
        """The judging in batches of comparable cost."""
        return self.programme.judging(self.workers)

    def refitting(self, decided: Decided) -> list[list[RefitUnit]]:
        """The refitting of the chosen plans in batches of comparable cost."""
        return self.programme.refitting(decided.chosen, decided.evidence, self.workers)


class Judged(BaseModel):
    """A batch of judging that is done: where its scorecards are."""

    key: str


@task(name="ingest", cache_policy=NO_CACHE, task_run_name="ingest orders")
def prepare(
    orders: str | None,
    markets: list[str] | None,
    group: str | None,
    as_of: dt.date | Literal["scheduled"] | None,
    eligibility: str | None,
    reading: dict[str, Any] | None,
    accept_changes: bool,
    because: str | None,
) -> Prepared:
    """Read the orders, store the snapshot, and decide what the night does."""
    settings = load_settings()
    store, declared = open_store(settings=settings), load_markets(settings)
    alert = read_alert(store, because) if because else None
    # creating MLflow's database takes seconds: meanwhile the workers judge
    threading.Thread(target=tracking.prepare, args=[settings], daemon=True).start()
    feed = take_in(store, declared, orders, markets, group, as_of, reading)
    return Prepared(
        ingested=feed.ingested,
        programme=plan_night(store, feed.ingested, declared, feed.wanted),
        eligibility=keep_eligibility(store, eligibility) if eligibility else None,
        accept_changes=accept_changes,
        because=alert.because if alert else None,
        workers=thread_plan(settings).slots,
    )


@task(cache_policy=NO_CACHE, task_run_name="judge {title}", retries=1)
def judge_batch(title: str, prepared: Prepared, units: list[Unit]) -> Judged:
    """Fit and score candidates on past windows; the scorecards go to the store."""
    settings = load_settings()
    store, plan = open_store(settings=settings), thread_plan(settings)
    programme = prepared.programme
    interactions = open_snapshot(programme.snapshot, settings)
    context = FitContext(threads=plan.task_threads)
    with plan.limit():
        judged = [
            judgement
            for unit in units
            for judgement in judge(interactions, unit, programme.fold_plans, context)
        ]
    return Judged(key=judgements.put(store, judged, programme.token))


@task(name="choose", cache_policy=NO_CACHE, task_run_name="choose champions")
def choose(
    prepared: Prepared, judged: Sequence[Judged], failures: Sequence[tuple[Unit, str]]
) -> Decided:
    """Gather the scorecards and let the gate decide, market by market."""
    settings = load_settings()
    store = open_store(settings=settings)
    gathered = [one for batch in judged for one in judgements.get(store, batch.key)]
    decided = decide(prepared.programme, gathered, load_markets(settings), failures)
    judgements.clear(store, prepared.programme.token)
    return decided


@task(cache_policy=NO_CACHE, task_run_name="refit {title}", retries=1)
def refit_batch(title: str, prepared: Prepared, units: list[RefitUnit]) -> list[Staged]:
    """Refit plans on everything that is known, store the models, stage the lists."""
    settings = load_settings()
    store, plan = open_store(settings=settings), thread_plan(settings)
    programme = prepared.programme
    night = Refitting(
        store,
        programme.snapshot,
        open_snapshot(programme.snapshot, settings),
        programme.fold_plans,
        load_eligibility(store, prepared.eligibility),
        FitContext(threads=plan.task_threads),
        prepared.accept_changes,
    )
    with plan.limit():
        return [staged for unit in units for staged in night.run(unit)]


@task(name="publish", cache_policy=NO_CACHE, task_run_name="publish")
def publish(
    prepared: Prepared,
    decided: Decided,
    batches: Sequence[list[Staged]],
    failures: Sequence[tuple[RefitUnit, str]],
) -> Night:
    """Make the staged publications current; every market's outcome is in the night's record."""
    store = open_store(settings=load_settings())
    staged = {one.market: one for batch in batches for one in batch}
    for unit, reason in failures:
        staged |= {market: Staged(market=market, error=reason) for market in unit.markets}
    published = publishing.publish_all(store, prepared.programme, staged)
    night = publishing.record(prepared.ingested, prepared.programme, decided, published)
    return night.model_copy(update={"because": prepared.because})


@task(name="report", cache_policy=NO_CACHE, task_run_name="report")
def report(night: Night, seconds: float) -> Night:
    """Write the report and show it in Prefect."""
    night = night.model_copy(update={"seconds": round(seconds, 1)})
    night = reporting.keep_report(open_store(settings=load_settings()), night)
    try:
        reporting.show_in_prefect(night)
    except Exception:
        logger.exception("the server did not take the artifacts; the report is at %s", night.report)
    return night


@task(name="track", cache_policy=NO_CACHE, task_run_name="track in MLflow")
def track(night: Night, decided: Decided) -> None:
    """Write the night to MLflow, or to the spool while MLflow is away."""
    tracking.track_night(night, decided, load_settings())
