"""What customers did in an experiment and before it."""

import datetime as dt
import itertools

import numpy as np
import pandas as pd
import pytest

from restock.dataset import Interactions
from restock.evaluation.experiments import customer_outcomes

pytestmark = pytest.mark.unit

LINES = (  # customer, order, item, day of June, quantity, price
    ("ann", "1", "x", 1, 2, 5.0),
    ("ann", "2", "x", 10, 1, 5.0),
    ("ann", "2", "y", 10, 3, 2.0),
    ("ann", "3", "x", 12, 1, 5.0),
    ("bob", "4", "y", 4, 1, 2.0),
    ("cat", "5", "y", 20, 1, 2.0),
)
START, END = dt.date(2011, 6, 10), dt.date(2011, 6, 20)


@pytest.fixture
def orders() -> Interactions:
    frame = pd.DataFrame(
        {
            "market": "GB",
            "customer_id": [line[0] for line in LINES],
            "order_id": [line[1] for line in LINES],
            "item_id": [line[2] for line in LINES],
            "timestamp": [pd.Timestamp(2011, 6, line[3], 12) for line in LINES],
            "quantity": [float(line[4]) for line in LINES],
            "unit_price": [line[5] for line in LINES],
        }
    )
    return Interactions.from_frame(frame)


def test_sums_of_the_period_and_of_before(orders: Interactions) -> None:
    found = customer_outcomes(orders, np.arange(3, dtype=np.int32), START, END, before_days=9)
    assert found["revenue"].tolist() == [16.0, 0.0, 0.0]  # the end is exclusive
    assert found["orders"].tolist() == [2.0, 0.0, 0.0]
    assert found["lines"].tolist() == [3.0, 0.0, 0.0]
    assert found["items"].tolist() == [2.0, 0.0, 0.0]
    assert found["revenue_before"].tolist() == [10.0, 2.0, 0.0]
    assert found["orders_before"].tolist() == [1.0, 1.0, 0.0]


def test_a_shorter_time_before_sees_less(orders: Interactions) -> None:
    found = customer_outcomes(orders, np.arange(3, dtype=np.int32), START, END, before_days=7)
    assert found["revenue_before"].tolist() == [0.0, 2.0, 0.0]


def test_rows_follow_the_customers_that_were_asked_for(orders: Interactions) -> None:
    found = customer_outcomes(orders, np.array([1, 0], dtype=np.int32), START, END)
    assert found["revenue"].tolist() == [0.0, 16.0]


def test_days_add_up(orders: Interactions) -> None:
    everyone = np.arange(3, dtype=np.int32)
    days = [START + dt.timedelta(days=n) for n in range(11)]
    each = [
        customer_outcomes(orders, everyone, first, end)["revenue"].to_numpy()
        for first, end in itertools.pairwise(days)
    ]
    whole = customer_outcomes(orders, everyone, START, END)["revenue"]
    np.testing.assert_allclose(np.sum(each, axis=0), whole)


def test_mistakes_are_named(orders: Interactions) -> None:
    with pytest.raises(ValueError, match="ends on 2011-06-10, not after"):
        customer_outcomes(orders, np.arange(3, dtype=np.int32), START, START)
    with pytest.raises(ValueError, match="named twice"):
        customer_outcomes(orders, np.array([0, 0], dtype=np.int32), START, END)
