"""What several worlds say together, and that equal plans keep everything."""

import math

import pytest

from restock.benchmarks import search_halving
from restock.benchmarks.search_halving import Compared, compared, figures
from restock.evaluation.lift import LogLift
from restock.tuning.policy import SearchPolicy

pytestmark = pytest.mark.unit


def world(short: float, kept: float, error: float = 0.01) -> Compared:
    return Compared(short, 10.0, LogLift(kept, error, 500))


def test_compute_is_added_up_and_quality_averaged_with_the_worst_world_named() -> None:
    worlds = [world(2.0, 0.0), world(4.0, -0.02), world(3.0, 0.01)]
    found = {one.figure: one for one in figures(worlds)}
    assert found["full_search_seconds"].value == 10
    share = found["compute_share"]
    assert (share.value, share.low, share.high) == pytest.approx((0.3, 0.2, 0.4))
    kept, least = found["quality_kept"], found["quality_kept.least"]
    assert kept.value == pytest.approx(math.exp(-0.01 / 3))
    assert kept.low is not None
    assert kept.high is not None
    assert kept.low < 0.98 < 1.0 < kept.high  # three worlds say little
    assert least.value == pytest.approx(math.exp(-0.02))
    assert least.high == pytest.approx(math.exp(-0.02 + 0.0196))


def test_more_worlds_that_agree_say_more() -> None:
    def width(worlds: int) -> float:
        some = [world(3.0, 0.01 * (at % 2)) for at in range(worlds)]
        kept = next(one for one in figures(some) if one.figure == "quality_kept")
        return (kept.high or 0) - (kept.low or 0)

    assert width(16) < width(8) / 1.3
    assert width(1) == math.inf


@pytest.mark.thorough
def test_the_same_search_twice_keeps_everything_at_all_of_the_compute(
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    monkeypatch.setattr(search_halving, "WHOLE", SearchPolicy())
    monkeypatch.setattr(search_halving, "FAMILIES", ("reorder", "item_knn"))
    monkeypatch.setattr(search_halving, "ITEMS", 200)
    found = compared(100, 6, seed=2)
    assert found.kept.value == 0
    assert found.kept.customers > 50
    assert min(found.short, found.full) > 0
