"""A batch of a backtest, on the worker that does it."""

import os
import time
from collections.abc import Sequence

from pydantic import BaseModel, ConfigDict

from restock.evaluation.backtest.grid import FitUnit
from restock.evaluation.backtest.running import run_unit
from restock.infra import backtest_store
from restock.infra.backtest_run import BacktestRun
from restock.infra.settings import Settings
from restock.infra.snapshots import open_snapshot
from restock.infra.store import open_store
from restock.infra.threads import ThreadPlan
from restock.models import FitContext


class Worked(BaseModel):
    """A batch that is done. cpu_seconds: what the process of this number computed for it."""

    model_config = ConfigDict(frozen=True, extra="forbid")

    cpu_seconds: float
    process: int


def do_units(
    run: BacktestRun, units: Sequence[FitUnit], settings: Settings, threads: ThreadPlan
) -> Worked:
    """Fit and judge; each unit is in the store as soon as it is done, and not done twice."""
    clock = time.process_time if threads.threads_per_worker == 1 else time.thread_time
    began = clock()
    store = open_store(settings=settings)
    interactions = open_snapshot(run.ingested.snapshot, settings)
    context = FitContext(threads=threads.task_threads)
    there = backtest_store.finished(store, run.token)
    with threads.limit():
        for unit in units:
            if backtest_store.unit_id(unit) not in there:
                found = run_unit(interactions, unit, run.grid, context)
                backtest_store.put_done(store, run.token, unit, found)
    return Worked(cpu_seconds=clock() - began, process=os.getpid())
