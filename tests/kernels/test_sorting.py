"""Counting sorts give what numpy's comparison sorts give."""

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from restock.kernels.sorting import (
    counting_order,
    lowest,
    radix_order,
    recode,
    sole,
    starts_of,
)

pytestmark = pytest.mark.unit


@settings(max_examples=60, deadline=None)
@given(st.lists(st.integers(0, 9), max_size=60))
def test_counting_is_a_stable_sort(values):
    code = np.array(values, dtype=np.int32)
    start = starts_of(code, 10)
    assert (start == np.searchsorted(np.sort(code), np.arange(11))).all()
    assert (counting_order(code, start) == np.argsort(code, kind="stable")).all()


@settings(max_examples=60, deadline=None)
@given(st.lists(st.tuples(st.integers(-(2**40), 2**40), st.integers(-2, 2)), max_size=50))
def test_radix_order_is_lexsort(pairs):
    keys = np.array(pairs, dtype=np.int64).reshape(-1, 2)
    expected = np.lexsort((keys[:, 0], keys[:, 1]))
    assert (radix_order(keys[:, 0], keys[:, 1]) == expected).all()


@settings(max_examples=60, deadline=None)
@given(st.lists(st.tuples(st.integers(0, 4), st.integers(-1, 2)), max_size=30))
def test_sole_and_lowest(pairs):
    code, value = np.array(pairs, dtype=np.int32).reshape(-1, 2).T.copy()
    for at, found in enumerate(sole(code, value, 5)):
        values = {v for c, v in pairs if c == at and v >= 0}
        assert found == (-1 if not values else -2 if len(values) > 1 else values.pop())
    for at, found in enumerate(lowest(code, value.astype(np.int64), 5)):
        assert found == min((v for c, v in pairs if c == at), default=np.iinfo(np.int64).max)


def test_recode_takes_the_last_entry_for_what_is_missing():
    new = np.array([5, 7, -1], dtype=np.int32)
    assert recode(np.array([1, -1, 0], dtype=np.int32), new).tolist() == [7, -1, 5]
