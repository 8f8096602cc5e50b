"""The contract of `cascade`, without and with a limit of places, nested, and its order."""

from typing import Any, ClassVar

import numpy as np
import pytest
from contracts.merged import LimitedPlaces, own_lists
from contracts.orders import Orders, many, orders
from contracts.recommender import RecommenderContract, assert_same, everyone, some
from hypothesis import given
from hypothesis import strategies as st
from pydantic import ValidationError

from restock.models import create, load

HABIT: dict[str, Any] = {"name": "reorder"}
NEAR: dict[str, Any] = {"name": "item_knn", "config": {"neighbours": 5}}
SOLD: dict[str, Any] = {"name": "popular"}


class TestCascade(RecommenderContract):
    name = "cascade"


class TestCascadeOfFewPlaces(LimitedPlaces, RecommenderContract):
    name = "cascade"
    config: ClassVar[dict[str, Any]] = {
        "stages": [HABIT | {"places": 2}, NEAR | {"places": 1}, SOLD]
    }


class TestNestedCascade(LimitedPlaces, RecommenderContract):
    name = "cascade"
    config: ClassVar[dict[str, Any]] = {
        "stages": [
            {"name": "blend", "config": {"members": [HABIT, {"name": "cascade"}]}, "places": 3},
            {"name": "cascade", "config": TestCascadeOfFewPlaces.config},
        ]
    }


def in_words(lists: list[list[int]], places: list[int | None], k: int) -> list[int]:
    """The rule in plain Python: stage by stage, each at most its places."""
    found: list[int] = []
    for offered, most in zip(lists, places, strict=True):
        found += [item for item in offered if item not in found][:most]
    return found[:k]


@pytest.mark.unit
@given(
    orders,
    st.lists(st.one_of(st.none(), st.integers(1, 3)), min_size=3, max_size=3),
    st.sampled_from(("any", "repeat", "new")),
    st.lists(st.booleans(), min_size=8, max_size=8),
)
@some
def test_each_stage_fills_what_the_ones_before_left(
    found: Orders, places: list[int | None], history: str, mask: list[bool]
) -> None:
    train = found.train()
    members = (HABIT, NEAR, SOLD)
    how: dict[str, Any] = {"history": history, "allowed": np.array(mask[: train.n_items])}
    lists = own_lists(members, train, **how)
    stages = [m | {"places": most} for m, most in zip(members, places, strict=True)]
    merged = create("cascade", stages=stages).fit(train).recommend(everyone(train), 5, **how)
    for row, customer in enumerate(everyone(train)):
        model = merged.items[row][(merged.items[row] >= 0) & ~merged.fallback[row]]
        assert model.tolist() == in_words([own[customer] for own in lists], places, 5)


@pytest.mark.unit
def test_a_stage_never_moves_what_an_earlier_one_listed() -> None:
    train = many()
    alone = create("reorder").fit(train).recommend(everyone(train), 10)
    both = create("cascade", stages=[HABIT, NEAR]).fit(train).recommend(everyone(train), 10)
    np.testing.assert_array_equal(alone.items[~alone.fallback], both.items[~alone.fallback])
    assert both.fallback.sum() < alone.fallback.sum()


@pytest.mark.unit
def test_the_places_of_a_nested_cascade_count_what_may_be_listed() -> None:
    """The two best of the inner one are not allowed: its next two take their places."""
    train = many()
    habit = create("reorder").fit(train).recommend(everyone(train)[20:21], 10)
    allowed = np.ones(train.n_items, dtype=bool)
    allowed[habit.items[0, :2]] = False
    inner = {"name": "cascade", "config": {"stages": [HABIT | {"places": 2}]}}
    model = create("cascade", stages=[inner, NEAR]).fit(train)
    lists = model.recommend(habit.customers, 4, allowed=allowed)
    np.testing.assert_array_equal(lists.items[0, :2], habit.items[0, 2:4])


@pytest.mark.unit
def test_a_saved_cascade_is_whole(tmp_path) -> None:
    train = many()
    model = create("cascade", **TestNestedCascade.config).fit(train)
    model.save(tmp_path)
    assert sorted(path.name for path in tmp_path.iterdir()) == ["model.json", "model.npz"]
    assert_same(model.recommend(everyone(train), 10), load(tmp_path).recommend(everyone(train), 10))


@pytest.mark.unit
@pytest.mark.parametrize(
    ("stages", "message"),
    [
        ([], "stages"),
        ([{"name": "reoder"}], "did you mean 'reorder'"),
        ([{"name": "reorder", "places": 0}], "places"),
        ([{"name": "reorder", "weight": 1}], "weight"),
    ],
)
def test_a_wrong_stage_is_refused(stages: list[dict], message: str) -> None:
    with pytest.raises(ValidationError, match=message):
        create("cascade", stages=stages)
