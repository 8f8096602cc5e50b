"""Accuracy against cost: the points are the protocol's, and the best ones are found."""

from pathlib import Path

import pytest
from contracts.orders import many

from restock.benchmarks import quality
from restock.benchmarks.cost_plot import Point, draw, frontier, measure

pytestmark = pytest.mark.unit


def test_a_point_has_the_accuracy_of_the_quality_benchmark(tmp_path: Path) -> None:
    names = ["popular", "reorder"]
    points = list(measure(many(), names))
    judged = quality.judge(quality.windows(many()), {name: (name, {}) for name in names})
    for point, (label, one) in zip(points, judged.items(), strict=True):
        ndcg, *_ = quality.of_model(label, one)
        assert point.ndcg == pytest.approx(ndcg.value)
        assert point.seconds > 0
    draw(points, tmp_path / "img" / "plot.png")
    assert (tmp_path / "img" / "plot.png").stat().st_size > 10_000


def test_the_frontier_holds_what_nothing_cheaper_beats() -> None:
    cheap, dear = Point("cheap", 0.3, 1.0), Point("dear", 0.4, 9.0)
    waste, twin = Point("waste", 0.35, 10.0), Point("twin", 0.2, 1.0)
    assert frontier([waste, dear, twin, cheap]) == [cheap, dear]
