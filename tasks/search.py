"""The tasks of a search: names, retries and references around ``restock.infra``."""

import datetime as dt
import logging
import secrets
import threading
from collections.abc import Sequence
from functools import partial
from typing import Any, Literal, NamedTuple

from prefect import task
from prefect.cache_policies import NO_CACHE
from prefect.futures import PrefectFuture

from restock.infra import search_report, search_store, tracking
from restock.infra.alerts import read_alert
from restock.infra.feed import Feed, take_in
from restock.infra.markets import load_markets
from restock.infra.placement import asking
from restock.infra.progress import SearchProgress, live
from restock.infra.runners import offers_here, thread_plan
from restock.infra.search_batches import Batch, Clock, do_batch
from restock.infra.search_brief import Wishes, plan, warm
from restock.infra.search_driver import Driver
from restock.infra.search_ending import conclude
from restock.infra.search_result import SearchResult
from restock.infra.search_store import Finished, SearchRun
from restock.infra.search_tracking import search_record
from restock.infra.settings import load_settings
from restock.infra.store import open_store
from restock.tuning.search import Search

logger = logging.getLogger(__name__)


class Searched(NamedTuple):
    """A search that is done, the batches that it took, and its clock."""

    search: Search
    batches: Sequence[Finished]
    clock: Clock


@task(name="ingest", cache_policy=NO_CACHE, task_run_name="ingest orders")
def ingest_orders(
    orders: str | None,
    markets: list[str] | None,
    group: str | None,
    as_of: dt.date | Literal["scheduled"] | None,
    reading: dict[str, Any] | None,
) -> Feed:
    """Read the orders and store the snapshot."""
    settings = load_settings()
    threading.Thread(target=tracking.prepare, args=[settings], daemon=True).start()
    store, declared = open_store(settings=settings), load_markets(settings)
    return take_in(store, declared, orders, markets, group, as_of, reading)


@task(name="plan", cache_policy=NO_CACHE, task_run_name="plan the search")
def plan_search(feed: Feed, wishes: Wishes, because: str | None = None) -> SearchRun:
    """Decide what is searched and where every family runs; the store has it from here on."""
    settings = load_settings()
    store = open_store(settings=settings)
    alert = read_alert(store, because) if because else None
    token = f"{feed.ingested.as_of}-{secrets.token_hex(4)}"
    offers = offers_here(settings, spark="SPARK" in wishes.placements.values())
    run = plan(settings, store, token, feed, offers, wishes)
    run = run.model_copy(update={"because": alert.because if alert else None})
    search_store.put_run(store, run)
    live.info("search %s", token, extra={"search_name": token})
    return run


@task(name="resume", cache_policy=NO_CACHE, task_run_name="resume {token}")
def resume_search(token: str) -> tuple[SearchRun, SearchResult | None]:
    """What a search set out to do, and its result where it is done. ValueError: unknown."""
    store = open_store(settings=load_settings())
    run, result = search_store.get_run(store, token), search_report.read_result(store, token)
    done = result is not None
    live.info("search %s", token, extra={"search_name": token, "finished": done})
    return run, result


@task(cache_policy=NO_CACHE, task_run_name="search {title}", retries=1)
def run_batch(title: str, batch: Batch, token: str, clock: Clock) -> Finished:
    """Do a batch, wherever a worker offers its resource; it is in the store at the end."""
    settings = load_settings()
    return do_batch(batch, token, clock, settings, thread_plan(settings))


def run_search(run: SearchRun, started: float) -> Searched:
    """Go through the whole search in the flow that calls this, from wherever it stands.

    What earlier processes finished is read from the store and not run again. started: seconds
    since 1970 from which this process spends the budget.
    """
    return drive(run, Search(run.brief), started)


def drive(run: SearchRun, search: Search, started: float) -> Searched:
    """Do the work of a search in batches, on the workers of the flow that calls this."""
    settings = load_settings()
    store = open_store(settings=settings)
    journal = search_store.get_finished(store, run.token)
    before = max((one.spent for one in journal), default=0.0)
    clock = Clock(started, before, run.brief.seconds)
    offers = offers_here(settings)

    def submit(batch: Batch) -> PrefectFuture[Finished]:
        with asking(offers.needs(batch.resource)):
            return run_batch.submit(batch.title, batch, run.token, clock)

    progress = SearchProgress(run.token)
    driver = Driver(
        search,
        run.placements,
        partial(offers_here, settings),
        clock,
        submit,
        journal=journal,
        keep=partial(search_store.put_finished, store, run.token),
        say=lambda status: progress(_with_sizes(status, search)),
    )
    driver.drive()
    return Searched(search, driver.finished, clock)


def _with_sizes(status: dict[str, Any], search: Search) -> dict[str, Any]:
    """The status of a driver, with the customers that were judged in each place."""
    sizes: dict[str, int] = {}
    for key, study in search.studies.items():
        seen = (one.lift.customers for one in study.finished if one.lift)
        sizes[key.where] = max(sizes.get(key.where, 0), *seen, 0)
    best = {place: {**one, "customers": sizes[place]} for place, one in status["best"].items()}
    return {**status, "best": best}


@task(name="decide", cache_policy=NO_CACHE, task_run_name="decide")
def decide(run: SearchRun, searched: Searched) -> SearchResult:
    """Let the gate decide on the newest windows, and write the plans."""
    settings = load_settings()
    store = open_store(settings=settings)
    result = conclude(
        store,
        run,
        searched.search,
        searched.batches,
        partial(search_store.get_kept, store),
        load_markets(settings),
        seconds=searched.clock.spent(),
    )
    search_store.put_warm(store, warm(searched.search))
    return result


@task(name="report", cache_policy=NO_CACHE, task_run_name="report")
def report(result: SearchResult, searched: Searched) -> SearchResult:
    """Write the report and show it in Prefect; from here on the search is done."""
    store, search = open_store(settings=load_settings()), searched.search
    result = search_report.put_page(store, result)
    # Before the result, which nobody works on again. The search knows all outcomes that counted:
    # the journal has a step that was taken apart twice, and what was not begun not at all.
    tracking.spool(store, search_record(result, [*search.outcomes, *search.reported]))
    search_report.put_result(store, result)
    clear(result)
    try:
        search_report.show_in_prefect(result)
    except Exception:
        logger.exception("the server took no artifacts; the report is at %s", result.report)
    return result


@task(name="track", cache_policy=NO_CACHE, task_run_name="track in MLflow")
def track() -> None:
    """Write what waits to MLflow: this search, and what jobs before it left."""
    tracking.catch_up(load_settings())


def clear(result: SearchResult) -> None:
    """Remove what is of no use once a search is done; it may have been killed before that."""
    search_store.clear_kept(open_store(settings=load_settings()), result.token)
