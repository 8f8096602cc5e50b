"""Kernels of the neighbourhood models against numpy. Their lists are tested with the models."""

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from scipy.sparse import csr_array

from restock.kernels.neighbours import kth_largest, score_own, transpose

pytestmark = pytest.mark.unit

cases = settings(max_examples=200, deadline=None, derandomize=True)
VALUE = st.sampled_from((-1.0, 0.0, 0.25, 0.5, 1.0, 2.0, 3.0, 8.0))


@given(st.lists(VALUE, min_size=1, max_size=30), st.data())
@cases
def test_the_kth_largest_is_that_of_sorting(values: list[float], data: st.DataObject) -> None:
    k = data.draw(st.integers(1, len(values)))
    beyond = [99.0]  # is not looked at
    found = kth_largest(np.array(values + beyond, dtype=np.float32), len(values), k)
    assert found == sorted(values, reverse=True)[k - 1]


@given(st.lists(st.sets(st.integers(0, 6)), max_size=8))
@cases
def test_transposing_gives_the_customers_of_each_item(rows: list[set[int]]) -> None:
    indptr = np.cumsum([0] + [len(row) for row in rows])
    items = np.array([item for row in rows for item in sorted(row)], dtype=np.int32)
    start, customers, pairs = transpose(indptr, items, 7)
    table = csr_array((np.arange(items.size), items, indptr), shape=(len(rows), 7)).tocsc()
    np.testing.assert_array_equal(start, table.indptr)
    np.testing.assert_array_equal(customers, table.indices)
    np.testing.assert_array_equal(pairs, table.data)


def test_own_scores_lie_where_they_belong() -> None:
    scores = score_own(
        np.array([2, 0], dtype=np.int32),
        np.array([0, 1, 1, 3]),
        np.array([1, 0, 2], dtype=np.int32),
        np.array([5, 6, 7], dtype=np.float32),
        3,
    )
    none = -np.inf
    assert scores.tolist() == [[6, none, 7], [none, 5, none]]
