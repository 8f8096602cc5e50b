"""Single choices: the formulas, and what must hold of every log."""

from dataclasses import replace

import numpy as np
import pytest
from contracts.logs import in_currency, logs, rows_of
from hypothesis import given, settings
from hypothesis import strategies as st

from restock.evaluation.ope import BadLog, Logged, Sums, dm, dr, ips, log_lift, logged_mean, snips

pytestmark = pytest.mark.unit

FEW = settings(max_examples=20)
ALL = (ips, snips, dm, dr, logged_mean)
NUMBERS = ("value", "low", "high", "error", "ess")


def numbers(found) -> np.ndarray:
    return np.array([getattr(found, name) for name in NUMBERS])


@FEW
@given(logs())
def test_the_values_are_those_of_the_formulas(log: Logged) -> None:
    w = log.target / log.propensity
    assert ips(log).value == pytest.approx(np.mean(w * log.reward))
    assert snips(log).value == pytest.approx(np.average(log.reward, weights=w))
    assert dm(log).value == pytest.approx(np.mean(log.expected_target))
    correction = np.mean(w * (log.reward - log.expected_logged))
    assert dr(log).value == pytest.approx(np.mean(log.expected_target) + correction, abs=1e-9)
    assert logged_mean(log).value == pytest.approx(np.mean(log.reward))


def test_the_error_is_that_of_a_mean_where_each_row_is_a_customer() -> None:
    reward = np.random.default_rng(0).lognormal(size=400)
    found = logged_mean(Logged(reward, np.ones(400), np.ones(400)))
    assert found.error == pytest.approx(reward.std(ddof=1) / 20)
    assert (found.n, found.clusters, found.ess) == (400, 400, 400)


@pytest.mark.parametrize("estimator", [ips, snips, dr])
def test_the_error_is_the_spread_of_estimates_over_resampled_customers(estimator) -> None:
    rng = np.random.default_rng(0)
    customers, visits = 300, 5
    keen = np.repeat(rng.uniform(0, 2, customers), visits)
    n = keen.size
    propensity = rng.uniform(0.1, 0.9, n)
    log = Logged(
        reward=keen * (rng.random(n) < 0.9),
        propensity=propensity,
        target=propensity * rng.uniform(0, 1.1, n),
        cluster=np.repeat(np.arange(customers), visits),
        expected_logged=np.full(n, 0.9),
        expected_target=np.full(n, 0.9),
    )
    rows = np.arange(n).reshape(customers, visits)
    values = [
        estimator(rows_of(log, rows[rng.integers(0, customers, customers)].ravel())).value
        for _ in range(500)
    ]
    assert estimator(log).error == pytest.approx(np.std(values), rel=0.12)
    alone = estimator(replace(log, cluster=np.arange(n)))
    assert estimator(log).error > 1.15 * alone.error, "the rows of a customer are no new customers"


@FEW
@given(logs(), st.randoms(use_true_random=False))
def test_the_order_of_rows_does_not_matter(log: Logged, random) -> None:
    order = list(range(log.n))
    random.shuffle(order)
    again = rows_of(log, np.array(order))
    for estimator in ALL:
        np.testing.assert_allclose(
            numbers(estimator(again)), numbers(estimator(log)), rtol=1e-7, atol=1e-7
        )


@FEW
@given(logs())
def test_the_names_of_customers_do_not_matter(log: Logged) -> None:
    renamed = replace(log, cluster=1000 - 7 * log.cluster)
    for estimator in ALL:
        np.testing.assert_allclose(
            numbers(estimator(renamed)), numbers(estimator(log)), rtol=1e-7, atol=1e-7
        )


@FEW
@given(logs(), st.sampled_from([0.25, 4.0, 1024.0]))
def test_another_currency_scales_the_estimate(log: Logged, rate: float) -> None:
    for estimator in ALL:
        there, here = numbers(estimator(in_currency(log, rate))), numbers(estimator(log))
        np.testing.assert_allclose(there[:4], rate * here[:4], rtol=1e-6, atol=1e-6)
        assert there[4] == pytest.approx(here[4])


@FEW
@given(logs(), st.integers(0, 24), st.floats(0, 50))
def test_a_greater_reward_never_lowers_an_estimate(log: Logged, row: int, more: float) -> None:
    reward = log.reward.copy()
    reward[row % log.n] += more
    richer = replace(log, reward=reward)
    for estimator in ALL:
        assert estimator(richer).value >= estimator(log).value - 1e-9


@FEW
@given(logs())
def test_snips_stays_within_the_rewards(log: Logged) -> None:
    assert log.reward.min() - 1e-9 <= snips(log).value <= log.reward.max() + 1e-9


