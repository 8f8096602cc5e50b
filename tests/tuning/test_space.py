"""Spaces: points and candidates become each other, and mistakes are named."""

import json
from typing import Any

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from restock.models import Candidate
from restock.models.registry import MODELS
from restock.models.sar import Sar
from restock.models.space import (
    Choice,
    Conditional,
    Dimension,
    Integer,
    LogUniform,
    PowerOfTwo,
    Uniform,
)
from restock.tuning.random_search import draw
from restock.tuning.space import (
    candidate_of,
    check_space,
    coordinate_of,
    ends,
    point_of,
    settle,
    study_space,
    value_at,
)
from restock.tuning.trials import ALL, StudyKey

pytestmark = pytest.mark.unit

ITEM_KNN = StudyKey(where="FR", family="item_knn")
DIMENSIONS: tuple[Dimension, ...] = (
    Uniform(-1, 2),
    LogUniform(0.01, 10),
    Integer(-3, 4),
    Integer(1, 1000, log=True),
    PowerOfTwo(2, 6),
    Choice(("a", None, True, 1, (0, 1))),
)


@pytest.mark.parametrize("where", ["FR", ALL])
@pytest.mark.parametrize("family", MODELS)
def test_any_point_is_a_candidate_and_comes_back(family: str, where: str) -> None:
    key = StudyKey(where=where, family=family)
    rng = np.random.default_rng(0)
    for _ in range(10):
        point = draw(study_space(key), rng)
        assert json.loads(json.dumps(point)) == point
        assert point_of(key, candidate_of(key, point)) == point


@pytest.mark.parametrize("dimension", DIMENSIONS)
@given(share=st.floats(0, 1))
def test_a_coordinate_gives_its_value_back(dimension: Dimension, share: float) -> None:
    low, high = ends(dimension)
    value = value_at(dimension, low + share * (high - low))
    again = value_at(dimension, coordinate_of(dimension, value))
    assert again == pytest.approx(value) if isinstance(value, float) else again == value
    assert type(again) is type(value)
    assert settle({"x": dimension}, {"x": value}) == {"x": value}


@pytest.mark.parametrize(
    "dimension", [Integer(1, 5), PowerOfTwo(1, 5), Choice((1, 2, 3, 4, 5))], ids=str
)
def test_first_and_last_are_as_likely_as_the_rest(dimension: Dimension) -> None:
    low, high = ends(dimension)
    drawn = [value_at(dimension, low + (high - low) * (at + 0.5) / 500) for at in range(500)]
    assert set(np.unique(drawn, return_counts=True)[1]) == {100}


def test_scope_is_a_dimension_where_all_markets_are_one() -> None:
    sar = StudyKey(where=ALL, family="sar")
    assert study_space(sar)["scope"] == Choice(("pooled", "prior"))
    assert candidate_of(sar, {"threshold": 3, "scope": "prior"}) == Candidate(
        name="sar", config={"threshold": 3}, scope="prior"
    )
    assert candidate_of(sar, {}).scope == "pooled"
    assert point_of(sar, Candidate(name="sar", scope="prior"))["scope"] == "prior"
    assert "scope" not in point_of(sar, Candidate(name="sar", scope="market"))


def test_a_market_and_a_hybrid_have_no_choice_of_scope() -> None:
    assert "scope" not in study_space(StudyKey(where="FR", family="sar"))
    assert candidate_of(StudyKey(where="FR", family="sar"), {}).scope == "market"
    rerank = StudyKey(where=ALL, family="rerank")
    assert "scope" not in study_space(rerank)
    assert candidate_of(rerank, {}).scope == "pooled"


def test_what_does_not_depend_on_a_choice_is_left_out() -> None:
    cosine = Candidate(name="item_knn", config={"weighting": "cosine"})
    bm25 = Candidate(name="item_knn", config={"weighting": "bm25", "b": 0.25})
    assert not {"k1", "b"} & set(point_of(ITEM_KNN, cosine))
    assert point_of(ITEM_KNN, bm25)["b"] == 0.25


def test_what_lies_outside_is_brought_to_the_border_or_left_out() -> None:
    far = Candidate(name="item_knn", config={"half_life_days": 5000, "neighbours": 1})
    point = point_of(ITEM_KNN, far)
    assert (point["half_life_days"], point["neighbours"]) == (720, 10)
    space = {
        "kind": Choice(("a", "b")),
        "depends": Conditional("kind", ("a",), Uniform(0, 1)),
        "power": PowerOfTwo(2, 6),
        "number": Uniform(0, 1),
    }
    values: dict[str, Any] = {"kind": "c", "depends": 0.5, "power": 48, "number": None, "own": 1}
    assert settle(space, values) == {"power": 64}
    assert settle({"flag": Choice((True, False))}, {"flag": 1}) == {}


def test_the_family_must_be_that_of_the_study() -> None:
    with pytest.raises(ValueError, match=r"sar \(market\) is no candidate of .* FR item_knn"):
        point_of(ITEM_KNN, Candidate(name="sar"))


@given(st.data())
@settings(max_examples=50)
def test_numpy_never_leaks(data: st.DataObject) -> None:
    options = data.draw(st.lists(st.integers(-5, 5), min_size=1, unique=True))
    space = {
        "choice": Choice(tuple(np.int32(option) for option in options)),
        "number": Integer(0, 9),
        "real": LogUniform(0.1, 1),
    }
    point = draw(space, np.random.default_rng(data.draw(st.integers(0, 99))))
    assert {type(value) for value in point.values()} <= {int, float}
    json.dumps(point)


def test_a_dimension_that_is_no_field_is_named(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(Sar, "space", {"treshold": Integer(1, 5)})
    with pytest.raises(ValueError, match=r"sar: 'treshold' is no field.*mean 'threshold'"):
        study_space(StudyKey(where="FR", family="sar"))


def test_a_condition_on_what_is_not_there_before_is_named() -> None:
    then = Uniform(0, 1)
    with pytest.raises(ValueError, match=r"'b' depends on 'weight', which is no dimension before"):
        check_space("item_knn", {"b": Conditional("weight", ("bm25",), then)})
    with pytest.raises(ValueError, match="'b' depends on 'weighting'"):
        later = {"b": Conditional("weighting", ("bm25",), then), "weighting": Choice(("bm25",))}
        check_space("item_knn", later)
    nested = Conditional("weighting", ("bm25",), Conditional("kl", (1,), then))
    with pytest.raises(ValueError, match="'b' depends on 'kl'"):
        check_space("item_knn", {"weighting": Choice(("bm25",)), "b": nested})
