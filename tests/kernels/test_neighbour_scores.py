"""All ways of adding up similar items give the same digits and the same lists."""

import numpy as np
import pytest
from scipy.sparse import random_array as sparse

from restock.kernels.neighbour_scores import add_entries, best_of_entries, score_neighbours
from restock.kernels.selection import ANY, NEW, REPEAT, best_items

pytestmark = pytest.mark.unit


@pytest.mark.parametrize("density", [0.02, 0.3, 0.9])
@pytest.mark.parametrize("items", [7, 256, 600])
def test_tiles_and_entries_agree_to_the_last_digit(items: int, density: float) -> None:
    rng = np.random.default_rng(items)

    def signed(size: int) -> np.ndarray:
        return rng.standard_normal(size)

    near = sparse((items, items), density=density, format="csr", rng=rng, data_sampler=signed)
    bought = sparse((60, items), density=0.4, format="csr", rng=rng)
    near.sort_indices()
    bought.sort_indices()
    customers = np.array([3, 59, 0, 0, 17, *range(60)], dtype=np.int32)
    arguments = (
        customers,
        bought.indptr.astype(np.int64),
        bought.indices.astype(np.int32),
        bought.data,
        near.indptr.astype(np.int64),
        near.indices.astype(np.int32),
        near.data,
    )
    plain = np.empty((customers.size, items), dtype=np.float32)
    add_entries(*arguments, plain)
    np.testing.assert_array_equal(score_neighbours(*arguments), plain)
    expected = (bought @ near).toarray()[customers]
    np.testing.assert_allclose(np.where(plain > 0, plain, 0), np.maximum(expected, 0), atol=1e-5)


@pytest.mark.parametrize("history", [ANY, REPEAT, NEW])
@pytest.mark.parametrize("density", [0.02, 0.3])
@pytest.mark.parametrize("k", [1, 10, 70])
def test_the_best_are_those_of_all_scores_ties_included(
    density: float, history: int, k: int
) -> None:
    rng = np.random.default_rng(k)

    def few_values(size: int) -> np.ndarray:
        return rng.integers(1, 4, size) / 2.0

    near = sparse((60, 60), density=density, format="csr", rng=rng, data_sampler=few_values)
    bought = sparse((40, 60), density=0.1, format="csr", rng=rng, data_sampler=few_values)
    near.sort_indices()
    bought.sort_indices()
    customers = np.array([3, 39, 0, 0, *range(40)], dtype=np.int32)
    indptr, items = bought.indptr.astype(np.int64), bought.indices.astype(np.int32)
    matrix = near.indptr.astype(np.int64), near.indices.astype(np.int32), near.data
    arguments = (customers, indptr, items, bought.data, *matrix)
    allowed = rng.random(60) < 0.8
    found, values = best_of_entries(*arguments, allowed, history, k)
    of = indptr[customers], indptr[customers + 1], items
    expected = best_items(score_neighbours(*arguments), *of, allowed, history, k)
    np.testing.assert_array_equal(found, expected[0])
    np.testing.assert_array_equal(values, expected[1])
    assert (found >= 0).any()
