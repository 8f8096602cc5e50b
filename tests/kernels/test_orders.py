"""The lines of an order: sorted on all keys, those of one item added up."""

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from restock.kernels.orders import RUN, add_up, sort_orders
from restock.kernels.sorting import counting_order, starts_of

pytestmark = pytest.mark.unit
seeds = st.integers(0, 2**32 - 1)


@pytest.mark.parametrize("size", [1, 2, RUN, RUN + 1, 5 * RUN + 3, 40 * RUN])
@settings(max_examples=15, deadline=None)
@given(seed=seeds)
def test_orders_of_any_length_are_sorted_on_all_keys(size, seed):
    rng = np.random.default_rng(seed)
    order = rng.integers(0, 3, 2 * size + 1).astype(np.int32)
    order[:size] = 0
    n = order.size
    item, market = (rng.integers(0, 4, n).astype(np.int32) for _ in range(2))
    quantity, price = (rng.integers(0, 3, n) / 7 for _ in range(2))
    value = quantity * price
    start = starts_of(order, 3)
    rows = counting_order(order, start)
    pairs = sort_orders(rows, start, item, quantity, price, market)
    keys = (market, value, quantity, item, order)
    expected = np.lexsort(keys)
    assert sorted(rows.tolist()) == list(range(n))
    for key in keys:
        assert (key[rows] == key[expected]).all()
    assert pairs == len(set(zip(order.tolist(), item.tolist(), strict=True)))


@settings(max_examples=60, deadline=None)
@given(seeds, st.integers(1, 60))
def test_lines_of_one_order_and_item_are_added_up_in_turn(seed, n):
    rng = np.random.default_rng(seed)
    order = np.append(np.arange(4), rng.integers(0, 4, n)).astype(np.int32)
    item, market = (rng.integers(0, 3, order.size).astype(np.int32) for _ in range(2))
    quantity, price = rng.random(order.size), rng.random(order.size)
    turn = rng.permutation(4).astype(np.int32)
    start = starts_of(order, 4)
    rows = counting_order(order, start)
    pairs = sort_orders(rows, start, item, quantity, price, market)
    of_line, items, units, value = add_up(rows, start, turn, pairs, item, quantity, price)
    expected: dict[tuple[int, int], list[float]] = {}
    for line in sorted(range(order.size), key=lambda line: (quantity[line], price[line])):
        sums = expected.setdefault((order[line], item[line]), [0.0, 0.0])
        sums[0] += quantity[line]
        sums[1] += quantity[line] * price[line]
    place = np.argsort(turn)
    told = sorted(expected, key=lambda pair: (place[pair[0]], pair[1]))
    assert list(zip(of_line, items, strict=True)) == told
    sums = np.array([expected[pair] for pair in told]).astype(np.float32)
    assert (np.column_stack([units, value]) == sums).all()
