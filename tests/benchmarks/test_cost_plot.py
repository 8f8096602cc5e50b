"""Accuracy against cost: the points are the protocol's, and the best ones are found."""

from pathlib import Path

import pytest
from contracts.orders import many

from restock.benchmarks import quality
from restock.benchmarks.cost_plot import Point, draw, frontier

pytestmark = pytest.mark.unit


@pytest.mark.thorough
def test_a_point_has_the_accuracy_of_the_quality_benchmark(tmp_path: Path) -> None:
    what = {name: (name, {}) for name in ("popular", "reorder")}
    points = []
    for label, one in quality.judge(quality.windows(many()), what).items():
        found = quality.point(label, one)
        ndcg, *_ = quality.of_model(label, one)
        assert found.ndcg == pytest.approx(ndcg.value)
        assert found.seconds > 0
        points.append(found)
    draw(points, tmp_path / "img")
    assert (tmp_path / "img" / "accuracy-cost.png").stat().st_size > 10_000


def test_the_frontier_holds_what_nothing_cheaper_beats() -> None:
    cheap, dear = Point("cheap", 0.3, 1.0), Point("dear", 0.4, 9.0)
    waste, twin = Point("waste", 0.35, 10.0), Point("twin", 0.2, 1.0)
    assert frontier([waste, dear, twin, cheap]) == [cheap, dear]
