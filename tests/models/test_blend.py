"""The contract of `blend`, plain and nested, and its arithmetic."""

from typing import Any, ClassVar

import numpy as np
import pytest
from contracts.orders import Orders, many, orders
from contracts.recommender import RecommenderContract, assert_same, everyone, some
from hypothesis import given
from pydantic import ValidationError

from restock.models import create, load

SAR = {"name": "sar", "config": {"half_life_days": 30}, "weight": 0.5}
HABIT = {"name": "reorder", "weight": 2.0}


class TestBlend(RecommenderContract):
    name = "blend"


class TestNestedBlend(RecommenderContract):
    name = "blend"
    config: ClassVar[dict[str, Any]] = {
        "members": [HABIT, {"name": "blend", "config": {"members": [SAR, HABIT]}}]
    }


@pytest.mark.unit
@given(orders)
@some
def test_a_score_adds_up_what_the_members_say(found: Orders) -> None:
    train = found.train()
    total = np.zeros((train.n_customers, train.n_items))
    known = np.zeros(total.shape, dtype=bool)
    for name, config, weight in (("sar", {"half_life_days": 30}, 0.5), ("reorder", {}, 2.0)):
        scores = create(name, **config).fit(train).scores(everyone(train)).astype(np.float64)
        best = scores.max(axis=1, keepdims=True)
        known |= scores > -np.inf
        total += np.where(scores > -np.inf, weight * scores / np.where(best > 0, best, 1), 0)
    blended = create("blend", members=[SAR, HABIT]).fit(train).scores(everyone(train))
    np.testing.assert_array_equal(blended > -np.inf, known)
    np.testing.assert_allclose(blended[known], total[known], rtol=1e-6)


@pytest.mark.unit
def test_a_single_member_keeps_its_lists() -> None:
    train = many()
    alone = create("reorder").fit(train).recommend(everyone(train), 10)
    blended = create("blend", members=[HABIT]).fit(train).recommend(everyone(train), 10)
    np.testing.assert_array_equal(alone.items, blended.items)
    np.testing.assert_array_equal(alone.fallback, blended.fallback)


@pytest.mark.unit
def test_weights_matter_and_their_scale_does_not() -> None:
    train = many()

    def lists(sar: float, habit: float) -> np.ndarray:
        members = [SAR | {"weight": sar}, HABIT | {"weight": habit}]
        return create("blend", members=members).fit(train).recommend(everyone(train), 10).items

    np.testing.assert_array_equal(lists(1, 2), lists(8, 16))
    assert (lists(1, 2) != lists(2, 1)).any()


@pytest.mark.unit
def test_a_saved_blend_is_whole(tmp_path) -> None:
    train = many()
    model = create("blend", **TestNestedBlend.config).fit(train)
    model.save(tmp_path)
    assert sorted(path.name for path in tmp_path.iterdir()) == ["model.json", "model.npz"]
    assert_same(model.recommend(everyone(train), 10), load(tmp_path).recommend(everyone(train), 10))


@pytest.mark.unit
def test_what_a_member_leaves_out_is_the_default() -> None:
    short = create("blend", members=[{"name": "sar"}]).config
    long = create("blend", members=[{"name": "sar", "config": {"threshold": 1}}]).config
    assert short == long
    assert short.members[0].config["similarity"] == "jaccard"


@pytest.mark.unit
@pytest.mark.parametrize(
    ("member", "message"),
    [
        ({"name": "sarr"}, "did you mean 'sar'"),
        ({"name": "sar", "config": {"treshold": 2}}, "did you mean 'threshold'"),
        ({"name": "sar", "config": {"threshold": 0}}, "threshold"),
        ({"name": "sar", "weight": 0}, "weight"),
        ({"name": "sar", "share": 1}, "share"),
    ],
)
def test_a_wrong_member_is_refused(member: dict, message: str) -> None:
    with pytest.raises(ValidationError, match=message):
        create("blend", members=[member])


@pytest.mark.unit
def test_a_blend_of_nothing_is_refused() -> None:
    with pytest.raises(ValidationError, match="members\n.*at least one is needed"):
        create("blend", members=[])


@pytest.mark.unit
@pytest.mark.parametrize(
    ("name", "field"),
    [("blend", "members"), ("cascade", "stages"), ("rerank", "members"), ("switch", "members")],
)
def test_a_mistake_inside_a_member_is_the_only_one_that_is_told(name: str, field: str) -> None:
    with pytest.raises(ValidationError) as refused:
        create(name, **{field: [{"name": "sarr"}]})
    (error,) = refused.value.errors()
    assert error["loc"] == (field, 0, "config")
