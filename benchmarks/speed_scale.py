"""How do seconds and memory grow from one to thirty million pairs? Fit and the top 10 of all.

1 M pairs of 50,000 customers and 5,000 items, 10 M of 300,000 and 20,000, 30 M of 600,000 and
30,000 (``race_data``); each in a process of its own, order lines in. Takes some ten minutes.

<model>_<size>_seconds, _cpu_seconds, _peak_mb  wall clock, CPU, and the peak of the process, for
                     `sar` with all similarities, `item_knn` (cosine, 100 neighbours),
                     `reorder`, `popular`
growth_1m_to_30m     log-log slope of the CPU seconds of `item_knn` over pairs, ends only
sar_30m_done         1: `sar` fitted and listed for 600,000 customers within 16 GB; 0: it failed
"""

import math
import sys
from collections.abc import Iterator
from functools import cache
from pathlib import Path
from typing import Any

from restock.benchmarks.figures import Figure
from restock.benchmarks.peers import Result, alone, hand_over, ours
from restock.benchmarks.race_data import pairs_1m, pairs_10m, pairs_30m

SIZES = {"1m": pairs_1m, "10m": pairs_10m, "30m": pairs_30m}
MODELS: dict[str, dict[str, Any]] = {
    "sar": {"similarity": "jaccard", "half_life_days": None},
    "item_knn": {"weighting": "cosine", "neighbours": 100, "half_life_days": None},
    "reorder": {},
    "popular": {},
}


def figures() -> Iterator[Figure]:
    """Every model at every size, then what follows."""
    found, pairs = measured()
    for (model, size), result in found.items():
        if result is None:
            continue
        yield Figure(f"{model}_{size}_seconds", result.wall, "s")
        yield Figure(f"{model}_{size}_cpu_seconds", result.cpu, "CPU s")
        yield Figure(f"{model}_{size}_peak_mb", result.peak_mb, "MB")
    small, large = found["item_knn", "1m"], found["item_knn", "30m"]
    if small and large:
        slope = math.log(large.cpu / small.cpu) / math.log(pairs["30m"] / pairs["1m"])
        yield Figure("growth_1m_to_30m", slope, "slope")
    yield Figure("sar_30m_done", float(found["sar", "30m"] is not None), "", peer="recommenders")


@cache
def measured() -> tuple[dict[tuple[str, str], Result | None], dict[str, int]]:
    """(model, size) → its only round, None where it failed; size → pairs."""
    found: dict[tuple[str, str], Result | None] = {}
    pairs = {}
    for size, make in SIZES.items():
        data = make()
        pairs[size] = len(data)
        with hand_over(data) as folder:
            del data
            for model, config in MODELS.items():
                side = ours("lists", model=model, config=config)
                try:
                    found[model, size] = alone(folder, side)
                except RuntimeError as failure:  # its own error is on the terminal
                    print(f"{model} on {size}: {failure}", file=sys.stderr)
                    found[model, size] = None
    return found, pairs


def draw(to: Path) -> None:
    """Seconds and peak memory over pairs, all axes logarithmic, a line per model."""
    import matplotlib.pyplot as plt

    found, pairs = measured()
    figure, axes = plt.subplots(1, 2, figsize=(10, 4.5), constrained_layout=True)
    for axis, what, label in (
        (axes[0], "wall", "seconds: a fit and the top 10 of all"),
        (axes[1], "peak_mb", "peak megabytes of the process"),
    ):
        for model in MODELS:
            values = [getattr(found[model, size], what, math.nan) for size in SIZES]
            axis.plot(list(pairs.values()), values, marker="o", ms=4, label=model)
        axis.set(xscale="log", yscale="log", xlabel="(customer, item) pairs", ylabel=label)
        axis.spines[["top", "right"]].set_visible(False)
    axes[0].legend(frameon=False)
    to.parent.mkdir(parents=True, exist_ok=True)
    figure.savefig(to, dpi=110)
    plt.close(figure)
