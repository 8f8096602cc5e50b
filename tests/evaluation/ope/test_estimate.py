"""Ratios of sums, their errors and their intervals."""

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from scipy import stats

from restock.evaluation.ope import Logged, logged_mean
from restock.evaluation.ope.estimate import estimate, ratios, standard_error

pytestmark = pytest.mark.unit


def test_ratios_are_added_over_columns() -> None:
    above = np.array([[1.0, 4.0], [3.0, 4.0]])
    below = np.array([[2.0, 1.0], [2.0, 3.0]])
    assert ratios(above, below).value == pytest.approx(4 / 4 + 8 / 4)
    assert ratios(above, np.array([1.0, 1.0])).value == pytest.approx(12 / 2)
    assert np.isnan(ratios(above, np.zeros((2, 2))).value)


@settings(max_examples=30)
@given(st.integers(0, 1000), st.floats(1e-6, 1e-4))
def test_moves_are_the_derivatives_by_each_cluster(seed: int, step: float) -> None:
    rng = np.random.default_rng(seed)
    above, below = rng.uniform(0, 5, (6, 3)), rng.uniform(1, 2, (6, 3))
    linear, cluster = ratios(above, below), seed % 6
    heavier = np.ones((6, 1))
    heavier[cluster] += step
    moved = ratios(heavier * above, heavier * below).value - linear.value
    assert moved / step == pytest.approx(linear.moves[cluster], abs=1e-3)


def test_without_skewness_the_interval_is_students() -> None:
    reward = np.concatenate([np.arange(20.0), -np.arange(20.0)])
    found = logged_mean(Logged(reward, np.ones(40), np.ones(40)))
    usual = stats.ttest_1samp(reward, 0).confidence_interval(0.95)
    assert (found.low, found.high) == pytest.approx((usual.low, usual.high))


def test_with_skewness_it_reaches_further_to_the_long_side() -> None:
    reward = np.random.default_rng(0).lognormal(0, 1.5, 200)
    one = np.ones(200)
    found, turned = logged_mean(Logged(reward, one, one)), logged_mean(Logged(-reward, one, one))
    assert found.high - found.value > 1.2 * (found.value - found.low)
    assert (turned.low, turned.high) == pytest.approx((-found.high, -found.low))


def test_it_holds_the_truth_of_skewed_rewards_more_often_than_students() -> None:
    rng, n, hits, usual = np.random.default_rng(0), 100, 0, 0
    one = np.ones(n)
    for reward in rng.lognormal(0, 1.5, (400, n)) * (rng.random((400, n)) < 0.5):
        found, truth = logged_mean(Logged(reward, one, one)), 0.5 * np.exp(1.5**2 / 2)
        hits += found.low <= truth <= found.high
        usual += abs(found.value - truth) <= stats.t.ppf(0.975, n - 1) * found.error
    assert hits > usual + 0.04 * 400


@settings(max_examples=30)
@given(st.lists(st.floats(-1e3, 1e3), min_size=2, max_size=20))
def test_the_interval_holds_the_value_whatever_the_rewards(rewards: list[float]) -> None:
    reward, one = np.array(rewards), np.ones(len(rewards))
    found = logged_mean(Logged(reward, one, one))
    assert found.low - 1e-9 <= found.value <= found.high + 1e-9


def test_one_cluster_has_a_value_and_no_interval() -> None:
    linear = ratios(np.array([3.0]), np.array([2.0]))
    found = estimate("mean", linear, n=2, ess=2.0)
    assert found.value == 1.5 and np.isnan(standard_error(linear))
    assert np.isnan([found.low, found.high, found.error]).all()


def test_equal_rewards_leave_no_doubt() -> None:
    found = logged_mean(Logged(np.full(9, 2.0), np.ones(9), np.ones(9)))
    assert (found.low, found.value, found.high, found.error) == (2, 2, 2, 0)
