"""The contract of `als` on the CPU, its objective, and its agreement with `implicit`."""

from dataclasses import replace
from typing import Any, ClassVar

import numpy as np
import pytest
from contracts.orders import Orders, many, orders
from contracts.recommender import RecommenderContract, some
from hypothesis import given
from hypothesis import strategies as st
from implicit.cpu._als import least_squares_cg
from scipy.sparse import csr_matrix

from restock.dataset import Interactions
from restock.kernels.least_squares import solve_rows
from restock.models import FitContext, create
from restock.models.als import AlsConfig, ratings_of
from restock.models.als_cpu import (
    LEAST_RATING,
    Ratings,
    factorise,
    half_step,
    loss,
    products_of,
)

unit = pytest.mark.unit


class TestAls(RecommenderContract):
    name = "als"
    config: ClassVar[dict[str, Any]] = {"factors": 8, "iterations": 3}
    random = True


def dense(ratings: Ratings) -> np.ndarray:
    """The ratings as a table, 0 where nothing was bought."""
    table = np.zeros((ratings.rows, ratings.columns))
    row = np.repeat(np.arange(ratings.rows), np.diff(ratings.indptr))
    table[row, ratings.column] = ratings.rating
    return table


def objective(table: np.ndarray, x: np.ndarray, y: np.ndarray, config: AlsConfig) -> float:
    """The docstring of the model, cell by cell."""
    total = 0.0
    for row in range(table.shape[0]):
        for column in range(table.shape[1]):
            rating = table[row, column]
            total += (1 + config.alpha * rating) * ((rating > 0) - x[row] @ y[column]) ** 2
    bought = table > 0
    size = bought.sum(axis=1) @ (x**2).sum(axis=1) + bought.sum(axis=0) @ (y**2).sum(axis=1)
    return total + config.regularisation * size


def best_rows(table: np.ndarray, y: np.ndarray, config: AlsConfig) -> np.ndarray:
    """The factors of the rows that minimise the objective, by the normal equations."""
    x = np.zeros((table.shape[0], y.shape[1]))
    for row, ratings in enumerate(table):
        confidence, bought = 1 + config.alpha * ratings, ratings > 0
        ridge = config.regularisation * bought.sum() * np.eye(y.shape[1])
        x[row] = np.linalg.solve((y.T * confidence) @ y + ridge, y.T @ (confidence * bought))
    return x


@unit
@given(orders, st.sampled_from((None, 30.0)))
@some
def test_ratings_are_the_logarithm_of_purchases(found: Orders, half_life: float | None) -> None:
    train = found.train()
    items, ratings = ratings_of(train, half_life)
    table = np.zeros((train.n_customers, train.n_items))
    weight = 1.0 if half_life is None else 0.5 ** (train.age_days / half_life)
    np.add.at(table, (train.customer, train.item), weight)
    expected = np.log(1 + table[np.ix_(train.customers, items)])
    np.testing.assert_allclose(dense(ratings), expected, rtol=1e-6)
    assert (ratings.rating > 0).all()


@unit
def test_a_purchase_whose_weight_vanishes_stays_a_purchase() -> None:
    train = Orders(((0, 0, 0, 1),)).train()
    old = replace(train, as_of=train.as_of + 3000 * 1440)
    assert ratings_of(old, 1.0)[1].rating.tolist() == [np.float32(LEAST_RATING)]


@unit
@given(orders)
@some
def test_the_loss_is_the_objective(found: Orders) -> None:
    _, ratings = ratings_of(found.train(), None)
    rng = np.random.default_rng(len(found.lines))
    x, y = (rng.standard_normal((n, 3), dtype=np.float32) for n in (ratings.rows, ratings.columns))
    config = AlsConfig(alpha=2.5, regularisation=0.3)
    assert loss(ratings, x, y, config) == pytest.approx(objective(dense(ratings), x, y, config))


