"""What does sharing save? Trials of one family on the bundled orders of the largest market.

CPU seconds of fitting each configuration alone over those of fitting all of them with one
``Shared``; listing ten items for the judged customers is part of both. Agreement: the share of
lists of these very fits that are equal, place by place and score by score.

sharing_sar_30_vs_refit         30 configurations of `sar`: item counts are shared, in tiles whose
                                bounds leave out most of the scoring
sharing_sar_30_in_fits          all 30 together, in fits of the default configuration, with lists
sharing_rerank_5_vs_refit       5 of `rerank` that differ in the size of trees: members, features
sharing_wide_deep_3_vs_refit    3 of `wide_deep`, one epoch, in a smaller market: views
"""

import time
from collections.abc import Iterator, Sequence
from typing import Any

import numpy as np

from restock.benchmarks.figures import Figure
from restock.dataset import Interactions, load_sample
from restock.evaluation.contest import FoldPlan
from restock.evaluation.folds import Fold
from restock.models import FitContext, Recommendations, Shared, create

K = 10
Configs = Sequence[dict[str, Any]]


def figures() -> Iterator[Figure]:
    """All figures."""
    orders = Interactions.from_frame(load_sample().orders)
    large, small = (FoldPlan().folds(orders.of_market(market))[-1] for market in ("GB", "FR"))
    configs = sar_configs(30)
    ratio, shared = compare("sharing_sar_30_vs_refit", large, "sar", configs)
    yield ratio
    one = seconds(large, "sar", [{}] * 5, share=False)[0] / 5
    yield Figure("sharing_sar_30_in_fits", shared / one, "fits", agreement=ratio.agreement)
    yield compare("sharing_rerank_5_vs_refit", large, "rerank", tree_configs(5))[0]
    networks = [{"epochs": 1, "learning_rate": rate} for rate in (0.001, 0.003, 0.009)]
    yield compare("sharing_wide_deep_3_vs_refit", small, "wide_deep", networks)[0]


def sar_configs(count: int) -> Configs:
    """Drawn from the space of `sar`: choices and whole numbers evenly, in the logarithm."""
    rng = np.random.default_rng(0)
    kinds = ("cooccurrence", "jaccard", "lift", "cosine")
    return [
        {
            "similarity": kinds[rng.integers(len(kinds))],
            "half_life_days": float(np.exp(rng.uniform(np.log(14), np.log(720)))),
            "threshold": round(float(np.exp(rng.uniform(0, np.log(20))))),
        }
        for _ in range(count)
    ]


def tree_configs(count: int) -> Configs:
    """Fifty trees of several sizes, learned from three cut-offs."""
    leaves = np.linspace(7, 31, count).astype(int).tolist()
    return [{"cutoffs": 3, "trees": 50, "leaves": n} for n in leaves]


def compare(title: str, fold: Fold, name: str, configs: Configs) -> tuple[Figure, float]:
    """The ratio, and the CPU seconds of sharing."""
    for common in (None, Shared()):
        trial(fold, name, configs[0], FitContext(shared=common))  # imports and compiles
    alone, refitted = seconds(fold, name, configs, share=False)
    together, shared = seconds(fold, name, configs, share=True)
    pairs = zip(refitted, shared, strict=True)
    equal = np.mean([_same(one, other) for one, other in pairs])
    return Figure(title, alone / together, "ratio", peer="refit", agreement=float(equal)), together


def seconds(
    fold: Fold, name: str, configs: Configs, *, share: bool
) -> tuple[float, list[Recommendations]]:
    """CPU seconds of all trials, and their lists."""
    context = FitContext(shared=Shared() if share else None)
    start = time.process_time()
    lists = [trial(fold, name, config, context) for config in configs]
    return time.process_time() - start, lists


def trial(fold: Fold, name: str, config: dict[str, Any], context: FitContext) -> Recommendations:
    """Fit, and list for the judged customers."""
    model = create(name, **config).fit(fold.train, context)
    return model.recommend(fold.customers, K, allowed=fold.candidates)


def _same(one: Recommendations, other: Recommendations) -> float:
    rows = (one.items == other.items).all(axis=1) & (one.scores == other.scores).all(axis=1)
    return float(rows.mean())
