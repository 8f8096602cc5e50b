"""Is the simulated world like the real one, and how fast is it made?

Prints the statistics of simulated lines beside those of Online Retail (peer), the NDCG of
reference models on both by the quality protocol (six windows of 28 days, K = 10), and the lines
made in a second on one core. No score of a model took part in the fit. Simulated figures are means
over three worlds, with the least and the largest.
"""

import time
from collections.abc import Iterator
from functools import cache
from typing import Any

import numpy as np

from restock.benchmarks.figures import Figure, report, wants_json
from restock.dataset import Interactions, load_sample
from restock.dataset.fit_simulator import like
from restock.dataset.simulate import make_setting, run_chunks, simulate
from restock.dataset.simulator_parameters import frozen
from restock.dataset.simulator_statistics import statistics, targets
from restock.evaluation import evaluate, rolling_folds
from restock.models import create

MODELS: dict[str, tuple[str, dict[str, Any]]] = {
    "popular": ("popular", {}),
    "item_knn_cosine": ("item_knn", {"weighting": "cosine"}),
    "item_knn_bm25": ("item_knn", {"weighting": "bm25"}),
    "sar": ("sar", {}),
    "personal_frequency": ("reorder", {"half_life_days": None}),
    "reorder": ("reorder", {"half_life_days": 180.0}),
    "blend": ("blend", {}),
}
SEEDS = (11, 12, 13)  # none of those that were fitted with


def figures() -> Iterator[Figure]:
    """Likeness, then models, then speed."""
    yield from likeness()
    for model in MODELS:
        for segment in ("all", "new"):
            scores = [ndcg(world(seed), model, segment) for seed in SEEDS]
            name = f"ndcg_at_10.{model}" + ("" if segment == "all" else f".{segment}")
            peer = f"{ndcg(sample(), model, segment):.4f} on Online Retail"
            yield _over_seeds(name, scores, "ndcg", peer)
    yield from speed()


@cache
def sample() -> Interactions:
    """Online Retail as the quality protocol cleans it."""
    return Interactions.from_frame(
        load_sample(cancellations="drop", home_market="most_frequent").orders
    )


@cache
def world(seed: int) -> Interactions:
    """A simulated world of that size."""
    return like(sample(), frozen(), seed=seed)


def likeness() -> Iterator[Figure]:
    """Every statistic of the simulated lines; the sample's is the peer."""
    found = [statistics(world(seed)) for seed in SEEDS]
    for name, real in targets().items():
        values = [one.get(name, float("nan")) for one in found]
        yield _over_seeds(name, values, "", f"{real:.4g}")


def _over_seeds(name: str, values: list[float], unit: str, peer: str) -> Figure:
    """The mean over the worlds, with the least and the largest."""
    return Figure(name, float(np.mean(values)), unit, min(values), max(values), peer=peer)


@cache
def ndcg(interactions: Interactions, model: str, segment: str) -> float:
    """Mean NDCG at 10 over the customer-windows of the quality protocol.

    "new": the lists hold new items only, judged on the new items that were bought.
    """
    name, config = MODELS[model]
    values = []
    for fold in rolling_folds(interactions, horizon_days=28, windows=6, min_item_orders=3):
        fitted = create(name, **config).fit(fold.train)
        lists = fitted.recommend(
            fold.customers,
            10,
            allowed=fold.candidates,
            history="new" if segment == "new" else "any",
        )
        column = "ndcg_at_10" if segment == "all" else "ndcg_at_10_new"
        values.append(evaluate(lists, fold, k=10).per_customer[column].to_numpy(np.float64))
    return float(np.nanmean(np.concatenate(values)))


def speed() -> Iterator[Figure]:
    """Lines per second of processor time, one core: as arrays, as interactions, as frames."""
    setting = make_setting(customers=12_000)
    simulate(markets=2, customers=20, items=20, days=60)  # compile

    def timed(figure: str, use: str) -> Figure:
        begin, lines = time.process_time(), 0
        for chunk in run_chunks(setting):
            lines += len(chunk)
            if use == "interactions":
                chunk.interactions()
            elif use == "frame":
                assert len(chunk.orders) == len(chunk)
        return Figure(figure, lines / (time.process_time() - begin), "lines/s")

    yield timed("lines_per_second", "arrays")
    yield timed("lines_per_second.interactions", "interactions")
    yield timed("lines_per_second.frame", "frame")


if __name__ == "__main__":
    report(figures(), wants_json(__doc__))
