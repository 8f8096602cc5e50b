"""The contract of `ease`, and its agreement with the closed form of the paper, dense."""

from typing import Any, ClassVar

import numpy as np
import pytest
from contracts.dense import assert_top, purchases
from contracts.orders import Orders, many, orders
from contracts.recommender import RecommenderContract, everyone, some
from hypothesis import given
from hypothesis import strategies as st

from restock.dataset import Interactions
from restock.models import FitContext, create
from restock.models.ease import regularised_inverse

unit = pytest.mark.unit
ALL = 10_000  # neighbours: more than there are items


class TestEase(RecommenderContract):
    name = "ease"


class TestFewNeighbours(RecommenderContract):
    name = "ease"
    config: ClassVar[dict[str, Any]] = {"neighbours": 2, "half_life_days": None, "own": 0.0}


def item_weights(table: np.ndarray, regularisation: float, own: float) -> np.ndarray:
    """B of equation 8, over the items sold, with ``own`` on the diagonal."""
    sold = np.flatnonzero(table.any(axis=0))
    inverse = np.linalg.inv(table[:, sold].T @ table[:, sold] + regularisation * np.eye(sold.size))
    found = -inverse / np.diag(inverse)
    np.fill_diagonal(found, own)
    weights = np.zeros((table.shape[1], table.shape[1]))
    weights[np.ix_(sold, sold)] = found
    return weights


def strongest(weights: np.ndarray, k: int) -> np.ndarray:
    """Of each column keep the diagonal and the k - 1 entries furthest from 0, ties by row."""
    strength = np.abs(weights).astype(np.float32)
    np.fill_diagonal(strength, np.inf)
    order = np.argsort(-strength, axis=0, kind="stable")[:k]
    kept = np.zeros_like(weights)
    np.put_along_axis(kept, order, np.take_along_axis(weights, order, axis=0), axis=0)
    return kept


@unit
@given(orders, st.sampled_from((0.5, 100.0)), st.sampled_from((0.0, 0.7)), st.integers(1, 9))
@some
def test_scores_are_those_of_the_formula(
    found: Orders, regularisation: float, own: float, k: int
) -> None:
    train = found.train()
    table = np.log1p(purchases(train, 30))
    model = create(
        "ease", regularisation=regularisation, own=own, neighbours=k, half_life_days=30
    ).fit(train)
    weights = item_weights(table, regularisation, own)
    expected = np.maximum(table @ strongest(weights, k), 0)
    scores = model.scores(everyone(train))
    close = np.isclose(np.where(scores > -np.inf, scores, 0), expected, rtol=1e-5, atol=1e-7)
    # where the last weight kept and the first left out differ by rounding, either may be kept
    strength = np.abs(weights)
    np.fill_diagonal(strength, np.inf)
    ranked = np.vstack([np.sort(strength, axis=0)[::-1], np.zeros((k + 1, len(weights)))])
    tied = (ranked[k] > 0) & np.isclose(ranked[k - 1], ranked[k], rtol=1e-5)
    assert close[:, ~tied].all()


@unit
def test_few_weights_of_many_are_kept() -> None:
    train = many()
    model = create("ease", regularisation=2.0, neighbours=6, half_life_days=None).fit(train)
    table = np.log1p(purchases(train, None))
    expected = np.maximum(table @ strongest(item_weights(table, 2.0, 0.5), 6), 0)
    scores = model.scores(train.customers)
    np.testing.assert_allclose(
        np.where(scores > -np.inf, scores, 0), expected[train.customers], rtol=1e-5, atol=1e-7
    )


@pytest.mark.thorough
@unit
def test_lists_are_those_of_the_formula_on_a_real_market(france: Interactions) -> None:
    table = np.log1p(purchases(france, 180))
    config = {"regularisation": 10.0, "half_life_days": 180, "own": 0.0}
    lists = create("ease", neighbours=ALL, **config).fit(france).recommend(france.customers, 10)
    assert_top(lists, table @ item_weights(table, 10.0, 0.0), exact=0.99)


@unit
def test_an_item_is_predicted_from_so_many_and_from_itself() -> None:
    train = many()
    few = create("ease", neighbours=3).fit(train)
    assert np.bincount(few._near.item).max() == 3
    sources = np.repeat(np.arange(train.n_items), np.diff(few._near.start))
    own = few._near.similarity[sources == few._near.item]
    np.testing.assert_array_equal(own, np.full(np.unique(train.item).size, 0.5))


@unit
def test_own_changes_nothing_among_new_items() -> None:
    train = many()
    lists = [
        create("ease", own=own).fit(train).recommend(train.customers, 5, history="new").items
        for own in (0.0, 1.0)
    ]
    np.testing.assert_array_equal(*lists)


@unit
def test_the_inverse_is_that_of_numpy() -> None:
    rng = np.random.default_rng(0)
    table = rng.random((900, 600)) * (rng.random((900, 600)) < 0.05)
    gram = table.T @ table
    inverse = regularised_inverse(gram.copy(), 1.0)
    np.testing.assert_allclose(
        np.triu(inverse), np.triu(np.linalg.inv(gram + np.eye(600))), atol=1e-10
    )


@unit
def test_threads_change_nothing_on_a_real_market(france: Interactions) -> None:
    one, three = (
        create("ease").fit(france, FitContext(threads=n)).scores(france.customers) for n in (1, 3)
    )
    np.testing.assert_array_equal(one, three)


@unit
def test_a_regularisation_too_small_to_invert_is_said_so() -> None:
    twice = np.ones((2, 2))
    with pytest.raises(ValueError, match="regularisation 1e-30 is too small"):
        regularised_inverse(twice, 1e-30)


@unit
def test_it_says_what_it_holds() -> None:
    train = many()
    sold = np.unique(train.item).size
    assert create("ease").memory_bytes(train) >= 8 * sold**2
