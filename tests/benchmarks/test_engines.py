"""The comparison of engines: an equal start, an equal budget, and figures that say who leads."""

from pathlib import Path

import numpy as np
import pytest
from contracts.orders import many

from restock.benchmarks import engines, engines_race
from restock.benchmarks.engines import of_model
from restock.benchmarks.engines_optuna import Optuna
from restock.benchmarks.engines_plot import draw
from restock.benchmarks.engines_race import Ground, best_so_far, race, searched
from restock.evaluation import rolling_folds
from restock.models.slate import FIRST_INCUMBENT
from restock.models.space import Choice, LogUniform
from restock.tuning.space import settle
from restock.tuning.tpe import STARTUP

pytestmark = pytest.mark.unit


@pytest.mark.thorough
def test_all_race_from_the_same_start_to_the_same_budget(monkeypatch: pytest.MonkeyPatch) -> None:
    fold = rolling_folds(many(), horizon_days=28, windows=2)[0]
    small = Ground(fold, engines_race._card(FIRST_INCUMBENT, fold))
    monkeypatch.setattr(engines_race, "ground", lambda: small)
    curves = race("sar", 0, STARTUP + 2)
    assert set(curves) == set(engines_race.RACED)
    for curve in curves.values():
        assert len(curve) == STARTUP + 2
        assert curve[:STARTUP] == curves["random"][:STARTUP]
        assert curve == sorted(curve)
        assert np.isfinite(curve).all()


def test_the_yardstick_is_worth_nothing_over_itself() -> None:
    fold = rolling_folds(many(), horizon_days=28, windows=2)[0]
    ground = Ground(fold, engines_race._card(FIRST_INCUMBENT, fold))
    assert ground.value(FIRST_INCUMBENT) == 0


def test_what_is_held_is_not_searched() -> None:
    assert "factors" not in searched("als")
    assert {"scope", "learning_rate", "epochs"} <= set(searched("wide_deep"))


def test_a_failure_is_no_best() -> None:
    assert best_so_far([None, -2.0, None, -1.0, -3.0]) == [-np.inf, -2, -2, -1, -1]


def test_figures_compare_within_a_seed() -> None:
    """An engine that is .1 better in each seed is so for sure, however seeds differ."""
    random = np.array([[0.0, 1.0, 1.0], [2.0, 2.0, 5.0], [0.0, 0.0, 9.0]])
    same = dict.fromkeys(engines_race.RACED, random)
    found = {f.figure: f for f in of_model("sar", {**same, "tpe": random + 0.1})}
    assert found["best_after_30.sar.random"].value == 5
    gain = found["gain_over_random.sar.tpe"]
    assert (gain.value, gain.low, gain.high) == pytest.approx((0.1, 0.1, 0.1))
    assert found["trials_to_random.sar.tpe"].value == 3
    never = {f.figure: f for f in of_model("sar", {**same, "tpe": random - 0.1})}
    assert never["trials_to_random.sar.tpe"].value == 4


def test_optuna_is_asked_and_told_as_ours_are() -> None:
    space = {"kind": Choice(("a", "b")), "rate": LogUniform(0.01, 1)}
    answers = []
    for _ in range(2):
        peer = Optuna(space, 3, 4)
        peer.tell({"kind": "b", "rate": 0.5}, 1.0)
        for _ in range(8):
            [point] = peer.ask(1)
            assert settle(space, point) == point
            peer.tell(point, None if point["kind"] == "a" else -point["rate"])
        answers.append(peer.ask(2))
    assert answers[0] == answers[1]


def test_asking_is_timed() -> None:
    figure = engines.ask_ms("random", 3)
    assert figure.figure == "ask_ms.random.3"
    assert figure.value > 0


def test_the_picture_is_drawn(tmp_path: Path) -> None:
    rng = np.random.default_rng(0)
    curves = {label: np.sort(rng.normal(size=(3, 30)), axis=1) for label in engines_race.RACED}
    draw({"sar": curves, "als": curves}, tmp_path / "img")
    assert (tmp_path / "img" / "engines.png").stat().st_size > 10_000
