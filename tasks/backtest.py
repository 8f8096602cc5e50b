"""The tasks of a backtest: names, retries and references around ``restock.infra``."""

import datetime as dt
import logging
import os
import threading
import time
from collections.abc import Sequence
from typing import Any, Literal, NamedTuple, Self

from prefect import task
from prefect.cache_policies import NO_CACHE

from restock.evaluation.backtest.grid import FitUnit
from restock.infra import backtest_store, backtest_summary, tracking
from restock.infra.backtest_analysis import conclude
from restock.infra.backtest_plan import plan_backtest
from restock.infra.backtest_report import render
from restock.infra.backtest_result import BacktestResult
from restock.infra.backtest_run import BacktestRun
from restock.infra.backtest_tracking import backtest_record
from restock.infra.backtest_wishes import Wishes
from restock.infra.backtest_work import Worked, do_units
from restock.infra.feed import take_in
from restock.infra.markets import load_markets
from restock.infra.progress import live
from restock.infra.runners import thread_plan
from restock.infra.settings import load_settings
from restock.infra.store import open_store

logger = logging.getLogger(__name__)


class Clocks(NamedTuple):
    """When something began, by ``time.monotonic`` and by the CPU time of this process."""

    wall: float
    cpu: float

    @classmethod
    def now(cls) -> Self:
        """Both, now."""
        return cls(time.monotonic(), time.process_time())


@task(name="ingest", cache_policy=NO_CACHE, task_run_name="ingest orders")
def prepare(
    orders: str | None,
    markets: list[str] | None,
    group: str | None,
    as_of: dt.date | Literal["scheduled"] | None,
    reading: dict[str, Any] | None,
    wishes: Wishes,
) -> BacktestRun:
    """Read the orders, and decide what is judged; the store has it from here on."""
    settings = load_settings()
    threading.Thread(target=tracking.prepare, args=[settings], daemon=True).start()
    store, declared = open_store(settings=settings), load_markets(settings)
    feed = take_in(store, declared, orders, markets, group, as_of, reading)
    run = plan_backtest(store, feed, declared, wishes)
    backtest_store.put_run(store, run)
    live.info("backtest %s", run.token, extra={"backtest": run.token})
    return run


@task(name="resume", cache_policy=NO_CACHE, task_run_name="resume {token}")
def resume(token: str) -> BacktestRun:
    """What a backtest set out to do. ValueError: there is none of this name."""
    return backtest_store.get_run(open_store(settings=load_settings()), token)


def known_result(run: BacktestRun) -> BacktestResult | None:
    """The record, where the same backtest was done before."""
    return backtest_store.get_result(open_store(settings=load_settings()), run.token)


def batches(run: BacktestRun) -> list[list[FitUnit]]:
    """What is not finished, in batches of comparable cost."""
    settings = load_settings()
    there = backtest_store.finished(open_store(settings=settings), run.token)
    left = [unit for unit in run.units() if backtest_store.unit_id(unit) not in there]
    if there:
        logger.info("%d units are finished already, %d are left", len(there), len(left))
    return run.batches(left, thread_plan(settings).slots)


@task(cache_policy=NO_CACHE, task_run_name="fit and judge {title}", retries=1)
def judge_batch(title: str, run: BacktestRun, units: list[FitUnit]) -> Worked:
    """Fit on past days and judge on the windows after; the scorecards go to the store."""
    settings = load_settings()
    return do_units(run, units, settings, thread_plan(settings))


@task(name="conclude", cache_policy=NO_CACHE, task_run_name="conclude")
def finish(
    run: BacktestRun,
    worked: Sequence[Worked],
    failures: Sequence[tuple[FitUnit, str]],
    started: Clocks,
) -> BacktestResult:
    """Read the scorecards, compare, write the record and the page."""
    settings = load_settings()
    store, declared = open_store(settings=settings), load_markets(settings)
    cores = thread_plan(settings).cores
    found = backtest_store.get_done(store, run.token, run.units())
    result = conclude(run, found, failures, declared)
    seconds = time.monotonic() - started.wall
    elsewhere = [one for one in worked if one.process != os.getpid()]
    cpu = time.process_time() - started.cpu + sum(one.cpu_seconds for one in elsewhere)
    result = result.model_copy(
        update={"seconds": round(seconds, 1), "core_use": round(cpu / (cores * seconds), 3)}
    )
    result = backtest_store.put_page(store, result, render(result))
    if not result.failed:  # else the same command tries again what failed
        tracking.spool(store, backtest_record(result))  # first: what is done is not done again
        backtest_store.put_result(store, result)
    return result


@task(name="report", cache_policy=NO_CACHE, task_run_name="report")
def report(result: BacktestResult) -> None:
    """Show the result in Prefect."""
    try:
        backtest_summary.show_in_prefect(result)
    except Exception:
        logger.exception("the server took no artifacts; the report is at %s", result.report)


@task(name="track", cache_policy=NO_CACHE, task_run_name="track in MLflow")
def track() -> None:
    """Write what waits to MLflow: this backtest, and what jobs before it left."""
    tracking.catch_up(load_settings())