@FEW
@given(logs())
def test_intervals_hold_the_value_and_ess_lies_between_1_and_n(log: Logged) -> None:
    for estimator in ALL:
        found = estimator(log)
        if found.clusters > 1:
            assert found.low - 1e-9 <= found.value <= found.high + 1e-9 and found.error >= 0
        else:
            assert np.isnan([found.low, found.high, found.error]).all()
        assert 1 - 1e-9 <= found.ess <= found.n + 1e-9


@FEW
@given(logs())
def test_a_target_that_does_what_was_logged_earns_the_plain_mean(log: Logged) -> None:
    same = replace(log, target=log.propensity)
    for estimator in (ips, snips):
        assert numbers(estimator(same)) == pytest.approx(numbers(logged_mean(same)), nan_ok=True)


@FEW
@given(logs())
def test_dr_with_a_perfect_model_has_no_noise_of_weights(log: Logged) -> None:
    perfect = replace(log, expected_logged=log.reward)
    assert dr(perfect).value == pytest.approx(dm(log).value)
    assert dr(perfect).error == pytest.approx(dm(log).error, nan_ok=True)


@FEW
@given(logs())
def test_dr_with_an_ignorant_model_is_ips(log: Logged) -> None:
    nothing = np.zeros(log.n)
    ignorant = replace(log, expected_logged=nothing, expected_target=nothing)
    assert numbers(dr(ignorant)) == pytest.approx(numbers(ips(log)), nan_ok=True)


def test_without_an_outcome_model_dm_and_dr_say_what_they_need() -> None:
    log = Logged(np.ones(3), np.ones(3), np.ones(3))
    for estimator in (dm, dr):
        with pytest.raises(BadLog, match="needs a model of outcomes: give the log expected_logged"):
            estimator(log)


def test_a_target_that_never_does_what_was_logged_has_no_self_normalised_estimate() -> None:
    log = Logged(np.ones(3), np.full(3, 0.5), np.zeros(3))
    assert ips(log).value == 0 and ips(log).ess == 0
    assert np.isnan(snips(log).value)


@FEW
@given(logs())
def test_the_log_lift_compares_with_what_was_logged(log: Logged) -> None:
    found, ours, theirs = log_lift(log, "snips"), snips(log).value, logged_mean(log).value
    if min(ours, theirs) > 0:
        assert found.value == pytest.approx(np.log(ours / theirs), abs=1e-9)
    else:
        assert np.isnan(found.value)


def test_a_policy_compared_with_itself_has_no_lift_and_no_error() -> None:
    rng = np.random.default_rng(0)
    propensity = rng.uniform(0.1, 1, 200)
    found = log_lift(Logged(rng.lognormal(size=200), propensity, propensity), "ips")
    assert found.value == pytest.approx(0, abs=1e-12) and found.error == pytest.approx(0, abs=1e-9)


def test_the_error_of_a_lift_knows_that_both_sides_share_the_customers() -> None:
    rng = np.random.default_rng(0)
    propensity = rng.uniform(0.4, 0.8, 4000)
    log = Logged(rng.lognormal(size=4000), propensity, propensity * rng.uniform(0.8, 1.2, 4000))
    apart = np.hypot(ips(log).error / ips(log).value, logged_mean(log).error / ips(log).value)
    assert log_lift(log, "ips").error < 0.3 * apart


def test_an_unknown_estimator_is_named() -> None:
    with pytest.raises(ValueError, match="no estimator 'magic': there are logged, ips, snips"):
        log_lift(Logged(np.ones(3), np.ones(3), np.ones(3)), "magic")


@FEW
@given(logs(), st.lists(st.integers(0, 25), min_size=1, max_size=3))
def test_batches_added_up_give_the_estimates_of_the_whole(log: Logged, cuts: list[int]) -> None:
    parts = [part for part in np.split(np.arange(log.n), sorted(cuts)) if part.size]
    batches = [Sums.of(rows_of(log, part)) for part in parts]
    forth = batches[0]
    for batch in batches[1:]:
        forth = forth + batch
    back = batches[-1]
    for batch in reversed(batches[:-1]):
        back = batch + back
    for estimator in ALL:
        whole = numbers(estimator(log))
        np.testing.assert_allclose(numbers(estimator(forth)), whole, rtol=1e-6, atol=1e-6)
        np.testing.assert_allclose(numbers(estimator(back)), whole, rtol=1e-6, atol=1e-6)


def test_batches_with_and_without_a_model_do_not_add_up() -> None:
    plain = Logged(np.ones(3), np.ones(3), np.ones(3))
    modelled = replace(plain, expected_logged=np.ones(3), expected_target=np.ones(3))
    with pytest.raises(BadLog, match="one batch has an outcome model and the other has not"):
        Sums.of(plain) + Sums.of(modelled)
