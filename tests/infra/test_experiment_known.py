"""Until when the orders of an experiment are known."""

import dataclasses
import datetime as dt

import pytest

from restock.dataset import simulate
from restock.infra.experiment_analysis import known_before

pytestmark = pytest.mark.unit


def test_a_feed_that_has_stopped_does_not_end_an_experiment() -> None:
    orders = simulate(customers={"FR": 200}, items=40, days=120, seed=1).interactions()
    assert known_before(orders) == orders.as_of_date
    later = dataclasses.replace(orders, as_of=orders.as_of + 30 * 24 * 60)
    last = dt.date(1970, 1, 1) + dt.timedelta(minutes=int(orders.minute.max()))
    assert known_before(later) == last + dt.timedelta(days=1) < later.as_of_date
