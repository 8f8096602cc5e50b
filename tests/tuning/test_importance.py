"""Importance: what decides gets the praise, whatever the order of the trials."""

import math
import random

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from restock.models.space import Choice, Conditional, Integer, LogUniform, Space, Uniform
from restock.tuning.importance import importance
from restock.tuning.random_search import draw
from restock.tuning.space import Point
from restock.tuning.trials import Told

pytestmark = pytest.mark.unit

SPACE: Space = {
    "kind": Choice(("a", "b", "c")),
    "rate": LogUniform(1e-3, 1),
    "count": Integer(1, 9),
    "idle": Uniform(0, 1),
    "part": Conditional("kind", ("a",), Uniform(0, 1)),
}
SEEDS = st.integers(0, 10_000)


def points(trials: int, seed: int) -> list[Point]:
    rng = np.random.default_rng(seed)
    return [draw(SPACE, rng) for _ in range(trials)]


def hill(point: Point) -> float:
    """No slope from end to end: best in the middle of the logarithm."""
    return -abs(math.log10(point["rate"]) + 1.5)


@given(trials=st.integers(30, 120), seed=SEEDS)
@settings(max_examples=40)
def test_what_decides_gets_more_than_what_does_nothing(trials: int, seed: int) -> None:
    history = [Told(point=point, value=hill(point)) for point in points(trials, seed)]
    shares = importance(SPACE, history)
    assert max(shares, key=shares.__getitem__) == "rate"
    assert sum(shares.values()) == pytest.approx(1)


@given(trials=st.integers(30, 120), seed=SEEDS)
@settings(max_examples=40)
def test_an_option_decides(trials: int, seed: int) -> None:
    history = [Told(point=p, value=float(p["kind"] == "b")) for p in points(trials, seed)]
    shares = importance(SPACE, history)
    assert max(shares, key=shares.__getitem__) == "kind"


@given(trials=st.integers(0, 40), seed=SEEDS, order=st.randoms(use_true_random=False))
@settings(max_examples=40)
def test_the_order_of_the_trials_does_not_matter(
    trials: int, seed: int, order: random.Random
) -> None:
    rng = np.random.default_rng(seed)
    history = [
        Told(point=point, value=None if rng.random() < 0.2 else float(rng.normal()))
        for point in points(trials, seed)
    ]
    mixed = list(history)
    order.shuffle(mixed)
    shares = importance(SPACE, history)
    assert importance(SPACE, mixed) == shares
    assert set(shares) == set(SPACE)
    assert all(type(share) is float and share >= 0 for share in shares.values())
    assert sum(shares.values()) in (0, pytest.approx(1))


def test_a_condition_is_judged_where_it_holds() -> None:
    """Among the trials of kind a it decides; that they are of kind a is not its merit."""
    inside = [Told(point=p, value=p.get("part", 0.5)) for p in points(90, 0)]
    shares = importance(SPACE, inside)
    assert max(shares, key=shares.__getitem__) == "part"
    outside = [Told(point=p, value=float("part" in p)) for p in points(90, 0)]
    shares = importance(SPACE, outside)
    assert shares["part"] == 0
    assert shares["kind"] > 0.9


def test_a_disaster_takes_no_more_than_the_last_place() -> None:
    drawn = points(60, 1)
    history = [Told(point=point, value=hill(point)) for point in drawn]
    mild = importance(SPACE, history)
    worst = min(range(60), key=lambda at: hill(drawn[at]))
    for value in (-1e9, None):
        history[worst] = Told(point=drawn[worst], value=value)
        assert importance(SPACE, history) == mild


def test_nothing_is_said_of_what_is_not_known() -> None:
    none = dict.fromkeys(SPACE, 0.0)
    few = [Told(point=point, value=hill(point)) for point in points(7, 0)]
    flat = [Told(point=point, value=1.0) for point in points(40, 0)]
    failed = [Told(point=point, value=None) for point in points(40, 0)]
    same = [Told(point=points(1, 0)[0], value=float(at)) for at in range(40)]
    for history in ([], few, flat, failed, same):
        assert importance(SPACE, history) == none
    assert importance({}, few) == {}


def test_what_no_trial_says_and_what_the_space_does_not_know() -> None:
    history = [
        Told(point={"rate": p["rate"], "kind": "gone", "other": 1}, value=hill(p))
        for p in points(30, 2)
    ]
    assert importance(SPACE, history) == {**dict.fromkeys(SPACE, 0.0), "rate": 1.0}
