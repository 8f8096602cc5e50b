"""Draw how soon a fall is found, by its size and by the market's: ``docs/img/drift-delay.png``."""

import argparse
from pathlib import Path

import matplotlib.pyplot as plt
import numpy as np
from matplotlib.axes import Axes

from restock.benchmarks.drift_delay import FALLS, SIZES, WITHIN, delays

COLOURS = ("#9ca3af", "#e4572e", "#2a6f97", "#1f2937")


def draw(to: Path) -> None:
    """Write the picture."""
    figure, axis = plt.subplots(figsize=(8, 5), constrained_layout=True)
    for colour, fall in zip(COLOURS, FALLS, strict=True):
        _curve(axis, fall, colour)
    axis.axhspan(WITHIN, 1.6 * WITHIN, color="#f3f4f6")
    axis.text(21, 1.38 * WITHIN, f"most not found within {WITHIN} days", fontsize=9)
    axis.set(xlabel="ordering customers a day", ylabel="median days from the fall to the alarm")
    axis.set(xscale="log", yscale="log", ylim=(2.5, 1.6 * WITHIN))
    axis.set_xticks(list(SIZES), [f"{size:,}" for size in SIZES])
    ticks = [3, 5, 10, 14, 30, 60, WITHIN]
    axis.set_yticks(ticks, [str(tick) for tick in ticks])
    axis.minorticks_off()
    axis.grid(alpha=0.3)
    axis.spines[["top", "right"]].set_visible(False)
    axis.legend(title="fall of realised ndcg", frameon=False, loc="lower left")
    to.parent.mkdir(parents=True, exist_ok=True)
    figure.savefig(to, dpi=110)
    plt.close(figure)


def _curve(axis: Axes, fall: float, colour: str) -> None:
    """Medians, with the span from the 25 % to the 75 % quantile."""
    sizes = np.array(list(SIZES))
    found = np.array(
        [np.quantile(delays(n, fall), [0.25, 0.5, 0.75], method="inverted_cdf") for n in SIZES]
    )
    low, median, high = np.minimum(found, 1.2 * WITHIN).T
    axis.fill_between(sizes, low, high, color=colour, alpha=0.12, lw=0)
    axis.plot(sizes, median, "o-", ms=4, color=colour, label=f"{fall:.0%}")


if __name__ == "__main__":
    options = argparse.ArgumentParser(description=__doc__)
    options.add_argument("--to", type=Path, default=Path("docs/img/drift-delay.png"))
    draw(options.parse_args().to)
