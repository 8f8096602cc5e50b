"""The default features are those of the orders before the cut-off, by plain counting."""

import numpy as np
import pytest
from contracts.orders import DAYS, Orders, orders
from hypothesis import given, settings

from restock.dataset.features import OrderFeatures

pytestmark = pytest.mark.unit


@given(orders)
@settings(max_examples=30, deadline=None, derandomize=True)
def test_features_count_what_lies_before_the_cut_off(found: Orders) -> None:
    train = found.train()
    customers = OrderFeatures().read("customer", train)
    items = OrderFeatures().read("item", train)
    codes = train.catalogue
    for customer in {line[0] for line in found.lines}:
        mine = {(item, day) for c, item, day, _ in found.lines if c == customer}
        row = customers.values[codes.customer_codes([f"c{customer}"])[0]]
        about = dict(zip(customers.names, row, strict=True))
        assert about["orders"] == len({day for _, day in mine})
        assert about["lines"] == len(mine)
        assert about["items"] == len({item for item, _ in mine})
        assert about["days_since_order"] == DAYS - max(day for _, day in mine)
        assert about["days_known"] == DAYS - min(day for _, day in mine)
    later = customers.values[codes.customer_codes(["c9"])[0]]
    assert np.isnan(later).all()  # known to the catalogue, not before the cut-off
    for item in {line[1] for line in found.lines}:
        row = items.values[codes.item_codes([f"i{item}"])[0]]
        about = dict(zip(items.names, row, strict=True))
        assert about["buyers"] == len({c for c, i, *_ in found.lines if i == item})
        assert about["price"] == 2.0