@unit
@pytest.mark.parametrize("factors", [3, 20])
def test_half_a_step_solves_the_normal_equations(factors: int) -> None:
    _, ratings = ratings_of(many(), None)
    config = AlsConfig(factors=factors, alpha=2.5, regularisation=0.3)
    rng = np.random.default_rng(1)
    x, y = (
        rng.standard_normal((n, factors), dtype=np.float32) for n in (ratings.rows, ratings.columns)
    )
    for _ in range(60):  # three steps each, from where the last ones ended
        half_step(ratings, x, y, config, threads=1)
    np.testing.assert_allclose(x, best_rows(dense(ratings), y, config), rtol=2e-3, atol=2e-4)
    half_step(ratings.transposed(), y, x, config, threads=1)
    before = objective(dense(ratings), x, y, config)
    exact = best_rows(dense(ratings).T, x, config)
    assert before <= 1.01 * objective(dense(ratings), x, exact, config)


@unit
def test_every_iteration_lowers_the_loss() -> None:
    _, ratings = ratings_of(many(), None)
    losses = []
    for iterations in (1, 2, 4, 8, 16):
        config = AlsConfig(factors=6, iterations=iterations)
        losses.append(loss(ratings, *factorise(ratings, config, seed=3, threads=1), config))
    assert losses == sorted(losses, reverse=True)
    assert losses[0] > 1.01 * losses[-1]


@unit
def test_scores_are_products_of_factors() -> None:
    train = many()
    model = create("als", factors=6, half_life_days=60).fit(train, FitContext(seed=5))
    items, ratings = ratings_of(train, 60)
    left, right = factorise(ratings, model.config, seed=5, threads=1)
    scores = model.scores(train.customers)
    expected = left.astype(np.float64) @ right.T.astype(np.float64)
    says = expected > 0  # a product below 0 is no evidence for an item
    np.testing.assert_allclose(scores[:, items][says], expected[says], rtol=1e-5, atol=1e-6)
    assert (scores[:, items][~says] == -np.inf).all()
    assert says.any()
    assert not says.all()
    unsold = np.setdiff1d(np.arange(train.n_items), items)
    assert (scores[:, unsold] == -np.inf).all()


@pytest.mark.thorough
@unit
def test_a_step_is_that_of_implicit(france: Interactions) -> None:
    """With one ridge for all rows, which is what `implicit` has, the same numbers."""
    _, ratings = ratings_of(france, None)
    rng = np.random.default_rng(0)
    shape = (ratings.rows, ratings.columns)
    mine, fixed = (rng.standard_normal((n, 32), dtype=np.float32) / 6 for n in shape)
    theirs = mine.copy()
    confidence = csr_matrix((1 + ratings.rating, ratings.column, ratings.indptr), shape)
    least_squares_cg(confidence, theirs, fixed, 7.0, num_threads=1, cg_steps=3)
    products = products_of(fixed).astype(np.float32)
    ridge = np.full(ratings.rows, 7.0, dtype=np.float32)
    columns, extra = ratings.column, ratings.rating
    solve_rows(0, ratings.rows, ratings.indptr, columns, extra, ridge, products, fixed, mine, 3)
    np.testing.assert_allclose(mine, theirs, rtol=1e-3, atol=1e-4)


@unit
def test_more_threads_give_the_same_bits_on_a_real_market(france: Interactions) -> None:
    _, ratings = ratings_of(france, 60)
    config = AlsConfig(factors=24, iterations=2)
    one, three = (factorise(ratings, config, seed=0, threads=n) for n in (1, 3))
    for mine, other in zip(one, three, strict=True):
        np.testing.assert_array_equal(mine, other)


@unit
def test_a_fit_says_what_it_holds() -> None:
    train = many()
    small, large = (create("als", factors=n).memory_bytes(train) for n in (8, 512))
    assert 0 < small < large
    people, items = train.customers.size, train.n_items
    assert 4 * 400 * (people + items) < large - small <= 4 * 504 * (people + 2 * items)
