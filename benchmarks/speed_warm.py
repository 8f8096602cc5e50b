"""What does the first day after ``restock warm`` still compile? Two code caches, empty at first.

warm_start_compile_seconds  compiled in a new process that does everything once on real orders: a
                            night from the files to the publication, every model that runs here
                            (fit, lists, evaluation, file), a comparison, drift. Agreement: the
                            kernels without code after warming
warm_start_load_seconds     read from the cache by that process
cold_start_compile_seconds  the same day in a process with an empty cache
warm_seconds                ``restock warm`` into an empty cache
warm_again_seconds          into a full one

Seconds on the clock; how many cores ``restock warm`` had is its peer column.
"""

import datetime as dt
import json
import os
import subprocess
import sys
import tempfile
import time
from collections.abc import Iterator, Sequence
from pathlib import Path
from typing import Any, get_args

import numba.core.event as events
import numpy as np

from restock.benchmarks.figures import Figure, report, wants_json
from restock.dataset import Interactions, load_sample
from restock.evaluation import Objective, compare, evaluate, rolling_folds
from restock.evaluation.contest import judge
from restock.infra.deciding import decide
from restock.infra.feed import take_in
from restock.infra.local_store import LocalStore
from restock.infra.markets import load_markets
from restock.infra.programme import plan_night
from restock.infra.publishing import publish_all
from restock.infra.refitting import Refitting
from restock.infra.settings import load_settings
from restock.infra.snapshots import open_snapshot
from restock.infra.warm import every_kernel
from restock.kernels.cores import available_cores
from restock.models import FitContext, available, create
from restock.models.base import History
from restock.models.registry import load, model_class
from restock.monitoring.columns import compare_columns
from restock.monitoring.data_drift import check_data
from restock.monitoring.line_table import line_table

MARKETS = ["BE", "DE", "FR"]
K = 10
DAY = (
    "import json, sys; from restock.benchmarks import speed_warm; "
    "print(json.dumps(speed_warm.day(sys.argv[1:])))"
)


def figures() -> Iterator[Figure]:
    """Both ways into the day."""
    with tempfile.TemporaryDirectory() as first, tempfile.TemporaryDirectory() as second:
        cold = first_day(Path(first))
        warmed, again = warm(Path(second)), warm(Path(second))
        day = first_day(Path(second))
    missing, cores = ", ".join(warmed["missing"]) or "none", f"{available_cores()} cores"
    yield Figure("warm_start_compile_seconds", day["compile"], "s", agreement=missing)
    yield Figure("warm_start_load_seconds", day["load"], "s")
    yield Figure("cold_start_compile_seconds", cold["compile"], "s")
    yield Figure("warm_seconds", warmed["seconds"], "s", peer=cores)
    yield Figure("warm_again_seconds", again["seconds"], "s", peer=cores)


def warm(cache: Path) -> dict[str, Any]:
    """What ``restock warm`` says, with this folder as the user's cache."""
    return in_new_process(
        "from restock.cli.main import main; main()", "warm", "--json", cache=cache
    )


def first_day(cache: Path | None, markets: Sequence[str] = MARKETS) -> dict[str, Any]:
    """What ``day`` says in a new process, with this folder as the user's cache."""
    said: dict[str, Any] = in_new_process(DAY, *markets, cache=cache)
    return said


def in_new_process(script: str, *arguments: str, cache: Path | None) -> Any:
    """The JSON that a Python script prints; cache: None for the user's own."""
    here = {name: value for name, value in os.environ.items() if not name.startswith("NUMBA_")}
    done = subprocess.run(
        [sys.executable, "-c", script, *arguments],
        env=here | ({"XDG_CACHE_HOME": str(cache)} if cache else {}),
        stdout=subprocess.PIPE,
        text=True,
        check=False,
    )
    if not done.stdout:
        raise RuntimeError(f"{script!r} said nothing and ended with {done.returncode}")
    return json.loads(done.stdout)


