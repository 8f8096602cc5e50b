"""Lists of own purchases against lists chosen from all scores."""

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from restock.kernels.neighbours import score_own
from restock.kernels.own import add_sales, best_own
from restock.kernels.selection import ANY, NEW, REPEAT, best_items

pytestmark = pytest.mark.unit

N = 8
SCORE = st.sampled_from((-np.inf, np.nan, -1.0, 0.0, 0.5, 0.5, 2.0))


@pytest.mark.thorough
@given(
    bought=st.lists(st.dictionaries(st.integers(0, N - 1), SCORE), min_size=1, max_size=4),
    allowed=st.lists(st.booleans(), min_size=N, max_size=N),
    history=st.sampled_from((ANY, REPEAT, NEW)),
    k=st.integers(1, N + 1),
)
@settings(max_examples=500, deadline=None, derandomize=True)
def test_they_are_those_of_a_table_of_all_scores(
    bought: list[dict[int, float]], allowed: list[bool], history: int, k: int
) -> None:
    indptr = np.concatenate([[0], np.cumsum([len(row) for row in bought])]).astype(np.int64)
    items = np.array([item for row in bought for item in sorted(row)], dtype=np.int32)
    score = np.array([row[item] for row in bought for item in sorted(row)], dtype=np.float32)
    customers = np.arange(len(bought), dtype=np.int32)[::-1].copy()
    table = score_own(customers, indptr, items, score, N)
    by_customer = (indptr[customers], indptr[customers + 1], items)
    expected = best_items(table, *by_customer, np.array(allowed), history, k)
    found = best_own(customers, indptr, items, score, np.array(allowed), history, k)
    np.testing.assert_array_equal(found[0], expected[0])
    np.testing.assert_array_equal(found[1], expected[1])


def test_sales_are_those_of_the_market_of_the_customer_and_others_are_left_alone() -> None:
    indptr = np.array([0, 2, 3, 4])
    items = np.array([0, 1, 1, 0], dtype=np.int32)
    sales = np.array([[1.0, 0.5], [0.25, 0.125]])
    market = np.array([0, 1, 0], dtype=np.int32)
    score = np.full(4, -1.0, dtype=np.float32)
    add_sales(0, 2, indptr, items, np.array([1.0, 2.0, 3.0, 4.0]), market, sales, 2.0, score)
    assert score.tolist() == [3.0, 3.0, 3.25, -1.0]
