"""The arithmetic of the quality benchmark."""

from pathlib import Path

import numpy as np
import pytest
from contracts.orders import many

from restock.benchmarks import quality

pytestmark = pytest.mark.unit


def test_a_ratio_weighs_every_row_and_its_interval_every_customer() -> None:
    rng = np.random.default_rng(1)
    customers = rng.integers(0, 300, 2000).astype(np.int32)
    above, below = rng.random(2000), rng.random(2000) + 1
    value, low, high = quality.ratio(customers, above, below)
    assert value == pytest.approx(above.sum() / below.sum())
    assert low < value < high
    # the same rows, each customer four times: half the width
    fourfold = np.concatenate([customers + 1000 * n for n in range(4)])
    _, near, far = quality.ratio(fourfold, np.tile(above, 4), np.tile(below, 4))
    assert (high - low) / (far - near) == pytest.approx(2, rel=0.15)


def test_nobody_has_no_ratio() -> None:
    none = np.array([])
    assert np.isnan(quality.ratio(none.astype(np.int32), none, none)).all()


def test_groups_share_out_all_markets() -> None:
    groups = quality.market_groups(many())
    assert groups == {"GB": ["GB"], "next_ten": ["FR"], "rest": []}


QUICK = ["popular", "reorder", "item_knn"]


def test_every_model_is_judged_on_every_window() -> None:
    found = quality.judge(quality.windows(many()), quality.configs(QUICK))
    assert set(found) == {*QUICK, "frequency", "frequency_by_code"}
    for label, judged in found.items():
        assert len({card.fold_hash for card in judged.any}) == len(judged.any) == 6
        figures = {figure.figure: figure for figure in quality.of_model(label, judged)}
        ndcg = np.concatenate([card.column("ndcg_at_10") for card in judged.any])
        assert figures[f"ndcg_at_10.{label}"].value == pytest.approx(ndcg.mean())
        assert 0 < figures[f"revenue_share_at_10.{label}"].value < 1
        new = np.concatenate([card.column("ndcg_at_10_new") for card in judged.new])
        assert figures[f"new_ndcg_at_10.{label}"].value == pytest.approx(np.nanmean(new))
        assert figures[f"cpu_seconds.{label}"].value > 0
    assert quality.configs(["rerank"])["rerank_value_aware"][1]["value_exponent"] > 0


def test_lists_of_new_items_are_judged_on_new_items() -> None:
    folds = quality.windows(many())
    found = quality.judge(folds, {"popular": ("popular", {})})["popular"]
    for fold, card in zip(folds, found.new, strict=True):
        bought = set(zip(fold.train.customer.tolist(), fold.train.item.tolist(), strict=True))
        rows, places = np.nonzero(card.lists >= 0)
        listed = zip(card.customer[rows].tolist(), card.lists[rows, places].tolist(), strict=True)
        assert not bought & set(listed)


def test_a_lift_is_paired() -> None:
    judged = quality.judge(quality.windows(many()), quality.configs(QUICK))
    lifts = {figure.figure: figure for figure in quality.lifts(judged)}
    plain = np.concatenate([c.column("ndcg_at_10") for c in judged["frequency"].any]).mean()
    mine = np.concatenate([c.column("ndcg_at_10") for c in judged["reorder"].any]).mean()
    assert lifts["lift.reorder"].value == pytest.approx(mine / plain - 1)
    again = {**judged, "same": judged["frequency"]}
    same = {figure.figure: figure for figure in quality.lifts(again)}["lift.same"]
    assert same.low == same.value == same.high == 0


def test_choices_are_made_on_windows_before_the_first_that_is_judged() -> None:
    first = quality.windows(many())[0]
    assert all(fold.end <= first.cutoff for fold in quality.earlier_windows(many()))


def test_the_windows_can_be_looked_at(tmp_path: Path) -> None:
    judged = quality.judge(quality.windows(many()), quality.configs(["reorder"]))
    quality.draw_windows({label: one.any for label, one in judged.items()}, "ndcg_at_10", tmp_path)
    assert (tmp_path / "quality.png").read_bytes().startswith(b"\x89PNG")
