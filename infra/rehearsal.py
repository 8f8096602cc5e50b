"""Everything that compiles kernels, done once on a small world: what ``restock warm`` runs.

Machine code is made for the types of the arguments, so that a part calls what users call, on data
as users have them: in memory, memory-mapped (whose arrays are read-only), cut at a day, and of so
many items that hardly any two share a customer. It names no kernel; a test holds that none is
left out.
"""

import datetime as dt
import tempfile
from collections.abc import Callable, Iterator
from dataclasses import dataclass
from functools import cached_property
from pathlib import Path
from typing import Any

import numpy as np
import pandas as pd

from restock.dataset import Interactions, read_orders, simulate
from restock.dataset import columns as c
from restock.dataset.simulate import Simulation
from restock.dataset.simulated_shop import uniform_policy
from restock.dataset.simulator_statistics import statistics
from restock.evaluation import Fold, evaluate, rolling_folds
from restock.evaluation.significance import resampled_sums
from restock.models import FitContext, available, create
from restock.models.base import Recommender
from restock.models.registry import load, model_class
from restock.models.rows import total_cost
from restock.models.sharded import Sharded, ShardedNeighbours, merge, needed
from restock.models.shared import Shared
from restock.models.space import Choice, Conditional, Dimension, PowerOfTwo
from restock.monitoring.columns import compare_columns
from restock.monitoring.confirming import chance_of
from restock.monitoring.data_drift import check_data
from restock.monitoring.market_days import MarketDays
from restock.monitoring.statistics import STATISTICS
from restock.tuning.here import brief_here, search_here
from restock.tuning.policy import SearchPolicy

K = 10
START = dt.date(2024, 1, 1)
WINDOW = 28  # days
CUSTOMERS, ITEMS, DAYS = {"FR": 120, "DE": 40}, 60, 420


@dataclass(frozen=True)
class Stage:
    """A small world of orders in a scratch folder, made when it is first looked at."""

    scratch: Path

    @cached_property
    def world(self) -> Simulation:
        """What customers bought without being shown anything."""
        return simulate(customers=CUSTOMERS, items=ITEMS, days=DAYS, start=START)

    @cached_property
    def file(self) -> Path:
        """The orders as a file, some of them cancelled."""
        path = self.scratch / "orders.parquet"
        orders = self.world.orders
        cancelled = orders.iloc[::50].assign(**{c.QUANTITY: -1.0})
        pd.concat([orders, cancelled], ignore_index=True).to_parquet(path)
        return path

    @cached_property
    def kinds(self) -> tuple[Interactions, ...]:
        """The orders as interactions: in memory, and opened from the disk."""
        here = Interactions.from_frame(read_orders(self.file).orders)
        here.save(self.scratch / "snapshot")
        return here, Interactions.open(self.scratch / "snapshot")

    @cached_property
    def sparse(self) -> Interactions:
        """Orders of many items by few customers."""
        return simulate(customers={"FR": 60}, items=3000, days=100, start=START).interactions()

    @cached_property
    def folds(self) -> tuple[Fold, ...]:
        """The newest window of each of the two kinds."""
        return tuple(rolling_folds(kind, windows=1)[0] for kind in self.kinds)


Part = Callable[[Stage], object]


def parts() -> dict[str, Part]:
    """What there is to rehearse, by name: every part alone, in any order."""
    models = [name for name, state in available().items() if state == "ready"]
    return {
        "orders": _orders,
        "gate": _gate,
        "drift": _drift,
        "search": _search,
        "simulator": _simulator,
        **{name: _model(name) for name in models},
    }


def rehearse(name: str) -> None:
    """Run one part in a scratch folder that is gone afterwards."""
    with tempfile.TemporaryDirectory(prefix="restock-warm-") as scratch:
        parts()[name](Stage(Path(scratch)))


def _orders(stage: Stage) -> None:
    read_orders(stage.world.orders)  # a frame's codes can be written to, a file's cannot
    _ = stage.folds


def _gate(_: Stage) -> None:
    resampled_sums(np.ones((3, 2)), 4, seed=0)


