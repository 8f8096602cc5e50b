"""Draw real and simulated order lines over each other: ``docs/img/simulator.png``."""

import argparse
from pathlib import Path
from typing import Any

import matplotlib.pyplot as plt
import numpy as np
import pandas as pd
from matplotlib.axes import Axes
from numpy.typing import NDArray

from restock.benchmarks.simulator import MODELS, SEEDS, ndcg, sample, world
from restock.dataset import Interactions
from restock.dataset.interactions import MINUTES_PER_DAY
from restock.dataset.simulator_statistics import AGES, MISSED, SINCE, Statistics, statistics

REAL, SIMULATED = "#1f2937", "#e4572e"
STYLES: dict[str, dict[str, Any]] = {
    "Online Retail": {"color": REAL, "lw": 1.8},
    "simulated": {"color": SIMULATED, "lw": 1.8, "ls": "--"},
}


def draw(to: Path) -> None:
    """Write the picture."""
    worlds = {"Online Retail": sample(), "simulated": world(SEEDS[0])}
    found = {name: statistics(lines) for name, lines in worlds.items()}
    figure, axes = plt.subplots(3, 3, figsize=(13, 11), constrained_layout=True)
    for name, lines in worlds.items():
        _distributions(axes.ravel(), lines, name)
        _habits(axes.ravel(), found[name], name)
    _models(axes[2, 2], worlds)
    axes[0, 0].legend(frameon=False)
    figure.suptitle("Simulated order lines against Online Retail (both years)", fontsize=14)
    to.parent.mkdir(parents=True, exist_ok=True)
    figure.savefig(to, dpi=110)
    plt.close(figure)


def _distributions(axes: NDArray[np.object_], x: Interactions, name: str) -> None:
    style = STYLES[name]
    day = x.minute // MINUTES_PER_DAY
    lines = pd.DataFrame({"customer": x.customer, "day": day, "item": x.item}).drop_duplicates()
    orders = lines.groupby(["customer", "day"]).size().reset_index(name="items")
    per_customer = orders["customer"].value_counts().to_numpy()
    gaps = orders.groupby("customer")["day"].diff().dropna().to_numpy()
    _survival(axes[0], per_customer, style, name)
    _label(axes[0], "orders per customer", "share with so many or more", "log", "log")
    _survival(axes[1], gaps, style, name)
    _label(axes[1], "days between orders", "share of gaps so long or longer", "log", "log")
    _survival(axes[2], orders["items"].to_numpy(), style, name)
    _label(axes[2], "items in a basket", "share so large or larger", "log", "log")
    counts = np.sort(lines["item"].value_counts().to_numpy())[::-1]
    axes[3].plot(np.arange(1, counts.size + 1), counts / counts.sum(), **style)
    _label(axes[3], "rank of item", "share of lines", "log", "log")
    month = pd.to_datetime(orders["day"], unit="D").dt.to_period("M")
    by_month = month.value_counts(normalize=True).sort_index()
    axes[7].plot(np.arange(by_month.size), by_month.to_numpy(), **style)
    _label(axes[7], "month from the first", "share of orders", "linear", "linear")


def _survival(axis: Axes, values: NDArray[Any], style: dict[str, Any], name: str) -> None:
    ranked = np.sort(values)
    axis.plot(ranked, 1.0 - np.arange(ranked.size) / ranked.size, label=name, **style)


def _habits(axes: NDArray[np.object_], found: Statistics, name: str) -> None:
    style = {**STYLES[name], "marker": "o", "ms": 4}
    share = [found[f"repeats.share_from_order_{start + 1}"] for start in AGES]
    axes[4].plot([start + 1 for start in AGES], share, **style)
    _label(axes[4], "from the customer's order number", "share bought before", "log", "linear")
    _ticks(axes[4], [start + 1 for start in AGES])
    missed = [0, *MISSED.tolist()]
    for group in ("once", "twice", "often"):
        rate = [found[f"rebuys.{group}_missed_{n}"] for n in missed]
        axes[5].plot(np.array(missed) + 1, rate, **style)
        if name != "simulated":
            axes[5].annotate(f"bought {group}", (1.05, rate[0] * 1.08), fontsize=9)
    _label(axes[5], "orders since the item was bought", "chance to be rebought", "log", "log")
    _ticks(axes[5], [n + 1 for n in missed])
    since = [f"upto_{days}" for days in SINCE.tolist()] + ["later"]
    for group in ("once", "often"):
        rate = [found[f"rebuys.{group}_{label}"] for label in since]
        axes[6].plot([*SINCE.tolist(), 550], rate, **style)
        if name != "simulated":
            axes[6].annotate(f"bought {group}", (15, rate[0] * 0.82), fontsize=9)
    _label(axes[6], "days since the item was bought", "chance to be rebought", "log", "log")
    _ticks(axes[6], SINCE.tolist())


def _ticks(axis: Axes, places: list[int]) -> None:
    axis.set_xticks(places, [str(place) for place in places])
    axis.minorticks_off()


def _models(axis: Axes, worlds: dict[str, Interactions]) -> None:
    place = np.arange(len(MODELS))
    for shift, (name, lines) in zip((-0.2, 0.2), worlds.items(), strict=True):
        scores = [ndcg(lines, model, "all") for model in MODELS]
        axis.barh(place + shift, scores, height=0.38, color=STYLES[name]["color"])
    axis.set_yticks(place, list(MODELS), fontsize=8)
    axis.invert_yaxis()
    axis.set_xlabel("NDCG at 10 (no part of the fit)")


def _label(axis: Axes, x: str, y: str, x_scale: str, y_scale: str) -> None:
    axis.set(xlabel=x, ylabel=y, xscale=x_scale, yscale=y_scale)
    axis.spines[["top", "right"]].set_visible(False)


if __name__ == "__main__":
    options = argparse.ArgumentParser(description=__doc__)
    options.add_argument("--to", type=Path, default=Path("docs/img/simulator.png"))
    draw(options.parse_args().to)
