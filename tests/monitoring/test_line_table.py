"""Order lines as a table for people."""

import datetime as dt

import pandas as pd
import pytest

from restock.dataset import Interactions
from restock.monitoring.line_table import OTHER, line_table

pytestmark = pytest.mark.unit


def orders() -> Interactions:
    """a buys apples twice and pears once, b comes on the last day."""
    rows = [
        ("a", "o1", "apple", "2024-01-01 09:30", 2, 1.5),
        ("a", "o2", "apple", "2024-01-08 14:00", 1, 2.0),
        ("a", "o2", "pear", "2024-01-08 14:00", 4, 1.0),
        ("b", "o3", "apple", "2024-01-09 10:00", 1, 2.0),
        ("b", "o4", "plum", "2024-01-20 10:00", 1, 9.0),
    ]
    names = ["customer_id", "order_id", "item_id", "timestamp", "quantity", "unit_price"]
    frame = pd.DataFrame(rows, columns=names).assign(market="FR", item_name="=x")
    return Interactions.from_frame(frame.astype({"timestamp": "datetime64[ms]", "quantity": float}))


def test_what_stands_in_it() -> None:
    table = line_table(orders(), dt.date(2024, 1, 8), dt.date(2024, 1, 10))
    assert table["bought before"].tolist() == ["yes", "no", "no"]
    assert table["new customer"].tolist() == ["no", "no", "yes"]
    assert table["weekday"].tolist() == ["Mon", "Mon", "Tue"]
    assert table["hour"].tolist() == [14, 14, 10]
    assert table["lines of the order"].tolist() == [2, 2, 1]
    assert table["unit price"].tolist() == [2.0, 1.0, 2.0]
    assert table["line value"].tolist() == [2.0, 4.0, 2.0]
    assert table["item"].tolist() == ["apple =x", "pear =x", "apple =x"]
    assert set(table["category"]) == {"none"}


def test_the_future_changes_nothing() -> None:
    whole, first, end = orders(), dt.date(2024, 1, 8), dt.date(2024, 1, 10)
    assert line_table(whole, first, end).equals(line_table(whole.before(end), first, end))


def test_rare_items_are_joined() -> None:
    rows = [(f"c{n % 7}", f"o{n}", f"i{n % 80:02}", "2024-01-01", 1, 1.0) for n in range(160)]
    names = ["customer_id", "order_id", "item_id", "timestamp", "quantity", "unit_price"]
    frame = pd.DataFrame(rows, columns=names).assign(market="FR")
    frame = frame.astype({"timestamp": "datetime64[ms]", "quantity": float})
    table = line_table(Interactions.from_frame(frame), dt.date(2024, 1, 1), dt.date(2024, 1, 2))
    assert (table["item"] == OTHER).sum() == 60
