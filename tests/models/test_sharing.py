"""Sharing saves work and never changes a digit: every model, in any order, in any room."""

from collections.abc import Iterator
from concurrent.futures import ThreadPoolExecutor
from threading import Barrier
from typing import Any

import numpy as np
import pytest
from contracts.orders import Orders, many, orders
from contracts.recommender import some
from hypothesis import given
from hypothesis import strategies as st

from restock.dataset import Interactions
from restock.models import FitContext, Recommender, Shared, create
from restock.models.registry import MODELS

pytestmark = pytest.mark.unit

TINY_NETWORK = {"width": 4, "windows": 2, "epochs": 1}
TINY_TREES = {"trees": 3, "leaves": 4, "least_leaf": 2}
CONFIGS: dict[str, tuple[dict[str, Any], ...]] = {
    "popular": ({}, {"half_life_days": 60}),
    "reorder": ({}, {"popularity": 0.1}, {"half_life_days": 30}),
    "item_knn": ({}, {"neighbours": 2}, {"weighting": "cosine"}),
    "sar": (
        {},
        {"threshold": 3},
        {"similarity": "lift"},
        {"similarity": "cosine", "neighbours": 2},
        {"similarity": "cooccurrence", "threshold": 2, "half_life_days": 30},
    ),
    "tifu_knn": ({}, {"alpha": 0.3, "neighbours": 3}, {"similarity": "euclidean", "groups": 2}),
    "up_cf": ({}, {"recency": 1, "neighbours": 3}, {"alpha": 0.7}),
    "ease": ({}, {"regularisation": 5.0}, {"own": 0.0}),
    "als": ({"factors": 4}, {"factors": 8, "alpha": 2.0}, {"factors": 4, "iterations": 2}),
    "gru": (TINY_NETWORK, {**TINY_NETWORK, "windows": 3}, {**TINY_NETWORK, "learning_rate": 0.02}),
    "lstm": (TINY_NETWORK, {**TINY_NETWORK, "windows": 3}),
    "wide_deep": (
        {"epochs": 1, "hidden": 4, "second": 4, "cutoffs": 2},
        {"epochs": 1, "hidden": 8, "second": 4, "cutoffs": 3},
    ),
    "blend": (
        {},
        {"members": [{"name": "item_knn", "weight": 0.1}, {"name": "reorder", "weight": 2.0}]},
    ),
    "rerank": (
        {**TINY_TREES, "cutoffs": 2},
        {**TINY_TREES, "cutoffs": 3, "proposals": 5},
        {**TINY_TREES, "cutoffs": 2, "objective": "binary"},
    ),
    "cascade": ({}, {"stages": [{"name": "item_knn", "places": 2}, {"name": "reorder"}]}),
    "switch": ({}, {"pattern": [0, 1]}),
    "market_prior": ({}, {"weight": 1.0}, {"member": {"name": "sar"}}),
}
DRAWS = {
    "sar": st.fixed_dictionaries(
        {
            "similarity": st.sampled_from(("cooccurrence", "jaccard", "lift", "cosine")),
            "half_life_days": st.sampled_from((14.0, 90.0, None)),
            "threshold": st.integers(1, 3),
            "neighbours": st.sampled_from((None, 1, 3)),
        }
    ),
    "up_cf": st.fixed_dictionaries(
        {"recency": st.integers(1, 3), "alpha": st.floats(0, 1), "neighbours": st.integers(1, 4)}
    ),
    "tifu_knn": st.fixed_dictionaries(
        {"groups": st.integers(1, 4), "alpha": st.floats(0, 1), "neighbours": st.integers(1, 4)}
    ),
    "reorder": st.fixed_dictionaries(
        {"half_life_days": st.sampled_from((14.0, 90.0, None)), "popularity": st.floats(0, 3)}
    ),
}


def scores(model: Recommender[Any]) -> np.ndarray:
    return model.scores(np.arange(model.past.customer_market.size, dtype=np.int32))


def same(one: Recommender[Any], other: Recommender[Any]) -> None:
    """Equal scores and equal files, digit by digit."""
    np.testing.assert_array_equal(scores(one), scores(other))
    mine, theirs = one._state(), other._state()
    assert mine.keys() == theirs.keys()
    for name, array in mine.items():
        np.testing.assert_array_equal(array, theirs[name], err_msg=name)


