"""The races of the speed benchmark: both sides the same data, figures under their names."""

import sys
from dataclasses import replace
from importlib import import_module
from pathlib import Path

import numpy as np
import pytest

from restock.benchmarks import (
    growth,
    own_side,
    peers,
    speed,
    speed_configs,
    speed_gate,
    speed_memory,
    speed_metrics,
    speed_sar_recommenders,
    speed_scale,
)
from restock.benchmarks.peers import Result, Side, alone, hand_over, ours, overlap, race
from restock.benchmarks.speed_sharing import sar_configs
from restock.dataset import Interactions
from restock.models import create


def tiny(customers: int = 200) -> Interactions:
    return growth.orders(customers, 60, repeats=0)


@pytest.mark.unit
@pytest.mark.parametrize("part", speed.PARTS)
def test_a_part_has_figures_and_names_them(part: str) -> None:
    module = import_module(f"restock.benchmarks.{part}")
    assert callable(module.figures)
    assert module.__doc__


@pytest.mark.unit
def test_a_peer_that_is_missing_says_how_to_install_it(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(peers, "ROOT", Path("/nowhere"))
    with pytest.raises(FileNotFoundError, match="make bench-peers"):
        _ = Side("rusket", "rusket_knn", "cosine", {}).python


@pytest.mark.unit
def test_overlap_counts_items_whatever_their_order() -> None:
    one = np.array([[1, 2, 3], [4, 5, -1]])
    other = np.array([[3, 2, 9], [4, -1, -1]])
    assert overlap(one, other) == pytest.approx(3 / 5)


@pytest.mark.unit
def test_rows_of_a_peer_become_lists_best_first() -> None:
    rows = {
        "customer": np.array([7, 2, 7, 2, 2]),
        "item": np.array([1, 2, 3, 4, 5]),
        "score": np.array([0.1, 0.5, 0.9, 0.7, 0.6]),
    }
    found = speed_sar_recommenders.by_customer(rows, np.array([2, 7]), k=3)
    assert found.tolist() == [[4, 5, 2], [3, 1, -1]]


@pytest.mark.unit
def test_customers_share_out_pairs_within_bounds() -> None:
    sizes = growth._sizes(np.array([1.0, 100.0, 1.0, 2.0]), 40, 15)
    assert sizes.sum() == 40
    assert sizes.min() >= 1
    assert sizes.max() == 15


@pytest.mark.unit
def test_our_lists_are_those_of_the_model(tmp_path: Path) -> None:
    data = tiny()
    data.save(tmp_path / peers.SNAPSHOT)
    expected = create("sar").fit(data).recommend(data.customers, 10)
    for csr in (True, False):
        found = own_side.lists(tmp_path, "sar", {}, csr=csr)()
        assert (found["customer"] == data.customers).all()
        assert (found["lists"] == expected.items).all()


@pytest.mark.unit
def test_trials_that_share_have_the_same_metrics() -> None:
    fold = own_side.newest(growth.orders(300, 60))
    drawn = list(sar_configs(4))
    alone, shared = (own_side.trials(fold, drawn, share, 10) for share in (False, True))
    assert (alone == shared).all()
    assert alone.shape == (4, 4)
    assert alone.max() > 0


@pytest.mark.unit
def test_a_fold_is_read_by_peers_as_it_is_judged(tmp_path: Path) -> None:
    data = growth.orders(300, 60)
    fold = own_side.newest(data)
    given = speed_metrics.what_peers_read(fold)
    data.save(tmp_path / peers.SNAPSHOT)
    np.save(tmp_path / "lists.npy", given["lists"])
    found = own_side.metrics(tmp_path)()
    bought = {(who, what) for who, what in given["relevant"].T.tolist()}
    assert {who for who, _ in bought} == set(fold.customers.tolist())
    hits = [
        [(who, what) in bought for what in row]
        for who, row in zip(given["judged"].tolist(), given["lists"].tolist(), strict=True)
    ]
    assert found["metrics"][3] == pytest.approx(np.mean(hits))  # precision
    same = Result(0, 0, 0, 0, found)
    assert speed_metrics.difference(same, same, "map") == 0
    assert speed_metrics.difference(same, same, "map_relevant") > 0


@pytest.mark.unit
def test_folds_are_counted_as_they_are_cut(tmp_path: Path) -> None:
    data = tiny()
    data.save(tmp_path / peers.SNAPSHOT)
    found = own_side.folds(tmp_path, 5)()["lines"]
    assert found.shape == (5, 2)
    assert found[-1].sum() == len(data)


@pytest.mark.platform
def test_a_race_has_times_memory_and_the_same_arrays() -> None:
    with hand_over(tiny()) as folder:
        mine = ours("lists", model="reorder", config={})
        one, other = race(folder, mine, mine, rounds=2)
        assert (one.arrays["lists"] == other.arrays["lists"]).all()
        assert one.cpu > 0 and one.wall > 0
        assert 0 <= one.rise_mb < one.peak_mb
    assert not folder.exists()


@pytest.mark.platform
def test_a_side_that_fails_ends_the_race() -> None:
    with hand_over(tiny()) as folder, pytest.raises(RuntimeError, match="lists"):
        alone(folder, ours("lists", model="no such model", config={}))


@pytest.mark.platform
def test_memory_that_a_round_held_and_gave_back_is_seen(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    (tmp_path / "hungry.py").write_text(
        "import numpy as np\n"
        "def work(folder, megabytes):\n"
        "    return lambda: {'sum': np.array(np.ones(megabytes * 125_000).sum())}\n"
    )
    monkeypatch.setattr(sys, "path", [*sys.path, str(tmp_path)])
    found = alone(tmp_path, Side(None, "hungry", "work", {"megabytes": 200}))
    assert 190 < found.rise_mb < 230


@pytest.mark.platform
def test_pages_of_a_mapped_file_are_nobodys_rise(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    np.save(tmp_path / "mapped.npy", np.ones(25_000_000))
    (tmp_path / "reader.py").write_text(
        "import numpy as np\n"
        "def work(folder):\n"
        "    mapped = np.load(folder / 'mapped.npy', mmap_mode='r')\n"
        "    return lambda: {'sum': np.array(mapped.sum() + np.ones(5_000_000).sum())}\n"
    )
    monkeypatch.setattr(sys, "path", [*sys.path, str(tmp_path)])
    assert 35 < alone(tmp_path, Side(None, "reader", "work", {})).rise_mb < 60


@pytest.mark.platform
def test_growth_is_a_slope_and_a_picture(monkeypatch: pytest.MonkeyPatch, tmp_path: Path) -> None:
    sizes = {"1m": tiny, "10m": lambda: tiny(300), "30m": lambda: tiny(500)}
    monkeypatch.setattr(speed_scale, "SIZES", sizes)
    monkeypatch.setattr(speed_scale, "MODELS", {"sar": {}, "item_knn": {}})
    monkeypatch.setattr(speed_memory, "SIZES", {"1m": tiny})
    monkeypatch.setattr(speed_memory, "TRIED", {"sar": {}})
    speed_scale.measured.cache_clear()
    try:
        found = {figure.figure: figure.value for figure in speed_scale.figures()}
        speed_scale.draw(tmp_path / "img" / "engine.png")
    finally:
        speed_scale.measured.cache_clear()
    assert found["sar_30m_done"] == 1
    assert found["sar_10m_peak_mb"] > 50
    assert "growth_1m_to_30m" in found
    assert (tmp_path / "img" / "engine.png").stat().st_size > 10_000
    assert [figure.figure for figure in speed_memory.figures()] == ["peak_over_estimate.sar_1m"]


@pytest.mark.thorough
@pytest.mark.unit
def test_the_gate_has_the_intervals_of_a_plain_bootstrap(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(speed_gate, "HALF_LIVES", np.array([20.0, 180.0, 600.0]))
    monkeypatch.setattr(speed_gate, "WINDOWS", 2)
    night = speed_gate.night(np.array([150, 900]))
    decisions = night.decide()
    follows, alone = (decisions[market] for market in night.judged)
    assert (follows.basis, alone.basis) == ("pooled", "own")
    assert len(alone.verdicts) == 2
    assert speed_gate.difference(night, decisions, every=1) < 1e-9
    plain = night.judged["MAB"]
    worse = replace(night, judged=night.judged | {"MAB": {**plain, "h180": plain["h600"]}})
    assert speed_gate.difference(worse, decisions, every=1) > 1e-4


@pytest.mark.unit
def test_the_peer_is_timed_on_some_of_the_configurations() -> None:
    assert set(speed_configs.TIMED) <= set(range(speed_configs.COUNT))


@pytest.mark.platform
def test_a_model_that_fails_is_not_done(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(speed_scale, "SIZES", {"1m": tiny, "30m": lambda: tiny(300)})
    monkeypatch.setattr(speed_scale, "MODELS", {"sar": {"threshold": -1}, "item_knn": {}})
    speed_scale.measured.cache_clear()
    try:
        found = {figure.figure: figure.value for figure in speed_scale.figures()}
    finally:
        speed_scale.measured.cache_clear()
    assert found["sar_30m_done"] == 0
    assert "sar_30m_seconds" not in found
    assert found["item_knn_30m_seconds"] > 0