def _model(name: str) -> Part:
    def fit_and_list(stage: Stage) -> None:
        trains = *stage.kinds, stage.sparse, *(fold.train for fold in stage.folds)
        for config in _configs(name):
            for interactions in trains:
                for context in _contexts(name):
                    _list(create(name, **config).fit(interactions, context), interactions)
        for fold in stage.folds:
            create(name, **next(_configs(name))).fit(fold.train).save(stage.scratch / name)
            model, everyone = (
                load(stage.scratch / name),
                np.concatenate([fold.customers, fold.cold]),
            )
            evaluate(model.recommend(everyone, K, allowed=fold.candidates), fold).mean()
            _list(model, fold.train)
        for interactions in stage.kinds:
            _fit_by_shards(create(name), interactions)

    return fit_and_list


def _fit_by_shards(model: Recommender[Any], interactions: Interactions) -> None:
    """As workers of a cluster do; so few lines are one shard, which is taken twice."""
    if not isinstance(model, Sharded):
        return
    shards = [interactions.shard(0)] * 2
    counts = merge([model.count_shard(shard) for shard in shards])
    if isinstance(model, ShardedNeighbours):
        rows, buyers = [model.rows_of_shard(shard, counts) for shard in shards], counts["buyers"]
        about = (model.way, rows, buyers, total_cost(rows))
        cut = [needed(*about, (part, part + 1, 2)) for part in range(2)]
        found = [model.way.compare(cut[part], buyers, part, 2) for part in range(2)]
        counts |= model.way.complete(buyers, model.way.join(found))
    _list(model.fit_shard(shards[0], counts), interactions)


def _contexts(name: str) -> Iterator[FitContext]:
    """Alone, beside other fits on the same orders, and on two threads, whose parts are joined."""
    yield FitContext()
    yield FitContext(shared=Shared())
    if not model_class(name).effort:  # torch and LightGBM would take more than the plan gives
        yield FitContext(threads=2)


def _list(model: Recommender[Any], interactions: Interactions) -> None:
    allowed = np.ones(interactions.n_items, dtype=bool)
    model.recommend(interactions.customers, K, history="any")
    model.recommend(interactions.customers, K, history="new", allowed=allowed)
    model.recommend(interactions.customers[:1], K, history="repeat")
    model.scores(interactions.customers)


def _configs(name: str) -> Iterator[dict[str, Any]]:
    """The defaults, the presets, and what a search may choose, one field at a time.

    Every option, and the lower end of a range. A model that learns in rounds learns in one.
    """
    found = model_class(name)
    short = {found.effort: 1} if found.effort else {}
    yield short
    if found.effort:
        return  # its options change how it learns, no kernel
    yield from ({**preset, **short} for preset in found.presets.values())
    for field, dimension in found.space.items():
        yield from ({field: option, **short} for option in _options(dimension))


def _options(dimension: Dimension) -> tuple[Any, ...]:
    if isinstance(dimension, Conditional):
        return _options(dimension.then)
    if isinstance(dimension, Choice):
        return dimension.options
    return (2**dimension.low if isinstance(dimension, PowerOfTwo) else dimension.low,)


def _drift(stage: Stage) -> None:
    here = stage.kinds[0]
    for interactions in stage.kinds:
        check_data(interactions, "FR", as_of=interactions.as_of_date)
    days = MarketDays.of(here, "FR", here.as_of_date, None)
    for statistic in STATISTICS:
        if statistic.by_customer:
            chance_of(days, statistic.name, days.days, WINDOW)
    frame = pd.DataFrame({"value": here.value, "market": here.market.astype(str)})
    compare_columns(frame[::2], frame[1::2])


def _search(stage: Stage) -> None:
    # nothing is stopped, so that there is something to mix
    policy = SearchPolicy(bracket=3, selection_windows=1, report_windows=1, stop_z=1e3)
    for interactions in stage.kinds:
        brief = brief_here(interactions, ["reorder", "sar", "tifu_knn"], trials=18, policy=policy)
        search_here(interactions, brief)


def _simulator(stage: Stage) -> None:
    statistics(stage.kinds[0])
    shown = simulate(customers=CUSTOMERS, items=ITEMS, days=60, policy=uniform_policy(3))
    someone, day = np.arange(20, dtype=np.int32), START + dt.timedelta(days=30)
    truth = shown.truth
    truth.purchase_probability(someone, day)
    truth.visits("FR", day)
    truth.future(someone, day, 7)