def fits(
    name: str, configs: Any, train: Interactions, shared: Shared
) -> Iterator[Recommender[Any]]:
    for config in configs:
        yield create(name, **config).fit(train, FitContext(shared=shared))


def test_every_model_is_tried() -> None:
    assert CONFIGS.keys() == MODELS.keys()


@pytest.mark.thorough
@pytest.mark.parametrize("name", CONFIGS)
def test_fits_that_share_are_those_that_do_not(name: str) -> None:
    train, configs = many(), CONFIGS[name]
    alone = [create(name, **config).fit(train) for config in configs]
    for order in (1, -1):
        shared = Shared()
        together = list(fits(name, configs[::order], train, shared))
        for one, other in zip(alone[::order], together, strict=True):
            same(one, other)
        assert shared.hits


@pytest.mark.thorough
@pytest.mark.parametrize("name", DRAWS)
@given(st.data(), orders)
@some
def test_so_are_any_configurations_in_any_room(
    name: str, data: st.DataObject, found: Orders
) -> None:
    train = found.train()
    configs = data.draw(st.lists(DRAWS[name], min_size=2, max_size=4))
    shared = Shared(data.draw(st.sampled_from((0, 500, 5_000, 10**9))))
    for config, model in zip(configs, fits(name, configs, train, shared), strict=True):
        same(create(name, **config).fit(train), model)
        assert 0 <= shared.held <= shared.limit


def test_what_was_shared_is_not_changed_by_what_follows() -> None:
    train, shared = many(), Shared()
    first = create("blend").fit(train, FitContext(shared=shared))
    before = scores(first)
    for name in ("item_knn", "market_prior", "rerank"):
        list(fits(name, CONFIGS[name], train, shared))
    np.testing.assert_array_equal(scores(first), before)


def test_a_member_and_the_model_itself_are_one_fit() -> None:
    train, context = many(), FitContext(shared=Shared())
    model = create("item_knn").fit(train, context)
    hybrid: Any = create("market_prior", member={"name": "item_knn"}).fit(train, context)
    assert hybrid.models[0]._near is model._near


def test_another_seed_is_another_fit() -> None:
    train, shared = many(), Shared()
    for seed in (1, 2):
        model = create("als", factors=4).fit(train, FitContext(seed=seed, shared=shared))
        same(create("als", factors=4).fit(train, FitContext(seed=seed)), model)


def test_other_interactions_are_refused() -> None:
    train, context = many(), FitContext(shared=Shared())
    create("popular").fit(train, context)
    create("reorder").fit(train.of_customers(train.customers), context)  # equal lines
    with pytest.raises(ValueError, match="one Shared for each training set"):
        create("popular").fit(train.of_customers(train.customers[1:]), context)


def test_those_who_ask_at_once_make_it_once() -> None:
    shared, ready, made = Shared(), Barrier(4), []

    def ask(_: int) -> np.ndarray:
        ready.wait()
        return shared.once(("key",), lambda: made.append(1) or np.ones(3))

    with ThreadPoolExecutor(4) as pool:
        found = list(pool.map(ask, range(4)))
    assert len(made) == 1
    assert all(one is found[0] for one in found)
    assert (shared.hits, shared.misses) == (3, 1)


def test_the_oldest_is_forgotten_and_an_array_in_two_values_counts_once() -> None:
    shared, array = Shared(100), np.zeros(5)  # 40 bytes
    shared.once(("a",), lambda: array)
    shared.once(("b",), lambda: {"view": array[1:3], "own": [np.zeros(6)]})
    assert shared.held == 88
    shared.once(("a",), lambda: pytest.fail("it is there"))
    shared.once(("c",), lambda: np.zeros(5))  # b was not asked for the longest time
    assert shared.held == 80
    shared.once(("a",), lambda: pytest.fail("it is there"))
    shared.once(("large",), lambda: np.zeros(13))
    assert shared.held == 80
    assert shared.once(("b",), lambda: "again") == "again"


def test_a_failure_is_not_kept() -> None:
    shared = Shared()
    with pytest.raises(ZeroDivisionError):
        shared.once(("key",), lambda: 1 / 0)
    assert shared.once(("key",), lambda: 1.0) == 1.0


def test_a_part_of_the_interactions_has_keys_of_its_own() -> None:
    context = FitContext(shared=Shared())
    assert context.once(("key",), lambda: 1) == 1
    assert context.of_part("before", 7).once(("key",), lambda: 2) == 2
    assert context.once(("key",), lambda: 3) == 1
