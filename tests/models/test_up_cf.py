"""The contract of `up_cf`, and its agreement with the paper's formula, dense."""

from typing import Any, ClassVar

import numpy as np
import pytest
from contracts.baskets import baskets, closest, season
from contracts.dense import assert_top
from contracts.orders import Orders, orders
from contracts.recommender import RecommenderContract, everyone, some
from hypothesis import given, settings
from hypothesis import strategies as st

from restock.dataset import Interactions
from restock.models import create

unit = pytest.mark.unit


class TestUpCf(RecommenderContract):
    name = "up_cf"


class TestPublished(RecommenderContract):
    name = "up_cf"
    config: ClassVar[dict[str, Any]] = {
        "popularity": 0.0,
        "neighbours": 2,
        "recency": 2,
        "alpha": 0.5,
    }


def formula(
    train: Interactions,
    *,
    recency: int = 10,
    alpha: float = 0.25,
    locality: float = 5.0,
    neighbours: int = 300,
    popularity: float = 2.0,
) -> np.ndarray:
    """Scores of all customers (customers × items), customers without orders 0."""
    histories = baskets(train)
    bought = np.zeros((train.n_customers, train.n_items))
    popular = np.zeros_like(bought)
    counted = np.ones((train.n_customers, 1))
    for customer, history in enumerate(histories):
        counted[customer] = max(len(history[-recency:]), 1)
        for basket in history:
            bought[customer, list(basket)] = 1
        for basket in history[-recency:]:
            popular[customer, list(basket)] += 1 / counted[customer]
    popular += popularity / counted * season(train) * bought
    known = bought.any(axis=1)
    size = bought[known].sum(axis=1)
    both = bought[known] @ bought[known].T
    weight = both / (size[:, None] ** alpha * size[None, :] ** (1 - alpha))
    weight *= closest(weight, neighbours, 0.0)
    np.fill_diagonal(weight, 1.0)
    scores = np.zeros_like(bought)
    scores[known] = weight**locality @ popular[known]
    return scores


@unit
@given(
    orders,
    st.fixed_dictionaries(
        {
            "recency": st.sampled_from((1, 2, 10)),
            "alpha": st.sampled_from((0.0, 0.25, 1.0)),
            "locality": st.sampled_from((1.0, 5.0)),
            "neighbours": st.sampled_from((1, 2, 100)),
            "popularity": st.sampled_from((0.0, 2.0)),
        }
    ),
)
@settings(some, max_examples=60)
def test_scores_are_those_of_the_formula(found: Orders, config: dict[str, Any]) -> None:
    train = found.train()
    scores = create("up_cf", **config).fit(train).scores(everyone(train))
    known = train.customers
    np.testing.assert_allclose(
        np.where(scores > -np.inf, scores, 0)[known],
        formula(train, **config)[known],
        rtol=1e-5,
        atol=1e-12,
    )


@unit
@pytest.mark.parametrize("config", [{}, {"popularity": 0.0, "neighbours": 20}])
def test_lists_are_those_of_the_formula_on_a_real_market(
    config: dict[str, Any], france: Interactions
) -> None:
    lists = create("up_cf", **config).fit(france).recommend(france.customers, 10)
    assert_top(lists, formula(france, **config), exact=0.98)
