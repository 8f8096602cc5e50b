"""The parts of the speed benchmark: fair data, both sides the same, figures under their names."""

from importlib import import_module
from pathlib import Path

import numpy as np
import pytest

from restock.benchmarks import (
    growth,
    speed_ease,
    speed_growth,
    speed_models,
    speed_rerank,
    speed_tifu_knn,
)
from restock.models import FitContext, create

pytestmark = pytest.mark.unit


@pytest.mark.parametrize("part", speed_models.PARTS)
def test_a_part_has_figures_and_names_them(part: str) -> None:
    module = import_module(f"restock.benchmarks.{part}")
    assert callable(module.figures)
    assert module.__doc__


def test_orders_have_exactly_so_many_pairs_and_are_sorted() -> None:
    found = growth.orders(300, 80)
    assert found.pairs.item.size == 300 * growth.PAIRS_EACH
    keys = np.stack([found.customer, found.minute, found.order, found.item])
    assert (np.lexsort(keys[::-1]) == np.arange(len(found))).all()
    assert np.unique(keys[2:], axis=1).shape[1] == len(found)  # one line per order and item
    assert found.minute.max() < found.as_of
    lines = np.sort(np.bincount(found.item, minlength=80))[::-1]  # codes say nothing of it
    assert lines[:8].sum() > 4 * lines[-8:].sum()
    orders = np.unique(found.order).size / found.customers.size
    assert 3 < orders < 8


def test_the_reference_of_tifu_knn_makes_the_same_lists(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(speed_tifu_knn, "orders", lambda: growth.orders(500, 60))
    monkeypatch.setattr(speed_tifu_knn, "LISTS", 200)
    ratio, seconds = speed_tifu_knn.figures()
    assert ratio.figure == "tifu_knn_1m_vs_reference"
    assert float(ratio.agreement or 0) >= 0.95
    assert ratio.value > 0
    assert seconds.value > 0


def test_the_reference_of_ease_has_the_same_weights(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(speed_ease, "orders", lambda customers: growth.orders(200, 60))
    for figure in speed_ease.figures():
        assert figure.value > 0
        assert float(figure.agreement or 1) < 1e-6


def test_growth_is_a_slope_and_a_picture(monkeypatch: pytest.MonkeyPatch, tmp_path: Path) -> None:
    assert speed_growth.slope({1: 1.0, 10: 2.0, 30: 6.0}) == pytest.approx(1.0)
    assert speed_growth.slope({1: 1.0, 10: 2.0, 30: 18.0}) == pytest.approx(2.0)
    monkeypatch.setattr(speed_growth, "CUSTOMERS", 300)
    monkeypatch.setattr(speed_growth, "orders", lambda customers: growth.orders(customers, 60))
    speed_growth.costs.cache_clear()
    try:
        names = {figure.figure for figure in speed_growth.figures()}
        speed_growth.draw(tmp_path / "img" / "growth.png")
    finally:
        speed_growth.costs.cache_clear()
    for name in speed_growth.MODELS:
        assert {f"{name}_seconds_x{factor}" for factor in (1, 10, 30)} <= names
        assert f"{name}_growth" in names
    assert (tmp_path / "img" / "growth.png").stat().st_size > 10_000


@pytest.mark.thorough
def test_a_night_with_rerank_is_the_second_half_of_a_fit(monkeypatch: pytest.MonkeyPatch) -> None:
    data = growth.orders(300, 60)
    monkeypatch.setattr(speed_rerank.Interactions, "from_frame", lambda frame: data)
    monkeypatch.setattr(speed_rerank, "CONTEXT", FitContext())
    monkeypatch.setattr(speed_rerank, "Rerank", lambda: create("rerank", trees=5, cutoffs=2))
    night, fit = speed_rerank.figures()
    assert night.agreement == 1
    assert 0 < night.value < fit.value
