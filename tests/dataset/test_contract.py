"""The contract refuses every frame that reading must not let out."""

import numpy as np
import pandera.errors
import pytest

from restock.dataset import read_orders
from restock.dataset.contract import MAX_QUANTITY, check_lines

pytestmark = pytest.mark.unit


@pytest.mark.parametrize(
    ("column", "value"),
    [
        ("market", "BR/../MX"),
        ("market", "fr"),
        ("market", None),
        ("customer_id", ""),
        ("customer_id", " A"),
        ("item_id", "A\nB"),
        ("item_id", "x" * 201),
        ("order_id", None),
        ("timestamp", None),
        ("quantity", 0.0),
        ("quantity", -1.0),
        ("quantity", np.inf),
        ("quantity", np.nan),
        ("quantity", MAX_QUANTITY * 2),
        ("unit_price", 0.0),
        ("unit_price", np.nan),
        ("unit_cost", -1.0),
    ],
)
def test_a_bad_value(order_lines, column, value):
    orders = read_orders(order_lines(unit_cost=[1.0, np.nan, 2.0])).orders
    check_lines(orders)
    orders.loc[1, column] = value
    with pytest.raises(pandera.errors.SchemaError, match=column):
        check_lines(orders)


def test_another_column_or_type(order_lines):
    orders = read_orders(order_lines()).orders
    for wrong in (
        orders.assign(note=1),
        orders.drop(columns="quantity"),
        orders.assign(quantity="2"),
        orders.assign(timestamp=orders["timestamp"].dt.tz_localize("UTC")),
        orders.assign(timestamp=orders["timestamp"].astype("datetime64[ns]")),
    ):
        with pytest.raises((pandera.errors.SchemaError, pandera.errors.SchemaErrors)):
            check_lines(wrong)
