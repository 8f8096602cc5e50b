"""A customer of two countries has one home, and all orders count there."""

import pandas as pd
import pytest

from restock.dataset import Interactions, read_orders

pytestmark = pytest.mark.unit


def abroad(order_lines, markets, days=None, **columns):
    n = len(markets)
    days = range(n) if days is None else days
    stamps = [pd.Timestamp("2024-03-01") + pd.Timedelta(days=day) for day in days]
    return order_lines(n, customer_id=["A"] * n, market=markets, timestamp=stamps, **columns)


@pytest.mark.parametrize(("rule", "home"), [("last", "DE"), ("most_frequent", "FR")])
def test_the_two_rules(order_lines, rule, home):
    clean = read_orders(abroad(order_lines, ["FR", "FR", "DE"]), home_market=rule)
    assert clean.orders["market"].unique().tolist() == [home]
    assert clean.report.customers_abroad == 1
    assert clean.report.lines_moved == (2 if home == "DE" else 1)
    x = Interactions.from_frame(clean.orders)
    assert len(x.of_market(home)) == 3
    assert x.catalogue.markets == (home,)


def test_among_equals_the_later_order_decides(order_lines):
    frame = abroad(order_lines, ["DE", "FR"])
    assert read_orders(frame, home_market="most_frequent").orders["market"].tolist() == ["FR"] * 2


@pytest.mark.parametrize("rule", ["last", "most_frequent"])
def test_at_one_moment_the_order_of_rows_does_not_decide(order_lines, rule):
    frame = abroad(order_lines, ["DE", "FR"], days=[0, 0], order_id=["1", "1"])
    homes = {
        read_orders(rows, home_market=rule).orders["market"].iloc[0]
        for rows in (frame, frame[::-1])
    }
    assert homes == {"FR"}


def test_a_cancelled_order_is_no_reason_to_move(order_lines):
    frame = abroad(order_lines, ["FR", "DE", "DE"], quantity=[5.0, 2.0, -2.0])
    assert read_orders(frame).orders["market"].tolist() == ["FR"]


def test_others_stay_where_they_are(order_lines):
    frame = order_lines(4, customer_id=["A", "A", "B", "C"], market=["FR", "DE", "IT", "DE"])
    assert read_orders(frame).orders["market"].tolist() == ["DE", "DE", "IT", "DE"]


def test_prices_move_with_the_customer_when_rates_are_given(order_lines):
    frame = abroad(order_lines, ["GB", "FR"], unit_price=[10.0, 12.0], unit_cost=[4.0, 5.0])
    clean = read_orders(frame, rates={"GB": 1.2, "FR": 1.0})
    assert clean.orders["unit_price"].tolist() == [12.0, 12.0]
    assert clean.orders["unit_cost"].tolist() == [4.8, 5.0]
    assert read_orders(frame).orders["unit_price"].tolist() == [10.0, 12.0]


def test_a_rate_that_is_needed_and_missing(order_lines):
    frame = abroad(order_lines, ["GB", "FR"])
    with pytest.raises(ValueError, match="no rate above 0 for GB"):
        read_orders(frame, rates={"FR": 1.0})
    assert len(read_orders(order_lines(), rates={}).orders) == 3  # nobody moves: no rate needed
