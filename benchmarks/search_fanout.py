"""What it costs to send trials out: many small studies through Prefect and Dask, and back."""

import os
import tempfile
import time
from collections.abc import Iterator, Sequence
from dataclasses import dataclass, field
from pathlib import Path
from types import SimpleNamespace
from typing import Any

import psutil

from restock.benchmarks.figures import Figure
from restock.tuning.brief import Brief
from restock.tuning.spending import Spending
from restock.tuning.trials import Ask, Outcome, Step, StudyKey, Told

FAMILIES = ("popular", "reorder", "item_knn", "sar", "tifu_knn", "up_cf")
ROUND = 10
"""Trials that a study asks for at a time, knowing what came of those before."""


@dataclass
class Grid:
    """The same number of trials for every market and family: what a driver takes for a search."""

    brief: Brief
    trials: int
    outcomes: list[Outcome] = field(default_factory=list)
    phase: str = "own"

    def __post_init__(self) -> None:
        self.spending = Spending(self.brief)
        self._studies = [
            StudyKey(where=market, family=family)
            for market in self.brief.markets
            for family in self.brief.families
        ]
        self._open = len(self._studies)
        self._ready = [self._step(key, 0, ()) for key in self._studies]

    @property
    def done(self) -> bool:
        """Whether every study had all its trials."""
        return self._open == 0

    def ready(self, seconds_left: float | None = None) -> list[Step]:
        """Rounds that can start."""
        found, self._ready = self._ready, []
        return found

    def tell(self, step: Step, outcomes: Sequence[Outcome]) -> None:
        """The next round of the study knows the outcomes of this one."""
        self.outcomes += outcomes
        first = max(one.trial.index for one in outcomes) + 1
        if first >= self.trials:
            self._open -= 1
            return
        before = step.ask.history if step.ask else ()
        told = [
            Told(point=one.trial.candidate.config, value=one.lift.value if one.lift else None)
            for one in outcomes
        ]
        self._ready.append(self._step(step.study, first, (*before, *told)))

    def status(self) -> dict[str, Any]:
        """How far it is."""
        planned = self.trials * len(self._studies)
        return {"phase": self.phase, "trials": len(self.outcomes), "planned": planned}

    def _step(self, key: StudyKey, first: int, history: tuple[Told, ...]) -> Step:
        ask = Ask(count=min(ROUND, self.trials - first), first=first, seed=first, history=history)
        top = len(self.brief.setting.policy.rungs) - 1
        return Step(study=key, rung=top, windows=(3,), ask=ask)


def fan_out(markets: int, trials: int, customers: int) -> Iterator[Figure]:
    """Figures of ``markets`` × six families × ``trials`` on simulated orders, on this machine."""
    with tempfile.TemporaryDirectory() as folder:
        os.environ |= {"RESTOCK_HOME": folder, "RESTOCK_RUNNER": "dask"}
        yield from _measured(Path(folder), markets, trials, customers)


def _measured(home: Path, markets: int, trials: int, customers: int) -> Iterator[Figure]:
    from restock.dataset import simulate
    from restock.infra.prefect_env import connect
    from restock.infra.settings import load_settings

    orders = home / "orders.parquet"
    sizes = [customers] * markets
    simulate(markets=markets, customers=sizes, items=400, days=330, seed=1).orders.to_parquet(
        orders
    )
    with connect(load_settings()) as connection:
        connection.wait()
        spent = _flow(str(orders), trials)
    yield from _figures(spent)


def _figures(spent: Any) -> Iterator[Figure]:
    cores, wall, outcomes = spent.cores, spent.wall, spent.outcomes
    failed = [one for one in outcomes if one.failure not in ("", "diverged")]
    if failed:
        raise RuntimeError(f"{len(failed)} trials failed, as {failed[0].reason}")
    if spent.threads > cores:
        raise RuntimeError(f"{spent.threads} threads at work on {cores} cores")
    model = sum(one.seconds for one in outcomes)
    free = wall * cores - spent.others
    n = len(outcomes)
    yield Figure("fan_out_trials", n, "trials")
    yield Figure("fan_out_seconds", round(wall, 1), "s")
    yield Figure("prefect_tasks", spent.batches, "tasks")
    yield Figure("model_ms_per_trial", round(1000 * model / n, 2), "ms")
    yield Figure("overhead_ms_per_trial", round(1000 * (free - model) / n, 2), "ms")
    yield Figure("core_use", round(spent.ours / free, 3), "share of the cores")
    yield Figure("flow_ms_per_trial", round(1000 * spent.flow / n, 2), "ms")
    yield Figure("threads_at_work", spent.threads, "threads", peer=f"{cores} cores")


def _flow(orders: str, trials: int) -> Any:
    """Drive a grid in a Prefect flow on a Dask cluster of our own."""
    from prefect import flow

    from restock.infra.runners import task_runner, warm_up
    from restock.infra.search_brief import Wishes
    from restock.tasks import search as tasks

    @flow(name="fan-out", task_runner=task_runner(preload=["restock.tasks.search"]))
    def fan() -> Any:
        warm_up().join()
        feed = tasks.ingest_orders(orders, None, None, None, None)
        run = tasks.plan_search(feed, Wishes(families=FAMILIES, trials=trials))
        grid = Grid(run.brief, trials)
        before = _Used.now()
        searched = tasks.drive(run, grid, time.time())  # type: ignore[arg-type]
        return before.until_now(grid, len(searched.batches))

    return fan()


@dataclass(frozen=True)
class _Used:
    """CPU seconds of our processes, of this one alone, and of the whole machine."""

    at: float
    ours: float
    flow: float
    machine: float

    @classmethod
    def now(cls) -> "_Used":
        root = psutil.Process()
        mine = root.cpu_times()
        ours = mine.user + mine.system
        for child in root.children(recursive=True):
            used = child.cpu_times()
            ours += used.user + used.system
        whole = psutil.cpu_times()
        machine = sum(whole) - whole.idle - getattr(whole, "iowait", 0.0)
        return cls(time.monotonic(), ours, mine.user + mine.system, machine)

    def until_now(self, grid: Grid, batches: int) -> Any:
        """What was used since. others: by processes that are not ours."""
        from restock.infra.runners import thread_plan
        from restock.infra.settings import load_settings

        end, plan = _Used.now(), thread_plan(load_settings())
        ours = end.ours - self.ours
        return SimpleNamespace(
            cores=plan.cores,
            wall=end.at - self.at,
            ours=ours,
            flow=end.flow - self.flow,
            others=max(end.machine - self.machine - ours, 0.0),
            outcomes=grid.outcomes,
            batches=batches,
            threads=_threads_at_work(),
        )


def _threads_at_work() -> int:
    """The threads that numeric libraries may use, added up over the workers."""
    from prefect.context import FlowRunContext

    context = FlowRunContext.get()
    client = getattr(context.task_runner if context else None, "client", None)
    if client is None:
        raise RuntimeError("call this in a flow that runs on Dask")
    return sum(client.run(_largest_pool).values())


def _largest_pool() -> int:
    import numba
    import threadpoolctl

    pools = [pool["num_threads"] for pool in threadpoolctl.threadpool_info()]
    return int(max([numba.get_num_threads(), *pools]))
