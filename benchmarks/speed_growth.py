"""What a model costs as the data grows ×10 and ×30, on one thread.

For each of `popular`, `reorder`, `item_knn`, `sar` (200 neighbours), `tifu_knn`, `up_cf` and
`ease`, default configurations, one fit and the top 10 of every customer:

<model>_seconds_x1, _x10, _x30   33,340 to 1,000,000 distinct pairs of 1,667 to 50,000
                                 customers and at most 5,000 items (``benchmarks.growth``);
                                 medians of three runs, at x30 a single run
<model>_growth                   log-log slope from x10 to x30: 1 is proportional to the data
"""

import math
from collections.abc import Iterator, Mapping
from functools import cache, partial
from pathlib import Path
from typing import Any

import numpy as np

from restock.benchmarks.figures import Figure
from restock.benchmarks.growth import CUSTOMERS, ROUNDS, cpu_seconds, orders
from restock.dataset import Interactions
from restock.models import create

FACTORS = (1, 10, 30)
K = 10
MODELS: dict[str, dict[str, Any]] = {
    "popular": {},
    "reorder": {},
    "item_knn": {},
    "sar": {"neighbours": 200},
    "tifu_knn": {},
    "up_cf": {},
    "ease": {},
}


def figures() -> Iterator[Figure]:
    """The CPU seconds at each size, and the slope between the last two."""
    for name, found in costs().items():
        for factor, value in found.items():
            yield Figure(f"{name}_seconds_x{factor}", value, "CPU s")
        yield Figure(f"{name}_growth", slope(found), "slope")


def slope(found: Mapping[int, float]) -> float:
    """By which power of the data the cost grew, at the end (factor → seconds)."""
    before, after = sorted(found)[-2:]
    return math.log(found[after] / found[before]) / math.log(after / before)


@cache
def costs() -> dict[str, dict[int, float]]:
    """CPU seconds of each model at each factor."""
    small = orders(200)
    found: dict[str, dict[int, float]] = {name: {} for name in MODELS}
    for name in MODELS:
        _everybody(name, small)  # compiles the kernels
    for factor in FACTORS:
        data = of_factor(factor)
        _ = data.pairs, data.customers  # common to all models
        rounds = 1 if factor == max(FACTORS) else ROUNDS
        for name in MODELS:
            work = partial(_everybody, name, data)
            runs = [cpu_seconds(work) for _ in range(rounds)]
            found[name][factor] = float(np.median(runs))
    return found


def of_factor(factor: int) -> Interactions:
    """The orders at a factor: the largest has all customers."""
    return orders(round(CUSTOMERS * factor / max(FACTORS)))


def _everybody(name: str, data: Interactions) -> None:
    create(name, **MODELS[name]).fit(data).recommend(data.customers, K)


def draw(to: Path) -> None:
    """Seconds over pairs, both axes logarithmic, a line per model."""
    import matplotlib.pyplot as plt

    figure, axis = plt.subplots(figsize=(9, 5), constrained_layout=True)
    pairs = [of_factor(factor).pairs.item.size for factor in FACTORS]
    for name, found in costs().items():
        axis.plot(
            pairs, list(found.values()), marker="o", ms=4, label=f"{name} ({slope(found):.2f})"
        )
    first = min(found[FACTORS[0]] for found in costs().values())
    line = [first * n / pairs[0] for n in pairs]
    axis.plot(pairs, line, color="0.6", ls=":", label="proportional (1.00)")
    axis.set(
        xscale="log",
        yscale="log",
        xlabel="distinct (customer, item) pairs",
        ylabel="CPU seconds, one thread: a fit and the top 10 of all",
        title="Cost as the data grows (in brackets: slope from ×10 to ×30)",
    )
    axis.spines[["top", "right"]].set_visible(False)
    axis.legend(frameon=False, fontsize=9, loc="center left", bbox_to_anchor=(1, 0.5))
    to.parent.mkdir(parents=True, exist_ok=True)
    figure.savefig(to, dpi=110)
    plt.close(figure)
