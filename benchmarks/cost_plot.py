"""Accuracy against cost, a point per model: ``docs/img/accuracy-cost.png``.

Accuracy: mean ``ndcg_at_10`` over the customer-windows of the quality protocol (see
``restock.benchmarks.quality``), default configurations, all markets pooled. Cost, printed as
``seconds.<model>``: CPU seconds, of all threads together, of one fit on everything before the
last window and the top 10 of all customers. Kernels are compiled and packages imported before
the clock starts, by a fit on a small market.
"""

import argparse
import time
from collections.abc import Iterator, Sequence
from pathlib import Path
from typing import NamedTuple

import matplotlib.pyplot as plt
import numpy as np
from matplotlib.axes import Axes

from restock.benchmarks.figures import Figure, report
from restock.benchmarks.quality import K
from restock.dataset import Interactions, load_sample
from restock.evaluation import Fold, evaluate, rolling_folds
from restock.models import Recommendations, available, create

SMALL_MARKET = "FR"
BEST, OTHER = "#e4572e", "#1f2937"
WIDE, HIGH = 80, 15  # pixels of a name
FASTEST = 1e-3  # the clock of the CPU is no finer than this


class Point(NamedTuple):
    """A model: its accuracy and what it costs."""

    name: str
    ndcg: float
    seconds: float


def measure(interactions: Interactions, names: Sequence[str]) -> Iterator[Point]:
    """Judge each model on six windows; time it on the last, the largest."""
    folds = rolling_folds(interactions, horizon_days=28, windows=6, min_item_orders=3)
    small = interactions.of_market(SMALL_MARKET)
    for name in names:
        create(name).fit(small).recommend(small.customers[:10], K)  # warm-up
        found = [_judge(name, fold) for fold in folds]
        ndcg = np.concatenate([values for values, _ in found])
        yield Point(name, float(ndcg.mean()), max(found[-1][1], FASTEST))


def _judge(name: str, fold: Fold) -> tuple[np.ndarray, float]:
    """NDCG per customer of the fold, and CPU seconds of the fit and the lists of everybody."""
    start = time.process_time()
    model = create(name).fit(fold.train)
    lists = model.recommend(fold.train.customers, K, allowed=fold.candidates)
    seconds = time.process_time() - start
    rows = np.searchsorted(lists.customers, fold.customers)
    judged = Recommendations(
        fold.customers, lists.items[rows], lists.scores[rows], lists.fallback[rows]
    )
    return evaluate(judged, fold, k=K).column(f"ndcg_at_{K}"), seconds


def draw(points: Sequence[Point], to: Path) -> None:
    """Write the picture: accuracy over CPU seconds, and the best for what it costs as a line."""
    figure, axis = plt.subplots(figsize=(10, 7), constrained_layout=True)
    best = frontier(points)
    axis.step([p.seconds for p in best], [p.ndcg for p in best], where="post", color="#d1d5db")
    for point in points:
        axis.plot(point.seconds, point.ndcg, "o", color=BEST if point in best else OTHER)
    _label(axis)
    figure.canvas.draw()  # fixes the scales, which the names need
    _names(axis, points, best)
    to.parent.mkdir(parents=True, exist_ok=True)
    figure.savefig(to, dpi=110)
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


def main() -> None:
    """``python -m restock.benchmarks.cost_plot [--json] [--to FILE] [--models NAME …]``"""
    options = argparse.ArgumentParser(
        description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter
    )
    options.add_argument("--json", action="store_true", help="one line of JSON per figure")
    options.add_argument("--to", type=Path, default=Path("docs/img/accuracy-cost.png"))
    options.add_argument("--models", nargs="+", choices=list(available()), metavar="NAME")
    chosen = options.parse_args()
    names = chosen.models or [name for name, state in available().items() if state == "ready"]
    clean = load_sample(cancellations="drop", home_market="most_frequent")
    points: list[Point] = []

    def figures() -> Iterator[Figure]:
        for point in measure(Interactions.from_frame(clean.orders), names):
            points.append(point)
            yield Figure(f"seconds.{point.name}", point.seconds, "CPU s")

    report(figures(), chosen.json)
    draw(points, chosen.to)


if __name__ == "__main__":
    main()
