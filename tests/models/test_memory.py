"""A fit rises by what its model said before: within a quarter, at several sizes."""

import logging
from typing import Any

import pytest

from restock.benchmarks.growth import orders
from restock.benchmarks.peers import alone, hand_over, ours
from restock.models import create
from restock.models import requirements as needs
from restock.models.requirements import CannotFit

MODELS: tuple[tuple[str, dict[str, Any]], ...] = (
    ("popular", {}),
    ("reorder", {}),
    ("sar", {}),
    ("sar", {"neighbours": 50}),
    ("item_knn", {}),
    ("blend", {}),
    ("switch", {}),
    ("cascade", {}),
    ("als", {"iterations": 1}),
)
OF_SQUARES: tuple[tuple[str, dict[str, Any]], ...] = (
    ("ease", {}),
    ("tifu_knn", {}),
    ("up_cf", {}),
)
TRAINED: tuple[tuple[str, dict[str, Any]], ...] = (
    ("wide_deep", {"epochs": 1}),
    ("rerank", {"trees": 10, "cutoffs": 2}),
)
RECURRENT: tuple[tuple[str, dict[str, Any]], ...] = (
    ("gru", {"epochs": 1, "windows": 2}),
    ("lstm", {"epochs": 1, "windows": 2}),
)


@pytest.mark.platform
def test_the_estimate_of_a_fit_is_its_peak() -> None:
    wrong = {}
    for size, repeats, models in (
        ((30_000, 3_000), 0.0, MODELS),
        ((60_000, 4_000), 0.5, MODELS),
        ((10_000, 3_000), 0.0, OF_SQUARES),
        ((5_000, 1_000), 0.0, TRAINED),
        ((30_000, 4_000), 0.5, RECURRENT),
    ):
        with hand_over(orders(*size, repeats=repeats)) as folder:
            for model, config in models:
                found = alone(folder, ours("estimate", model=model, config=config))
                ratio = found.rise_mb * 1e6 / float(found.arrays["bytes"])
                if not 0.75 <= ratio <= 1.25:
                    wrong[model, str(config), size] = ratio
    assert not wrong


@pytest.mark.unit
def test_an_estimate_grows_with_what_is_kept() -> None:
    data, more = orders(500, 200), orders(1_000, 200)
    for model, config in MODELS:
        assert create(model, **config).memory_bytes(data) > 0
        assert create(model, **config).memory_bytes(data) < create(model, **config).memory_bytes(
            more
        )
    few, many = (create("item_knn", neighbours=k).memory_bytes(data) for k in (1, 200))
    assert few < many


@pytest.mark.unit
def test_the_estimate_is_told_before_the_fit(
    monkeypatch: pytest.MonkeyPatch, caplog: pytest.LogCaptureFixture
) -> None:
    data = orders(100, 40)
    with caplog.at_level(logging.INFO, "restock"):
        create("sar").fit(data)
        assert not caplog.records  # too small to be worth a line
        monkeypatch.setattr(needs, "WORTH_TELLING", 0)
        create("sar").fit(data)
    assert "sar: a fit takes about" in caplog.text
    monkeypatch.setattr(needs, "free_memory", lambda: 1000)
    with pytest.raises(CannotFit, match=r"sar: this fit needs about .* are free; use a larger"):
        create("sar").fit(data)
