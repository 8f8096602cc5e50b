"""The contract of `tifu_knn`, and its agreement with the paper's formula, in plain Python."""

from typing import Any, ClassVar

import numpy as np
import pytest
from contracts.baskets import baskets, closest, frequency, in_groups, season
from contracts.dense import assert_top
from contracts.orders import Orders, many, orders
from contracts.recommender import RecommenderContract, everyone, some
from hypothesis import given, settings
from hypothesis import strategies as st

from restock.dataset import Interactions
from restock.models import FitContext, create
from restock.models.presets import preset

unit = pytest.mark.unit
PUBLISHED = preset("tifu_knn", "published")


class TestTifuKnn(RecommenderContract):
    name = "tifu_knn"


class TestPublished(RecommenderContract):
    name = "tifu_knn"
    config: ClassVar[dict[str, Any]] = {**PUBLISHED, "neighbours": 2, "within_decay": 0.9}


def formula(
    train: Interactions,
    *,
    groups: int = 15,
    within_decay: float = 1.0,
    group_decay: float = 0.8,
    alpha: float = 0.8,
    similarity: str = "cosine",
    neighbours: int = 100,
    popularity: float = 2.0,
) -> np.ndarray:
    """Scores of all customers (customers × items), customers without orders 0."""
    histories = baskets(train)
    own = np.array(
        [frequency(h, train.n_items, groups, within_decay, group_decay) for h in histories]
    )
    known = np.array([len(h) > 0 for h in histories])
    vectors = own[known]
    if similarity == "cosine":
        unit_length = vectors / np.linalg.norm(vectors, axis=1, keepdims=True)
        closeness, floor = unit_length @ unit_length.T, 0.0
    else:
        closeness = -((vectors[:, None, :] - vectors[None, :, :]) ** 2).sum(axis=2)
        floor = -np.inf
    near = closest(closeness, neighbours, floor)
    used = np.array([min(groups, max(len(h), 1)) for h in histories])
    own += popularity / used[:, None] * season(train) * (own > 0)
    count = np.maximum(near.sum(axis=1, keepdims=True), 1)
    scores = np.zeros_like(own)
    scores[known] = alpha * own[known] + (1 - alpha) * (near @ own[known]) / count
    return scores


@unit
@given(
    orders,
    st.fixed_dictionaries(
        {
            "groups": st.sampled_from((1, 2, 3, 15)),
            "within_decay": st.sampled_from((0.7, 1.0)),
            "group_decay": st.sampled_from((0.6, 1.0)),
            "alpha": st.sampled_from((0.1, 0.5, 1.0)),
            "similarity": st.sampled_from(("cosine", "euclidean")),
            "neighbours": st.sampled_from((1, 2, 100)),
            "popularity": st.sampled_from((0.0, 2.0)),
        }
    ),
)
@settings(some, max_examples=60)
def test_lists_are_those_of_the_formula(found: Orders, config: dict[str, Any]) -> None:
    train = found.train()
    model = create("tifu_knn", **config).fit(train)
    expected = formula(train, **config)
    scores = model.scores(everyone(train))
    known = train.customers
    np.testing.assert_allclose(
        np.where(scores > -np.inf, scores, 0)[known], expected[known], rtol=1e-5, atol=1e-12
    )


@unit
@pytest.mark.parametrize("similarity", ["cosine", "euclidean"])
def test_few_of_many_customers_are_near(similarity: str) -> None:
    train, config = many(), {"similarity": similarity, "neighbours": 4, "alpha": 0.2}
    scores = create("tifu_knn", **config).fit(train).scores(train.customers)
    expected = formula(train, **config)[train.customers]
    np.testing.assert_allclose(np.where(scores > -np.inf, scores, 0), expected, rtol=1e-5)


@unit
@pytest.mark.parametrize("config", [{}, PUBLISHED], ids=["defaults", "published"])
def test_lists_are_those_of_the_formula_on_a_real_market(
    config: dict[str, Any], france: Interactions
) -> None:
    config = {**config, "neighbours": 20}  # fewer than there are customers
    lists = create("tifu_knn", **config).fit(france).recommend(france.customers, 10)
    assert_top(lists, formula(france, **config), exact=0.98)


@unit
@given(st.integers(1, 40), st.integers(1, 40))
@some
def test_groups_hold_all_baskets_and_differ_by_one_at_most(baskets: int, groups: int) -> None:
    parts = in_groups([{n} for n in range(baskets)], groups)
    assert [basket for part in parts for basket in part] == [{n} for n in range(baskets)]
    sizes = [len(part) for part in parts]
    assert len(parts) == min(groups, baskets)
    assert sizes == sorted(sizes)
    assert max(sizes) - min(sizes) <= 1


@unit
def test_neighbours_are_others_and_threads_find_the_same(france: Interactions) -> None:
    one, three = (
        create("tifu_knn", neighbours=30).fit(france, FitContext(threads=n)) for n in (1, 3)
    )
    for part in ("start", "near", "weight"):
        np.testing.assert_array_equal(getattr(one._near, part), getattr(three._near, part))
    customer = np.repeat(np.arange(france.n_customers), np.diff(one._near.start))
    assert (customer != one._near.near).all()
    assert np.diff(one._near.start).max() == 30


@unit
def test_one_customer_has_no_neighbour_and_keeps_the_habit() -> None:
    train = many()
    alone = train.of_customers(train.customers[:1])
    lists = create("tifu_knn").fit(alone).recommend(alone.customers, 3)
    assert not lists.fallback.any()


@unit
def test_it_says_what_it_holds() -> None:
    train = many()
    few, lots = (create("tifu_knn", neighbours=k).memory_bytes(train) for k in (10, 1010))
    assert lots - few >= 20 * 1000 * train.customers.size
