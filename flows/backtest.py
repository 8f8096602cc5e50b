"""A backtest: every model on past windows, fresh and fitted long before, in every market."""

import datetime as dt
from typing import Any, Literal

from prefect import flow
from prefect.runtime import flow_run

from restock.infra.backtest_result import BacktestResult
from restock.infra.backtest_wishes import AGES, WINDOWS, Wishes, read_model
from restock.infra.incomplete import Incomplete
from restock.infra.packing import title
from restock.infra.runners import task_runner, warm_up
from restock.tasks import backtest as tasks
from restock.tasks.fan_out import fan_out


def run_name() -> str:
    """``backtest FR DE +9 before 2011-12-10``, as far as the parameters say."""
    given = flow_run.parameters
    if given.get("resume"):
        return f"backtest {given['resume']} again"
    which = title(given["markets"]) if given.get("markets") else given.get("group") or "all markets"
    day = given.get("as_of")
    return f"backtest {which}" + (f" before {day}" if day and day != "scheduled" else "")


@flow(
    name="backtest",
    flow_run_name=run_name,
    task_runner=task_runner(preload=["restock.tasks.backtest"]),
    persist_result=False,
)
def backtest(
    orders: str | None = None,
    markets: list[str] | None = None,
    group: str | None = None,
    as_of: dt.date | Literal["scheduled"] | None = None,
    reading: dict[str, Any] | None = None,
    models: list[str] | None = None,
    windows: int = WINDOWS,
    ages: tuple[int, ...] = AGES,
    instead: str | None = None,
    since: dt.date | None = None,
    resume: str | None = None,
) -> BacktestResult:
    """Fit models on past days and judge them on the windows that followed.

    orders, markets, group, as_of, reading: as ``retrain`` takes them; all markets teach what is
    pooled. models: names, with a scope if need be, as in blend:market (None: eight usual ones);
    the plan in service of every market is judged beside them. windows: how many, the newest
    ones. ages: days before the cut-off at which models are fitted too. instead, since: what the
    lists of this model would have named from that day on, in money. resume: the token of a
    backtest that was cut off: it goes on where it stood, and nothing else is to be given. The
    same command goes on by itself.

    Markets fail one by one: the others are judged, and the run then ends Failed.
    """
    started = tasks.Clocks.now()
    if resume:  # what is finished, or unknown, needs no workers: none are started for it
        run = tasks.resume(resume)
        if (known := tasks.known_result(run)) is not None:
            return known
        warm_up()
    else:
        warm_up()
        wishes = Wishes(
            models=tuple(read_model(name) for name in models or ()),
            windows=windows,
            ages=ages,
            instead=read_model(instead) if instead else None,
            since=since,
        )
        run = tasks.prepare(orders, markets, group, as_of, reading, wishes)
    known = tasks.known_result(run)
    if known is not None:
        return known
    judged = fan_out(tasks.judge_batch, run, tasks.batches(run), "judging")
    result = tasks.finish(run, judged.results, judged.failures, started)
    if result.failed:
        raise Incomplete(result)
    tasks.report(result)
    tasks.track()
    return result
