"""Accuracy against cost as a picture, a point per model."""

from collections.abc import Sequence
from pathlib import Path
from typing import NamedTuple

import matplotlib.pyplot as plt
import numpy as np
from matplotlib.axes import Axes

BEST, OTHER = "#e4572e", "#1f2937"
WIDE, HIGH = 80, 15  # pixels of a name


class Point(NamedTuple):
    """A model: its accuracy and what it costs."""

    name: str
    ndcg: float
    seconds: float


def draw(points: Sequence[Point], folder: Path) -> None:
    """``accuracy-cost.png``: accuracy over CPU seconds, the best for what it costs as a line."""
    figure, axis = plt.subplots(figsize=(10, 7), constrained_layout=True)
    best = frontier(points)
    axis.step([p.seconds for p in best], [p.ndcg for p in best], where="post", color="#d1d5db")
    for point in points:
        axis.plot(point.seconds, point.ndcg, "o", color=BEST if point in best else OTHER)
    _label(axis)
    figure.canvas.draw()  # fixes the scales, which the names need
    _names(axis, points, best)
    folder.mkdir(parents=True, exist_ok=True)
    figure.savefig(folder / "accuracy-cost.png", dpi=110)
    plt.close(figure)


def _names(axis: Axes, points: Sequence[Point], best: Sequence[Point]) -> None:
    """Write each name right of its point, lifted until it covers neither a name nor a point."""
    spots = axis.transData.transform([(point.seconds, point.ndcg) for point in points])
    taken = [(float(x), float(y)) for x, y in spots]
    for at in np.argsort(-spots[:, 1], kind="stable"):
        (x, y), point = spots[at], points[at]
        left, lift = x + 8, 0.0
        while any(
            -WIDE < place - left < WIDE and abs(y + lift - up) < HIGH
            for place, up in taken
            if (place, up) != (x, y)
        ):
            lift += HIGH / 3
        taken.append((left, y + lift))
        axis.annotate(
            point.name,
            (point.seconds, point.ndcg),
            xytext=(left - x, lift),
            textcoords="offset pixels",
            va="center",
            fontsize=9,
            color=BEST if point in best else OTHER,
            arrowprops={"arrowstyle": "-", "lw": 0.4, "color": "#9ca3af"} if lift else None,
        )


def frontier(points: Sequence[Point]) -> list[Point]:
    """The models that no other beats at the same cost or less, cheapest first."""
    best: list[Point] = []
    for point in sorted(points, key=lambda p: (p.seconds, -p.ndcg)):
        if not best or point.ndcg > best[-1].ndcg:
            best.append(point)
    return best


def _label(axis: Axes) -> None:
    axis.set(
        xscale="log", xlabel="CPU seconds: fit and top 10 of all customers", ylabel="ndcg_at_10"
    )
    axis.margins(x=0.1, y=0.15)
    axis.set_title("Online Retail, all markets: accuracy against cost, default configurations")
    axis.grid(alpha=0.25, which="both", lw=0.5)
    axis.spines[["top", "right"]].set_visible(False)
