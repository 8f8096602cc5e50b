"""The contract of `switch`: by market and segment, by pattern, nested; who serves whom."""

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
FEW: dict[str, Any] = {"feature": "orders", "below": 2}
EVERY_FOURTH_NEW: dict[str, Any] = {
    "members": [HABIT, NEAR | {"history": "new"}],
    "pattern": [0, 0, 0, 1],
}


class TestSwitch(RecommenderContract):
    name = "switch"


class TestSwitchBySegment(RecommenderContract):
    name = "switch"
    config: ClassVar[dict[str, Any]] = {
        "members": [NEAR | FEW, SOLD | {"markets": ["GB"]}, HABIT],
    }


class TestSwitchByPlace(LimitedPlaces, RecommenderContract):
    name = "switch"
    config: ClassVar[dict[str, Any]] = EVERY_FOURTH_NEW


@pytest.mark.thorough
class TestNestedSwitch(LimitedPlaces, RecommenderContract):
    name = "switch"
    config: ClassVar[dict[str, Any]] = {
        "members": [
            {"name": "switch", "config": EVERY_FOURTH_NEW, "markets": ["FR"]},
            {"name": "blend", "config": {"members": [{"name": "switch"}, HABIT]}},
        ]
    }


def in_words(lists: list[list[int]], pattern: list[int], k: int) -> list[int]:
    """The rule in plain Python: place by place, the member's turn, else the first that has."""
    found: list[int] = []
    for place in range(k):
        turns = [pattern[place % len(pattern)], *range(len(lists))]
        left = [item for turn in turns for item in lists[turn] if item not in found]
        found += left[:1]
    return found


@pytest.mark.unit
@given(
    orders,
    st.lists(st.integers(0, 2), min_size=1, max_size=5),
    st.sampled_from(("any", "repeat", "new")),
    st.lists(st.booleans(), min_size=8, max_size=8),
)
@some
def test_each_place_goes_to_the_member_whose_turn_it_is(
    found: Orders, pattern: list[int], history: str, mask: list[bool]
) -> None:
    train = found.train()
    members = (HABIT, NEAR, SOLD)
    how: dict[str, Any] = {"history": history, "allowed": np.array(mask[: train.n_items])}
    lists = own_lists(members, train, **how)
    model = create("switch", members=members, pattern=pattern).fit(train)
    merged = model.recommend(everyone(train), 5, **how)
    for row, customer in enumerate(everyone(train)):
        model_items = merged.items[row][(merged.items[row] >= 0) & ~merged.fallback[row]]
        assert model_items.tolist() == in_words([own[customer] for own in lists], pattern, 5)


@pytest.mark.unit
def test_every_fourth_place_is_new() -> None:
    train = many()
    lists = create("switch", **EVERY_FOURTH_NEW).fit(train).recommend(train.customers, 8)
    bought = set(zip(train.customer.tolist(), train.item.tolist(), strict=True))
    for customer, items in zip(lists.customers.tolist(), lists.items.tolist(), strict=True):
        if sum(known == customer for known, _ in bought) >= 6:  # as many as the habit needs
            new = [(customer, item) not in bought for item in items]
            assert new == [False, False, False, True] * 2
    assert_same(
        create("switch", **EVERY_FOURTH_NEW).fit(train).recommend(train.customers, 5), lists.head(5)
    )


@pytest.mark.unit
def test_a_member_of_new_items_cedes_its_places_where_bought_ones_are_asked_for() -> None:
    train = many()
    lists = create("switch", **EVERY_FOURTH_NEW).fit(train)
    alone = create("reorder").fit(train)
    np.testing.assert_array_equal(
        lists.recommend(train.customers, 8, history="repeat").items,
        alone.recommend(train.customers, 8, history="repeat").items,
    )


@pytest.mark.unit
def test_a_market_and_a_segment_have_their_own_member() -> None:
    train = many()
    config = TestSwitchBySegment.config
    lists = create("switch", **config).fit(train).recommend(everyone(train), 3)
    near, sold, habit = (
        create(m["name"], **m.get("config", {})).fit(train).recommend(everyone(train), 3)
        for m in (NEAR, SOLD, HABIT)
    )
    orders_of = train.features.read("customer", train)
    count = orders_of.values[:, orders_of.names.index("orders")]
    british = train.catalogue.customer_market == train.catalogue.market_code("GB")
    for customer in train.customers:
        expected = near if count[customer] < 2 else sold if british[customer] else habit
        np.testing.assert_array_equal(lists.items[customer], expected.items[customer])


@pytest.mark.unit
def test_who_serves_whom_is_saved(tmp_path) -> None:
    train = many()
    model = create("switch", **TestNestedSwitch.config).fit(train)
    model.save(tmp_path)
    assert sorted(path.name for path in tmp_path.iterdir()) == ["model.json", "model.npz"]
    assert_same(model.recommend(everyone(train), 10), load(tmp_path).recommend(everyone(train), 10))


@pytest.mark.unit
@pytest.mark.parametrize(
    ("config", "message"),
    [
        ({"members": []}, "members"),
        ({"members": [{"name": "reoder"}]}, "did you mean 'reorder'"),
        ({"members": [HABIT], "pattern": [1]}, r"must name members 0..0"),
        ({"members": [HABIT], "pattern": [-1]}, r"must name members 0..0"),
        ({"pattern": []}, "pattern"),
        ({"members": [HABIT | {"below": 3}]}, "a condition needs both"),
        ({"members": [HABIT | {"feature": "orders"}]}, "a condition needs both"),
        ({"members": [HABIT | {"history": "old"}]}, "history"),
        ({"members": [HABIT | FEW | {"at_least": 2}]}, "at_least 2 must be less than below 2"),
        ({"members": [HABIT | FEW | {"at_least": 2.5}]}, "at_least 2.5 must be less than below 2"),
        ({"members": [HABIT | {"markets": ["FR", "gb"]}]}, r"markets\.1\n"),
        ({"members": [HABIT | {"markets": ["GB\n"]}]}, r"markets\.0\n"),
    ],
)
def test_a_wrong_switch_is_refused(config: dict, message: str) -> None:
    with pytest.raises(ValidationError, match=message):
        create("switch", **config)


@pytest.mark.unit
def test_an_unknown_feature_is_refused_before_the_fit() -> None:
    condition = {"feature": "ordes", "below": 3}
    with pytest.raises(ValueError, match="no customer feature 'ordes'.*known: orders, lines"):
        create("switch", members=[HABIT | condition]).fit(many())
