"""Cancellations: netted off the latest earlier orders, never below zero, or set aside."""

import numpy as np
import pandas as pd
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from restock.dataset import read_orders

pytestmark = pytest.mark.unit

DAYS = pd.Timestamp("2024-03-01")


def lines(order_lines, quantities, days=None, **columns):
    n = len(quantities)
    days = range(n) if days is None else days
    return order_lines(
        n,
        customer_id=columns.pop("customer_id", ["A"] * n),
        quantity=[float(q) for q in quantities],
        timestamp=[DAYS + pd.Timedelta(days=int(day)) for day in days],
        **columns,
    )


def kept(clean):
    return dict(zip(clean.orders.index, clean.orders["quantity"], strict=True))


def aside(clean):
    return dict(zip(clean.quarantine.index, clean.quarantine["reason"], strict=True))


def test_the_latest_earlier_order_gives_first(order_lines):
    clean = read_orders(lines(order_lines, [5, 5, -3, 5]))
    assert kept(clean) == {0: 5, 1: 2, 3: 5}
    assert aside(clean) == {2: "cancellation, netted off earlier orders"}
    assert clean.report.units_netted == 3
    assert clean.report.lines_lowered == 1


def test_then_the_one_before_it(order_lines):
    clean = read_orders(lines(order_lines, [5, 5, -7]))
    assert kept(clean) == {0: 3}
    assert aside(clean) == {
        1: "order line cancelled in full",
        2: "cancellation, netted off earlier orders",
    }


def test_what_finds_no_order_is_noted_and_takes_nothing(order_lines):
    clean = read_orders(lines(order_lines, [-1, 5, -7, 4]))
    assert kept(clean) == {3: 4}
    assert aside(clean) == {
        0: "cancellation without an earlier order",
        1: "order line cancelled in full",
        2: "cancellation of more than was ordered",
    }
    assert clean.report.units_netted == 5


def test_only_the_same_customer_and_item_and_only_earlier_orders(order_lines):
    clean = read_orders(
        lines(
            order_lines,
            [5, 5, -2, 5],
            customer_id=["A", "B", "A", "A"],
            item_id=["X", "Y", "Y", "Y"],
        )
    )
    assert kept(clean) == {0: 5, 1: 5, 3: 5}


def test_an_order_of_the_same_moment_counts_as_earlier(order_lines):
    clean = read_orders(lines(order_lines, [-2, 5], days=[0, 0]))
    assert kept(clean) == {1: 3}


def test_a_cancellation_may_have_no_price_and_another_market(order_lines):
    clean = read_orders(lines(order_lines, [5, -2], unit_price=[3.0, 0.0], market=["FR", "DE"]))
    assert kept(clean) == {0: 3}


def test_an_order_that_is_set_aside_gives_nothing(order_lines):
    clean = read_orders(lines(order_lines, [5, -2], unit_price=[0.0, 1.0]))
    assert kept(clean) == {}
    assert aside(clean)[1] == "cancellation without an earlier order"


def test_fractions_leave_no_crumbs(order_lines):
    clean = read_orders(lines(order_lines, [0.3, -0.1, -0.2]))
    assert kept(clean) == {}
    assert set(aside(clean).values()) == {
        "order line cancelled in full",
        "cancellation, netted off earlier orders",
    }


@pytest.mark.parametrize(
    ("column", "values"),
    [
        ("item_name", ["a", "b", "c"]),
        ("category", ["a", "b", "c"]),
        ("unit_cost", [1.0, 2.0, 3.0]),
        ("unit_price", [1.0, 2.0, 3.0]),
        ("order_id", ["1", "2", "3"]),
        ("market", ["DE", "FR", "FR"]),
    ],
)
def test_of_orders_of_one_moment_it_is_always_the_same_that_is_cancelled(
    order_lines, column, values
):
    frame = lines(order_lines, [2, 2, -2], days=[0, 0, 1], **{"order_id": "1", column: values})
    one, other = read_orders(frame), read_orders(frame.iloc[[1, 0, 2]])
    assert one.orders[column].tolist() == other.orders[column].tolist() == [values[0]]


def test_dropping_leaves_orders_as_they_were(order_lines):
    clean = read_orders(lines(order_lines, [5, -3, 5]), cancellations="drop")
    assert kept(clean) == {0: 5, 2: 5}
    assert aside(clean) == {1: "cancellation"}
    assert clean.report.units_netted == 0


def by_hand(frame):
    """The same rule, line by line: what is left of each order, what found none."""
    left = frame["quantity"].abs().to_dict()
    for at in frame.index[frame["quantity"] < 0]:
        line = frame.loc[at]
        earlier = frame[
            (frame["quantity"] > 0)
            & (frame["customer_id"] == line["customer_id"])
            & (frame["item_id"] == line["item_id"])
            & (frame["timestamp"] <= line["timestamp"])
        ]
        for order in reversed(earlier.index):
            taken = min(left[order], left[at])
            left[order] -= taken
            left[at] -= taken
    return left


line = st.tuples(
    st.sampled_from("AB"), st.sampled_from("XY"), st.integers(1, 4), st.sampled_from([1, 1, -1])
)


@pytest.mark.thorough
@settings(max_examples=60, deadline=None)
@given(rows=st.lists(line, min_size=1, max_size=25))
def test_agrees_with_the_rule_done_by_hand_and_never_makes_units(order_lines, rows):
    frame = lines(
        order_lines,
        [size * sign for _, _, size, sign in rows],
        customer_id=[row[0] for row in rows],
        item_id=[row[1] for row in rows],
    )
    clean = read_orders(frame)
    left = by_hand(frame)
    orders = frame.index[frame["quantity"] > 0]
    assert kept(clean) == {at: left[at] for at in orders if left[at] > 0}
    unmatched = sum(left[at] for at in frame.index.difference(orders))
    cancelled = -frame["quantity"].clip(upper=0).sum()
    assert clean.report.units_netted == cancelled - unmatched
    ordered = frame.loc[orders].groupby(["customer_id", "item_id"])["quantity"].sum()
    net = clean.orders.groupby(["customer_id", "item_id"])["quantity"].sum()
    assert (net <= ordered.reindex(net.index)).all()
    assert net.sum() + clean.report.units_netted == ordered.sum()
    assert len(clean.orders) + len(clean.quarantine) == len(frame)
    assert np.all(clean.orders["quantity"] <= frame.loc[clean.orders.index, "quantity"])
