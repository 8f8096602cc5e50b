"""Lists: the formulas, and what must hold of every log of lists."""

from dataclasses import replace

import numpy as np
import pytest
from contracts.logs import in_currency, list_logs, lists_of
from hypothesis import given, settings
from hypothesis import strategies as st

from restock.benchmarks.ope_worlds import Cascade
from restock.evaluation.ope import (
    BadLog,
    ListSums,
    Logged,
    LoggedLists,
    dr,
    dr_lists,
    iips,
    ips,
    ips_lists,
    log_lift_lists,
    logged_mean,
    logged_mean_lists,
    rips,
    snips,
    snips_lists,
    snrips,
)

pytestmark = pytest.mark.unit

FEW = settings(max_examples=20)
ALL = (ips_lists, snips_lists, iips, rips, snrips, dr_lists, logged_mean_lists)
NUMBERS = ("value", "low", "high", "error", "ess")


def numbers(found) -> np.ndarray:
    return np.array([getattr(found, name) for name in NUMBERS])


def plainly(log: LoggedLists, kind: str) -> list[float]:
    """What each list adds to an estimate, place by place in plain Python."""
    terms = []
    for row in range(log.n):
        term, down, whole = 0.0, 1.0, 1.0
        for place in range(log.k):
            if log.there[row, place]:
                whole *= log.target[row, place] / log.propensity[row, place]
        for place in range(log.k):
            if not log.there[row, place]:
                continue
            own, above = log.target[row, place] / log.propensity[row, place], down
            down *= own
            reward = log.reward[row, place]
            if kind == "dr_lists":
                term += above * log.expected_target[row, place]
                term += down * (reward - log.expected_logged[row, place])
            else:
                term += {"ips_lists": whole, "iips": own, "rips": down}[kind] * reward
        terms.append(term)
    return terms


@FEW
@given(list_logs())
def test_the_values_are_those_of_the_formulas(log: LoggedLists) -> None:
    for estimator in (ips_lists, iips, rips, dr_lists):
        expected = np.mean(plainly(log, estimator.__name__))
        assert estimator(log).value == pytest.approx(expected, rel=1e-9, abs=1e-7)
    w = log.weight
    whole = np.average(log.reward.sum(axis=1), weights=w[:, -1])
    assert snips_lists(log).value == pytest.approx(whole, rel=1e-9, abs=1e-7)
    by_place = [np.average(log.reward[:, at], weights=w[:, at]) for at in range(log.k)]
    assert snrips(log).value == pytest.approx(sum(by_place), rel=1e-9, abs=1e-7)


@FEW
@given(list_logs(places=1))
def test_lists_of_one_are_single_choices(log: LoggedLists) -> None:
    single = Logged(
        log.reward[:, 0], log.propensity[:, 0], log.target[:, 0], log.cluster,
        log.expected_logged[:, 0], log.expected_target[:, 0],
    )  # fmt: skip
    for lists, one in (
        (ips_lists, ips), (iips, ips), (rips, ips), (snips_lists, snips), (snrips, snips),
        (dr_lists, dr), (logged_mean_lists, logged_mean),
    ):  # fmt: skip
        np.testing.assert_allclose(
            numbers(lists(log))[:4], numbers(one(single))[:4], rtol=1e-7, atol=1e-9
        )


@FEW
@given(list_logs(), st.randoms(use_true_random=False))
def test_the_order_of_lists_does_not_matter(log: LoggedLists, random) -> None:
    order = list(range(log.n))
    random.shuffle(order)
    again = lists_of(log, np.array(order))
    for estimator in ALL:
        np.testing.assert_allclose(
            numbers(estimator(again)), numbers(estimator(log)), rtol=1e-6, atol=1e-6
        )


@FEW
@given(list_logs(), st.sampled_from([0.25, 4.0, 1024.0]))
def test_another_currency_scales_the_estimate(log: LoggedLists, rate: float) -> None:
    for estimator in ALL:
        there, here = numbers(estimator(in_currency(log, rate))), numbers(estimator(log))
        np.testing.assert_allclose(there[:4], rate * here[:4], rtol=1e-6, atol=1e-5)


@FEW
@given(list_logs(), st.integers(0, 99), st.floats(0, 50))
def test_a_greater_reward_never_lowers_an_estimate(
    log: LoggedLists, cell: int, more: float
) -> None:
    reward = log.reward.copy()
    reward.flat[cell % reward.size] += more
    for estimator in ALL:
        richer = estimator(replace(log, reward=reward)).value
        assert richer >= estimator(log).value - 1e-7


