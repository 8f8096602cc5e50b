import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st

from restock.tuning.shrinkage import belief, difference_variance, prior_variance, undominated

pytestmark = pytest.mark.unit


@pytest.mark.parametrize("true", [0.0, 0.02, 0.1])
def test_the_prior_variance_is_found_again(true: float) -> None:
    random = np.random.default_rng(1)
    error = random.uniform(0.01, 0.2, 4000)
    scale = random.uniform(0.2, 1.0, 4000)
    seen = np.sqrt(scale) * (random.normal(0, true, 4000) + error * random.normal(size=4000))
    found = prior_variance(seen**2, error**2, scale)
    assert np.sqrt(found) == pytest.approx(true, abs=0.006)


def test_nothing_known_is_no_variance() -> None:
    nothing = np.full(3, np.nan)
    assert prior_variance(nothing, nothing, np.ones(3)) == 0.0
    assert prior_variance(np.ones(2), np.ones(2), np.zeros(2)) == 0.0


@given(n=st.floats(0, 1e4), v=st.floats(1e-6, 1), tau2=st.floats(0, 1))
def test_belief_is_bounded_by_what_small_markets_may_and_by_the_evidence(
    n: float, v: float, tau2: float
) -> None:
    (weight,) = belief(np.array([n]), np.array([v]), np.array([tau2]), 200.0)
    assert 0 <= weight <= 1
    assert weight <= tau2 / (tau2 + v) + 1e-12
    if n < 200:
        assert weight <= n / (n + 200)


def test_without_a_number_of_its_own_a_market_has_no_weight() -> None:
    found = belief(np.array([np.nan, 500.0]), np.array([0.1, np.nan]), np.array([1.0, 1.0]), 200.0)
    assert found.tolist() == [0.0, 0.0]


def test_differences_of_kin_are_surer_and_those_to_the_yardstick_exact() -> None:
    error, reference = np.array([0.2, 0.2, 0.2]), np.array([0.1, 0.1, 0.0])
    kin, strangers, exact = difference_variance(error, reference, np.array([True, False, True]))
    assert kin < strangers < 0.05
    assert exact == pytest.approx(0.04)


def test_only_what_another_betters_everywhere_at_no_more_cost_is_dominated() -> None:
    values = np.array([[1.0, 1.0], [0.9, 1.0], [0.9, 2.0], [1.0, 1.0], [0.5, np.nan], [0.5, 0.5]])
    cost = np.array([2.0, 2.0, 2.0, 2.0, 3.0, 1.0])
    assert undominated(values, cost).tolist() == [True, False, True, False, False, True]


@given(seed=st.integers(0, 1000))
def test_of_any_table_every_dropped_row_has_a_kept_one_above_it(seed: int) -> None:
    random = np.random.default_rng(seed)
    values, cost = random.integers(0, 3, (12, 2)).astype(float), random.integers(0, 2, 12) * 1.0
    keep = undominated(values, cost)
    for row in np.flatnonzero(~keep):
        better = (values[keep] >= values[row]).all(axis=1) & (cost[keep] <= cost[row])
        assert better.any()
    for row in np.flatnonzero(keep):
        others = np.delete(np.arange(12), row)
        above = (values[others] >= values[row]).all(axis=1) & (cost[others] <= cost[row])
        same = (values[others] == values[row]).all(axis=1) & (cost[others] == cost[row])
        assert not (above & ~same).any()
