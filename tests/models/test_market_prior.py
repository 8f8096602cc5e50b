"""The contract of `market_prior`, its arithmetic, and what a market never sold."""

from typing import Any, ClassVar

import numpy as np
import pytest
from contracts.orders import Orders, many, orders
from contracts.recommender import RecommenderContract, everyone, some
from hypothesis import given
from pydantic import ValidationError

from restock.models import create

NEAR: dict[str, Any] = {"name": "item_knn", "config": {"neighbours": 5}}
HALF_LIFE = 30.0


class TestMarketPrior(RecommenderContract):
    name = "market_prior"


class TestPriorOfABlend(RecommenderContract):
    name = "market_prior"
    config: ClassVar[dict[str, Any]] = {"member": {"name": "blend"}, "weight": 1.0}


@pytest.mark.unit
@given(orders)
@some
def test_a_score_is_the_members_plus_the_markets(found: Orders) -> None:
    train = found.train()
    prior = {"member": NEAR, "weight": 0.7, "half_life_days": HALF_LIFE}
    scores = create("market_prior", **prior).fit(train).scores(everyone(train))
    member = create("item_knn", **NEAR["config"]).fit(train).scores(everyone(train))
    decay = 0.5 ** (train.age_days / HALF_LIFE)
    for customer, own in enumerate(member.astype(np.float64)):
        here = train.market == train.catalogue.customer_market[customer]
        sold = np.bincount(train.item[here], decay[here], minlength=train.n_items)
        known = (own > -np.inf) & (sold > 0)
        expected = own / max(own.max(), 1e-9) + 0.7 * sold / max(sold.max(), 1e-300)
        np.testing.assert_array_equal(scores[customer] > -np.inf, known)
        np.testing.assert_allclose(scores[customer][known], expected[known], rtol=1e-5)


@pytest.mark.unit
def test_what_a_market_never_sold_is_not_offered_there() -> None:
    """Both markets buy item 0 with their own: pooled neighbours cross the border."""
    abroad = [(1, item, 10, 1) for item in (0, 1)] * 3
    at_home = [(0, item, 10, 1) for item in (0, 2)] + [(2, 0, 20, 1)]
    train = Orders(tuple(abroad + at_home)).train()
    frenchman = train.catalogue.customer_codes(["c2"])
    crossing = train.catalogue.item_codes(["i1"])[0]
    pooled = create("item_knn").fit(train).scores(frenchman)
    prior = create("market_prior").fit(train).scores(frenchman)
    assert pooled[0, crossing] > -np.inf
    assert prior[0, crossing] == -np.inf


@pytest.mark.unit
def test_without_weight_the_order_is_the_members() -> None:
    train = many()
    member = create("item_knn").fit(train)
    prior = create("market_prior", weight=0).fit(train)
    sold = prior.scores(everyone(train)) > -np.inf
    for customer in everyone(train)[np.diff(train.indptr) > 0]:
        own = np.where(sold[customer], member.scores(np.array([customer]))[0], -np.inf)
        ours = prior.scores(np.array([customer]))[0]
        np.testing.assert_allclose(ours[sold[customer]], (own / own.max())[sold[customer]], 1e-6)


@pytest.mark.unit
def test_a_great_weight_leaves_the_order_to_the_market() -> None:
    train = many()
    prior = create("market_prior", weight=1e6).fit(train).recommend(everyone(train), 5)
    popular = create("popular").fit(train).recommend(everyone(train), 5)
    model = ~prior.fallback & ~popular.fallback
    assert model.any() and (prior.items[model] == popular.items[model]).mean() > 0.95


@pytest.mark.unit
@pytest.mark.parametrize(
    ("config", "message"),
    [
        ({"member": {"name": "itm_knn"}}, "did you mean 'item_knn'"),
        ({"weight": -1}, "weight"),
        ({"half_life_days": 0}, "half_life_days"),
    ],
)
def test_a_wrong_prior_is_refused(config: dict, message: str) -> None:
    with pytest.raises(ValidationError, match=message):
        create("market_prior", **config)
