"""Distinct pairs against numpy's sort, and sums over lines against sums in plain Python."""

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from numpy.typing import NDArray

from restock.dataset import Pairs
from restock.kernels.pairs import sum_by_market, sum_decayed

pytestmark = pytest.mark.unit

some = settings(max_examples=300, deadline=None, derandomize=True)
WIDE = 5_000  # items: more than one word of words
lines = st.lists(st.lists(st.integers(0, WIDE - 1) | st.integers(60, 70), max_size=12), max_size=6)


def columns(bought: list[list[int]]) -> tuple[NDArray[np.int64], NDArray[np.int32]]:
    start = np.concatenate([[0], np.cumsum([len(items) for items in bought], dtype=np.int64)])
    return start.astype(np.int64), np.array([i for items in bought for i in items], dtype=np.int32)


@pytest.mark.thorough
@given(lines)
@some
def test_pairs_are_what_sorting_finds(bought: list[list[int]]) -> None:
    start, item = columns(bought)
    pairs = Pairs.of(start, item, WIDE)
    key = np.repeat(np.arange(len(bought)), np.diff(start)) * WIDE + item
    unique, of_line = np.unique(key, return_inverse=True)
    np.testing.assert_array_equal(pairs.customer * np.int64(WIDE) + pairs.item, unique)
    np.testing.assert_array_equal(pairs.of_line, of_line)
    assert pairs.indptr.tolist() == [0, *np.cumsum([len(set(items)) for items in bought])]


def test_pairs_do_not_depend_on_blocks_or_threads(monkeypatch: pytest.MonkeyPatch) -> None:
    rng = np.random.default_rng(0)
    start, item = columns([rng.integers(0, WIDE, n).tolist() for n in rng.integers(0, 40, 300)])
    whole = Pairs.of(start, item, WIDE)
    monkeypatch.setattr("restock.dataset.pairs.CUSTOMERS_PER_BLOCK", 7)
    monkeypatch.setattr("restock.dataset.pairs.threads", lambda: 3)
    parted = Pairs.of(start, item, WIDE)
    for name in ("indptr", "item", "of_line"):
        np.testing.assert_array_equal(getattr(parted, name), getattr(whole, name))


def test_no_item_and_no_customer_give_no_pair() -> None:
    none = Pairs.of(np.zeros(1, dtype=np.int64), np.empty(0, dtype=np.int32), 0)
    assert (none.indptr.tolist(), none.item.size, none.of_line.size) == ([0], 0, 0)


@pytest.mark.thorough
@given(lines, st.integers(0, 5), st.integers(0, 5))
@some
def test_lines_are_added_up_for_the_customers_asked_for(
    bought: list[list[int]], first: int, more: int
) -> None:
    start, item = columns(bought)
    pairs = Pairs.of(start, item, WIDE)
    first = min(first, len(bought))
    last = min(first + more, len(bought))
    minute = (np.arange(item.size) % 4 + 10).astype(np.int32)
    decay = 0.5 ** np.arange(4.0)
    market = (np.arange(len(bought)) % 2).astype(np.int32)
    of_pair, of_market = np.zeros(pairs.item.size), np.zeros((2, WIDE))
    expected, sold = np.zeros(pairs.item.size), np.zeros((2, WIDE))
    for customer in range(first, last):
        for line in range(start[customer], start[customer + 1]):
            expected[pairs.of_line[line]] += decay[minute[line] - 10]
            sold[market[customer], item[line]] += decay[minute[line] - 10]
    begin, end = start[:-1], start[1:]
    sum_decayed(first, last, start, pairs.of_line, begin, minute, 10, decay, of_pair)
    sum_by_market(first, last, begin, end, market, item, minute, 10, decay, of_market)
    np.testing.assert_array_equal(of_pair, expected)
    np.testing.assert_array_equal(of_market, sold)
