"""Engines: what any of them promises, and that TPE learns."""

import json
import math

import pytest

from restock.models.space import (
    Choice,
    Conditional,
    Integer,
    LogUniform,
    PowerOfTwo,
    Space,
    Uniform,
)
from restock.tuning.engine import ENGINES, Engine, create_engine
from restock.tuning.space import Point, settle
from restock.tuning.tpe import STARTUP

pytestmark = pytest.mark.unit

SPACE: Space = {
    "kind": Choice(("a", "b", (0, 1))),
    "rate": LogUniform(1e-4, 1),
    "width": PowerOfTwo(2, 8),
    "count": Integer(1, 100, log=True),
    "share": Conditional("kind", ("a",), Uniform(0, 1)),
    "deeper": Conditional("kind", ("a", "b"), Conditional("width", (4, 8), Integer(0, 3))),
}


def lift(point: Point) -> float:
    """Best at kind b and rate 0.01."""
    return -abs(math.log10(point["rate"]) + 2) - 2 * (point["kind"] != "b")


def searched(name: str, seed: int, trials: int, space: Space = SPACE) -> tuple[Engine, list[Point]]:
    engine, points = create_engine(name, space, seed), []
    for _ in range(trials):
        [point] = engine.ask(1)
        points.append(point)
        engine.tell(point, lift(point))
    return engine, points


@pytest.mark.parametrize("name", ENGINES)
class TestEveryEngine:
    def test_points_are_distinct_plain_and_of_the_space(self, name: str) -> None:
        engine, told = searched(name, 0, 12)
        asked = engine.ask(30)
        texts = [json.dumps(point) for point in told + asked]
        assert len(set(texts)) == 42
        for text, point in zip(texts, told + asked, strict=True):
            assert json.loads(text) == point
            assert settle(SPACE, point) == point
            assert ("share" in point) == (point["kind"] == "a")
            assert ("deeper" in point) == (point["kind"] in ("a", "b") and point["width"] <= 8)

    def test_it_is_rebuilt_from_its_history(self, name: str) -> None:
        engine, points = searched(name, 7, 15)
        again = create_engine(name, SPACE, 7)
        for point in json.loads(json.dumps(points)):
            again.tell(point, lift(point))
        assert engine.ask(4) == again.ask(4)

    def test_the_seed_decides(self, name: str) -> None:
        assert searched(name, 1, 12)[1] == searched(name, 1, 12)[1]
        assert searched(name, 1, 12)[1] != searched(name, 2, 12)[1]
        assert create_engine(name, SPACE, -1).ask(1) != create_engine(name, SPACE, 1).ask(1)

    def test_a_batch_is_the_same_as_one_by_one(self, name: str) -> None:
        engine, again = searched(name, 3, 12)[0], searched(name, 3, 12)[0]
        assert engine.ask(3) == [*again.ask(1), *again.ask(2)]

    def test_where_all_failed_it_goes_on(self, name: str) -> None:
        engine = create_engine(name, SPACE, 0)
        for _ in range(STARTUP + 2):
            [point] = engine.ask(1)
            engine.tell(point, None)
        assert len(engine.ask(2)) == 2

    @pytest.mark.parametrize("value", [math.nan, math.inf, -math.inf])
    def test_what_is_not_finite_failed(self, name: str, value: float) -> None:
        engine, points = searched(name, 0, STARTUP + 4)
        again = create_engine(name, SPACE, 0)
        for point in points:
            again.tell(point, lift(point))
        engine.tell({"kind": "a"}, value)
        again.tell({"kind": "a"}, None)
        assert engine.ask(3) == again.ask(3)

    def test_points_from_elsewhere_are_understood(self, name: str) -> None:
        engine = create_engine(name, SPACE, 0)
        for at in range(STARTUP + 1):
            elsewhere = {"kind": "gone", "rate": 10.0 * at, "width": 48, "other": at}
            engine.tell(elsewhere, float(at))
            engine.tell({}, 0.5)
        assert all(settle(SPACE, point) == point for point in engine.ask(3))

    def test_a_small_space_is_exhausted_before_anything_comes_twice(self, name: str) -> None:
        space = {"kind": Choice(("a", "b", "c")), "width": PowerOfTwo(1, 2)}
        engine = create_engine(name, space, 0)
        asked = engine.ask(6)
        assert len({json.dumps(point) for point in asked}) == 6
        assert len(engine.ask(3)) == 3

    def test_a_model_without_dimensions_has_one_point(self, name: str) -> None:
        engine = create_engine(name, {}, 0)
        for _ in range(STARTUP + 1):
            engine.tell({}, 1.0)
        assert engine.ask(2) == [{}, {}]


@pytest.mark.thorough
def test_tpe_finds_what_random_search_misses() -> None:
    gains = [
        max(map(lift, searched("tpe", seed, 40)[1]))
        - max(map(lift, searched("random", seed, 40)[1]))
        for seed in range(8)
    ]
    assert sum(gains) / len(gains) > 0.02


def test_tpe_asks_near_what_was_good() -> None:
    engine, _ = searched("tpe", 0, 30)
    assert sum(map(lift, engine.ask(6))) > sum(map(lift, create_engine("random", SPACE, 9).ask(6)))


def test_tpe_learns_from_what_others_tried() -> None:
    """Told from outside, it starts where the best were, without random points first."""
    engine = create_engine("tpe", SPACE, 0)
    for point in create_engine("random", SPACE, 5).ask(40):
        engine.tell(point, lift(point))
    kinds = [point["kind"] for point in engine.ask(5)]
    assert kinds.count("b") >= 4


def test_tpe_keeps_away_from_failures() -> None:
    engine = create_engine("tpe", {"x": Uniform(0, 1)}, 0)
    for at in range(40):
        engine.tell({"x": at / 40}, None if at >= 20 else -at / 400)
    assert all(point["x"] < 0.5 for point in engine.ask(4))


def test_a_batch_of_tpe_spreads_out() -> None:
    """Pending points count as bad, so that the tenth is not where the first is."""
    engine = create_engine("tpe", {"x": Uniform(0, 1)}, 0)
    for at in range(20):
        engine.tell({"x": at / 20}, -abs(at / 20 - 0.5))
    batch = sorted(point["x"] for point in engine.ask(9))
    alone = []
    for seed in range(9):
        fresh = create_engine("tpe", {"x": Uniform(0, 1)}, seed)
        for at in range(20):
            fresh.tell({"x": at / 20}, -abs(at / 20 - 0.5))
        alone += [point["x"] for point in fresh.ask(1)]
    assert max(batch) - min(batch) > max(alone) - min(alone)


def test_the_nearest_engine_is_named() -> None:
    with pytest.raises(ValueError, match="there is no engine 'tp'; did you mean 'tpe'"):
        create_engine("tp", SPACE, 0)
