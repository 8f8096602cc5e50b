"""The contract of `item_knn`, and its agreement with the formulas and with `implicit`."""

from typing import Any, ClassVar

import numpy as np
import pytest
from contracts.dense import assert_top, nearest, purchases
from contracts.orders import Orders, orders
from contracts.recommender import RecommenderContract, everyone, some
from hypothesis import given
from hypothesis import strategies as st
from implicit.nearest_neighbours import CosineRecommender
from scipy.sparse import csr_matrix

from restock.dataset import Interactions
from restock.models import Recommender, create
from restock.models.neighbours import Neighbourhood


class TestItemKnn(RecommenderContract):
    name = "item_knn"


class TestCosine(RecommenderContract):
    name = "item_knn"
    config: ClassVar[dict[str, Any]] = {
        "weighting": "cosine",
        "neighbours": 3,
        "half_life_days": None,
    }


def cosine(table: np.ndarray) -> np.ndarray:
    length = np.sqrt((table**2).sum(axis=0))
    unit = table / np.where(length > 0, length, 1)
    return unit.T @ unit


def bm25(table: np.ndarray, k1: float, b: float) -> np.ndarray:
    """Dot products of BM25 weights: items are documents, customers are terms."""
    length = table.sum(axis=0)
    sold = (length > 0).sum()
    bought = (table > 0).sum(axis=1, keepdims=True)
    rarity = np.log(1 + (sold - bought + 0.5) / (bought + 0.5))
    damping = k1 * (1 - b + b * length / (length.sum() / sold))
    with np.errstate(invalid="ignore"):
        weight = np.where(table > 0, rarity * table * (k1 + 1) / (table + damping), 0)
    return weight.T @ weight


@pytest.mark.unit
@given(orders, st.sampled_from((1, 2, 3, 100)), st.sampled_from((None, 30.0)))
@some
def test_cosine_lists_are_those_of_the_formula(
    found: Orders, k: int, half_life: float | None
) -> None:
    train = found.train()
    table = purchases(train, half_life)
    model = create("item_knn", weighting="cosine", neighbours=k, half_life_days=half_life)
    lists = model.fit(train).recommend(everyone(train), 10)
    assert_top(lists, table @ nearest(cosine(table), k))


@pytest.mark.unit
@given(orders, st.sampled_from((1, 3, 100)), st.sampled_from((0.0, 0.4, 1.0)))
@some
def test_bm25_lists_are_those_of_the_formula(found: Orders, k: int, b: float) -> None:
    train = found.train()
    table = purchases(train, 180)
    lists = create("item_knn", neighbours=k, k1=1.5, b=b).fit(train).recommend(everyone(train), 10)
    assert_top(lists, table @ nearest(bm25(table, 1.5, b), k))


@pytest.mark.unit
@pytest.mark.parametrize("weighting", ["cosine", "bm25"])
def test_lists_are_those_of_the_formula_on_a_real_market(
    weighting: str, france: Interactions
) -> None:
    table = purchases(france, 180)
    similarity = cosine(table) if weighting == "cosine" else bm25(table, 3.0, 0.4)
    lists = create("item_knn", weighting=weighting).fit(france).recommend(france.customers, 10)
    assert_top(lists, table @ nearest(similarity, 200), exact=0.99)


@pytest.mark.thorough
@pytest.mark.unit
def test_cosine_is_that_of_implicit_on_the_sample(sample: Interactions) -> None:
    """The same lists for all but a few customers, and those few have ties among neighbours."""
    pairs, customers = sample.pairs, sample.customers
    counts = csr_matrix(
        (pairs.sum(np.ones(len(sample))), pairs.item, pairs.indptr),
        (sample.n_customers, sample.n_items),
    )
    peer = CosineRecommender(K=200, num_threads=1)
    peer.fit(counts, show_progress=False)
    bought = counts[customers]
    items, scores = peer.recommend(customers, bought, N=50, filter_already_liked_items=False)
    order = np.lexsort((items, -scores.astype(np.float32)), axis=1)[:, :10]  # our rule for ties
    theirs = np.take_along_axis(items, order, axis=1)

    model = create("item_knn", weighting="cosine", neighbours=200, half_life_days=None)
    assert (lists(model.fit(sample), customers) == theirs).all(axis=1).mean() >= 0.995

    # where neighbours differ, the 200th and the 201st are equally near
    similar = peer.similarity.sorted_indices()
    mine = csr_matrix((model._near.similarity, model._near.item, model._near.start), similar.shape)
    differing = np.flatnonzero(((similar > 0) != (mine > 0)).sum(axis=1))
    assert 0 < differing.size < 0.2 * sample.n_items
    for item in differing:
        np.testing.assert_allclose(np.sort(similar[item].data), np.sort(mine[item].data), rtol=1e-9)

    # and with their choice of neighbours, every customer gets the same list
    indptr, indices = similar.indptr.astype(np.int64), similar.indices.astype(np.int32)
    model._near = Neighbourhood(indptr, indices, similar.data)
    np.testing.assert_array_equal(lists(model, customers), theirs)


def lists(model: Recommender, customers: np.ndarray) -> np.ndarray:
    """Ten items each, -1 where the model had nothing to say."""
    found = model.recommend(customers, 10)
    return np.where(found.fallback, -1, found.items)
