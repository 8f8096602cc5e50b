"""The benchmark of drift sees days as the daily check does, and shocks as they were planted."""

import numpy as np
import pytest

from restock.benchmarks.drift_planted import CAUSES, Shocked, simulated
from restock.benchmarks.drift_rates import Alarms
from restock.benchmarks.drift_shocks import WATCHED, first_alarm
from restock.dataset import simulate
from restock.dataset.interactions import minute_of
from restock.monitoring.data_drift import check_data

pytestmark = pytest.mark.unit


@pytest.mark.thorough
def test_the_pass_over_all_days_says_what_the_daily_check_says() -> None:
    alarms = Alarms()
    orders = simulate(customers={"FR": 1500}, items=800, days=420, seed=3).interactions()
    alarms.watch(orders, "FR", 3)
    assert alarms.compared >= 5 and alarms.agreed == alarms.compared


@pytest.mark.thorough
@pytest.mark.parametrize("cause", ["new assortment", "new customers"])
def test_a_planted_shock_begins_on_its_day_and_is_named(cause: str) -> None:
    (known,) = [one for one in CAUSES if one == cause]
    shocked: Shocked = next(iter(simulated(known, 300)))
    before = check_data(shocked.interactions, shocked.market, as_of=shocked.onset, markets=WATCHED)
    assert not [one for one in before.findings if one.severity == "alarm"]
    mine = shocked.interactions.of_market(shocked.market)
    assert (mine.minute >= minute_of(shocked.onset)).any() and np.diff(mine.indptr).any()
    assert first_alarm(shocked).cause == cause