@FEW
@given(list_logs())
def test_self_normalised_estimates_stay_within_the_rewards_of_lists(log: LoggedLists) -> None:
    of_list = log.reward.sum(axis=1)
    assert of_list.min() - 1e-7 <= snips_lists(log).value <= of_list.max() + 1e-7
    low, high = log.reward.min(axis=0).sum(), log.reward.max(axis=0).sum()
    assert low - 1e-7 <= snrips(log).value <= high + 1e-7


@FEW
@given(list_logs())
def test_a_target_that_does_what_was_logged_earns_the_plain_mean(log: LoggedLists) -> None:
    same = replace(log, target=log.propensity)
    for estimator in (ips_lists, snips_lists, iips, rips, snrips):
        found, plain = numbers(estimator(same)), numbers(logged_mean_lists(same))
        np.testing.assert_allclose(found[:4], plain[:4], rtol=1e-7, atol=1e-9)
        assert found[4] == pytest.approx(log.n)


@FEW
@given(list_logs(), st.floats(-50, 50))
def test_what_empty_places_hold_does_not_matter(log: LoggedLists, anything: float) -> None:
    filled = log.there

    def other(values: np.ndarray) -> np.ndarray:
        return np.where(filled, values, anything)

    again = LoggedLists(
        other(log.reward), other(log.propensity), other(log.target), filled, log.cluster,
        other(log.expected_logged), other(log.expected_target),
    )  # fmt: skip
    for estimator in ALL:
        np.testing.assert_array_equal(numbers(estimator(again)), numbers(estimator(log)))


@FEW
@given(list_logs(), st.lists(st.integers(0, 10), min_size=1, max_size=3))
def test_batches_added_up_give_the_estimates_of_the_whole(
    log: LoggedLists, cuts: list[int]
) -> None:
    parts = [part for part in np.split(np.arange(log.n), sorted(cuts)) if part.size]
    batches = [ListSums.of(lists_of(log, part)) for part in parts]
    forth, back = batches[0], batches[-1]
    for batch in batches[1:]:
        forth = forth + batch
    for batch in reversed(batches[:-1]):
        back = batch + back
    for estimator in ALL:
        whole = numbers(estimator(log))
        np.testing.assert_allclose(numbers(estimator(forth)), whole, rtol=1e-6, atol=1e-6)
        np.testing.assert_allclose(numbers(estimator(back)), whole, rtol=1e-6, atol=1e-6)


def test_lists_of_other_lengths_do_not_add_up() -> None:
    def sums(k: int) -> ListSums:
        return ListSums.of(LoggedLists(np.ones((2, k)), np.ones((2, k)), np.ones((2, k))))

    with pytest.raises(BadLog, match="lists of 3 and of 2 places: pad them to one length"):
        sums(3) + sums(2)


def test_without_an_outcome_model_dr_says_what_it_needs() -> None:
    with pytest.raises(BadLog, match="dr_lists needs a model of outcomes"):
        dr_lists(LoggedLists(np.ones((2, 2)), np.ones((2, 2)), np.ones((2, 2))))


def test_an_unknown_estimator_is_named() -> None:
    with pytest.raises(ValueError, match="no estimator 'magic' of lists: there are logged, ips"):
        log_lift_lists(LoggedLists(np.ones((2, 2)), np.ones((2, 2)), np.ones((2, 2))), "magic")


@FEW
@given(list_logs())
def test_places_alone_are_the_filled_ones_with_their_customers(log: LoggedLists) -> None:
    alone = log.alone()
    assert alone.n == log.there.sum()
    total = iips(log).value * log.n
    assert (alone.weight * alone.reward).sum() == pytest.approx(total, rel=1e-9, abs=1e-7)
    for who in np.unique(log.cluster):
        mine = log.reward[log.cluster == who].sum()
        assert alone.reward[alone.cluster == who].sum() == pytest.approx(mine)


def test_on_cascade_clicks_rips_is_right_and_errs_less_than_whole_lists() -> None:
    world, found = Cascade.of(seed=6), []
    for seed in range(60):
        log = world.log(1000, np.random.default_rng(seed))
        found.append([rips(log).value, ips_lists(log).value, snrips(log).value])
    mean, spread = np.mean(found, axis=0), np.std(found, axis=0)
    assert np.abs(mean / world.truth - 1).max() < 0.05
    assert spread[0] < 0.9 * spread[1]


def test_the_lift_over_what_was_logged() -> None:
    world = Cascade.of(seed=6)
    log = world.log(20_000, np.random.default_rng(0))
    found = log_lift_lists(log, "rips")
    truth = np.log(world.truth / logged_mean_lists(log).value)
    assert found.value == pytest.approx(np.log(rips(log).value / logged_mean_lists(log).value))
    assert found.low < truth < found.high and found.error < 0.1
