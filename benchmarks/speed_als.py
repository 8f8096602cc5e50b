"""Speed of ``als``: its CPU engine beside Spark's MLlib, on a million pairs.

``als_1m_vs_spark``: seconds of a fit by Spark over seconds of a fit on the CPU, both with two
cores, 64 factors and 5 iterations, on a million distinct pairs of 50,000 customers and 5,000
items. Spark is warm: it has fitted once. Before a clock starts, both are fitted on the orders
before the last four weeks and judged on those; their ndcg_at_10 may differ by 1 %.
"""

from collections.abc import Iterator

from restock.benchmarks.figures import Figure, report, wants_json
from restock.benchmarks.growth import medians, orders
from restock.evaluation import evaluate, rolling_folds
from restock.evaluation.folds import Fold
from restock.infra.spark import spark_session
from restock.models import FitContext, create
from restock.models.als import Als

CORES, FACTORS, ITERATIONS = 2, 64, 5
K = 10
ROUNDS = 3
MOST_APART = 0.01


def figures() -> Iterator[Figure]:
    """The one figure."""
    here, there = FitContext(threads=CORES), FitContext(spark=spark_session(CORES))
    train = orders()
    fold = rolling_folds(train, horizon_days=28, windows=1)[0]
    mine, theirs = quality(fold, here), quality(fold, there)
    apart = abs(mine / theirs - 1)
    if apart > MOST_APART:
        raise RuntimeError(f"ndcg_at_{K} is {mine:.4f} on the CPU and {theirs:.4f} on Spark")
    cpu, spark = medians(
        ROUNDS,
        lambda: model().fit(train, here),
        lambda: model().fit(train, there),
    )
    yield Figure(
        "als_1m_vs_spark",
        spark / cpu,
        "times",
        peer=f"MLlib on local[{CORES}], {spark:.1f} s against {cpu:.2f} s",
        agreement=f"ndcg_at_{K} {mine:.4f} and {theirs:.4f}, {apart:.2%} apart",
    )


def model() -> Als:
    """Both sides' configuration."""
    made = create("als", factors=FACTORS, iterations=ITERATIONS)
    assert isinstance(made, Als)
    return made


def quality(fold: Fold, context: FitContext) -> float:
    """ndcg_at_10 of a fit on the past of the fold."""
    lists = model().fit(fold.train, context).recommend(fold.customers, K, allowed=fold.candidates)
    return evaluate(lists, fold, k=K).mean()[f"ndcg_at_{K}"]


def main() -> None:
    """``python -m restock.benchmarks.speed_als [--json]``"""
    as_json = wants_json(__doc__)
    report(figures(), as_json)


if __name__ == "__main__":
    main()
