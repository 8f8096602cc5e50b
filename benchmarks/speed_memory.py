"""Do the models of the engine say before a fit how much memory it takes?

peak_over_estimate.<model>_<size>  how far the first fit in a process rises above the data, over
                                   the model's own estimate; 1m, 10m: pairs as in ``race_data``.
                                   The matrix of customers and items is made in the fit
"""

from collections.abc import Iterator

from restock.benchmarks.figures import Figure
from restock.benchmarks.peers import alone, hand_over, ours
from restock.benchmarks.race_data import pairs_1m, pairs_10m
from restock.benchmarks.speed_scale import MODELS

SIZES = {"1m": pairs_1m, "10m": pairs_10m}
TRIED = MODELS | {"blend": {}, "market_prior": {}}


def figures() -> Iterator[Figure]:
    """The ratio of each model at each size."""
    for size, make in SIZES.items():
        with hand_over(make()) as folder:
            for model, config in TRIED.items():
                found = alone(folder, ours("estimate", model=model, config=config))
                expected = float(found.arrays["bytes"]) / 1e6
                yield Figure(
                    f"peak_over_estimate.{model}_{size}", found.rise_mb / expected, "ratio"
                )
