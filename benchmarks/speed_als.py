"""Speed of ``als``: its CPU engine beside Spark's MLlib, on a million pairs.

als_1m_vs_spark      seconds of a fit by Spark over seconds of a fit on the CPU, both on two cores,
                     with 64 factors and 5 iterations, on a million distinct pairs of 50,000
                     customers and 5,000 items (``benchmarks.growth``). Spark is warm: it has
                     fitted once. Agreement: how far their ndcg_at_10 is apart, when fitted on
                     the orders before the last four weeks and judged on those; 1 % at most.
als_1m_vs_spark_cpu  the same with CPU seconds, Spark's Java included: what does not depend on
                     other programs on the machine
als_1m_seconds       ours
"""

import time
from collections.abc import Callable, Iterator
from functools import partial
from typing import Any

import numpy as np
import psutil

from restock.benchmarks.figures import Figure, report, wants_json
from restock.benchmarks.growth import ROUNDS, orders
from restock.evaluation import evaluate, rolling_folds
from restock.evaluation.folds import Fold
from restock.infra.spark import spark_session
from restock.models import FitContext, create

CORES, K = 2, 10
CONFIG: dict[str, Any] = {
    "factors": 64,
    "iterations": 5,
    "alpha": 1.0,
    "regularisation": 0.1,
    "half_life_days": None,
}
MOST_APART = 0.01


def figures() -> Iterator[Figure]:
    """The two ratios and our seconds."""
    here, there = FitContext(threads=CORES), FitContext(spark=spark_session(CORES))
    train = orders()
    fold = rolling_folds(train, horizon_days=28, windows=1)[0]
    mine, theirs = quality(fold, here), quality(fold, there)
    apart = abs(mine / theirs - 1)
    if apart > MOST_APART:
        raise RuntimeError(f"ndcg_at_{K} is {mine:.4f} on the CPU and {theirs:.4f} on Spark")
    rounds = [
        [clocks(partial(create("als", **CONFIG).fit, train, how)) for how in (here, there)]
        for _ in range(ROUNDS)
    ]
    (wall, cpu), (spark_wall, spark_cpu) = np.median(rounds, axis=0).tolist()
    peer = f"MLlib on local[{CORES}]"
    yield Figure("als_1m_vs_spark", spark_wall / wall, "ratio", peer=peer, agreement=apart)
    yield Figure("als_1m_vs_spark_cpu", spark_cpu / cpu, "ratio", peer=peer, agreement=apart)
    yield Figure("als_1m_seconds", wall, "s", agreement=apart)


def quality(fold: Fold, context: FitContext) -> float:
    """ndcg_at_10 of a fit on the past of the fold."""
    model = create("als", **CONFIG).fit(fold.train, context)
    lists = model.recommend(fold.customers, K, allowed=fold.candidates)
    return evaluate(lists, fold, k=K).mean()[f"ndcg_at_{K}"]


def clocks(work: Callable[[], object]) -> tuple[float, float]:
    """Seconds by the wall clock, and CPU seconds of this process and its children."""
    wall, cpu = time.perf_counter(), cpu_of_all()
    work()
    return time.perf_counter() - wall, cpu_of_all() - cpu


def cpu_of_all() -> float:
    """CPU seconds so far, of this process and its children."""
    me = psutil.Process()
    times = [process.cpu_times() for process in (me, *me.children(recursive=True))]
    return float(sum(spent.user + spent.system for spent in times))


def main() -> None:
    """``python -m restock.benchmarks.speed_als [--json]``"""
    as_json = wants_json(__doc__)
    report(figures(), as_json)


if __name__ == "__main__":
    main()