def day(markets: Sequence[str]) -> dict[str, Any]:
    """Do everything once on the orders of these markets.

    Seconds to compile and to load, the names of what was compiled, and what was ``used``.
    """
    clock = _Compiling()
    events.register("numba:compile", clock)
    loading = _time_loading()
    with tempfile.TemporaryDirectory() as folder:
        frame = load_sample().orders
        frame = frame[frame["market"].isin(markets)]
        frame.to_parquet(Path(folder) / "orders.parquet")
        interactions = _night(Path(folder))
        _models(Interactions.from_frame(frame), Path(folder))
        _models(interactions, Path(folder))
        _drift(interactions)
    return {
        "compile": clock.seconds,
        "load": sum(loading),
        "compiled": sorted(clock.names),
        "used": used(),
    }


def used() -> dict[str, list[str]]:
    """The kinds of arguments that this process has called every kernel with."""
    return {name: sorted(map(str, kernel.signatures)) for name, kernel in every_kernel()}


def _night(folder: Path) -> Interactions:
    """The steps of the flow, in this process; every market publishes."""
    settings = load_settings(home=folder / "home")
    store, markets, context = LocalStore(folder / "store"), load_markets(settings), FitContext()
    orders = str(folder / "orders.parquet")
    ingested = take_in(store, markets, orders, None, None, None, None).ingested
    interactions = open_snapshot(ingested.snapshot, settings)
    programme = plan_night(store, ingested, markets, None)
    judged = [
        judgement
        for batch in programme.judging(1)
        for unit in batch
        for judgement in judge(interactions, unit, programme.fold_plans, context)
    ]
    decided = decide(programme, judged, markets, [])
    refit = Refitting(store, ingested.snapshot, interactions, programme.fold_plans, None, context)
    batches = programme.refitting(decided.chosen, decided.evidence, 1)
    staged = {one.market: one for batch in batches for unit in batch for one in refit.run(unit)}
    published = publish_all(store, programme, staged)
    if {one.state for one in published.values()} != {"published"}:
        raise RuntimeError(f"the night failed: {published}")
    return interactions


def _models(interactions: Interactions, folder: Path) -> None:
    """Every model that runs here, fitted on a fold and on everything."""
    fold = rolling_folds(interactions, windows=2)[0]
    everyone, cards = np.concatenate([fold.customers, fold.cold]), []
    for name in (name for name, state in available().items() if state == "ready"):
        found = model_class(name)
        short = {found.effort: 2} if found.effort else {}  # rounds are not what is measured
        model = create(name, **short).fit(fold.train)
        cards.append(evaluate(model.recommend(everyone, K, allowed=fold.candidates), fold))
        create(name, **short).fit(interactions).save(folder / name)
        loaded = load(folder / name)
        for history in get_args(History):
            loaded.recommend(interactions.customers, K, history=history)
    compare(cards[0], cards[1], Objective())


def _drift(interactions: Interactions) -> None:
    for market in interactions.catalogue.markets:
        check_data(interactions, market, as_of=interactions.as_of_date)
    end = interactions.as_of_date
    table = line_table(interactions, end - dt.timedelta(days=60), end)
    compare_columns(table[::2], table[1::2])


class _Compiling(events.Listener):  # type: ignore[misc]
    """Seconds within compilations, those within another one not counted twice."""

    def __init__(self) -> None:
        self.seconds, self.names = 0.0, list[str]()
        self._depth, self._began = 0, 0.0

    def on_start(self, event: Any) -> None:
        if self._depth == 0:
            self._began = time.perf_counter()
        self._depth += 1

    def on_end(self, event: Any) -> None:
        self._depth -= 1
        self.names.append(event.data["dispatcher"].py_func.__qualname__)
        if self._depth == 0:
            self.seconds += time.perf_counter() - self._began


def _time_loading() -> list[float]:
    """Time every code that is read from the cache from now on."""
    from numba.core.caching import FunctionCache

    seconds, load_overload = list[float](), FunctionCache.load_overload

    def timed(self: Any, *arguments: Any) -> Any:
        began = time.perf_counter()
        found = load_overload(self, *arguments)
        seconds.append(time.perf_counter() - began)
        return found

    FunctionCache.load_overload = timed
    return seconds


if __name__ == "__main__":
    report(figures(), wants_json(__doc__))
