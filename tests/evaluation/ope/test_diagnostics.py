"""What weights say about a log, and when there is no estimate."""

import re
from dataclasses import replace

import numpy as np
import pytest
from contracts.logs import list_logs, lists_of, logs, rows_of
from hypothesis import given, settings

from restock.benchmarks.ope_worlds import Cascade, Choices, with_one_weight
from restock.evaluation.ope import (
    Diagnostics,
    ListSums,
    Logged,
    LoggedLists,
    OpePolicy,
    Refused,
    Sums,
    check,
    diagnose,
    diagnose_lists,
    diagnose_rips,
    refusals,
    rips,
)

pytestmark = pytest.mark.unit

FEW = settings(max_examples=20)
SOUND = Diagnostics(
    n=10_000, clusters=2000, ess=4000.0, ess_share=0.4, earners=300.0, mean_weight=1.01,
    mean_weight_error=0.02, max_weight=9.0, max_share=0.001, support_share=1.0,
)  # fmt: skip


@pytest.fixture(scope="module")
def log() -> Logged:
    return Choices.of(seed=1).log(10_000, 2500, np.random.default_rng(0))


def test_a_sound_log_is_not_refused(log: Logged) -> None:
    found = diagnose(log)
    assert refusals(found) == ()
    assert found.ess_share == pytest.approx(0.5, abs=0.05)
    assert abs(found.mean_weight - 1) < 4 * found.mean_weight_error < 0.1
    check(found)


def test_one_weight_of_20_000_is_refused(log: Logged) -> None:
    found = diagnose(with_one_weight(log, 20_000.0))
    assert found.ess == pytest.approx(2.25, abs=0.01)
    with pytest.raises(Refused) as refused:
        check(found)
    said = " ".join(refused.value.reasons)
    assert "the effective sample size is 2 of 10,000" in said
    assert "one weight of 20,000 is 67% of all weight" in said
    assert "raise the least propensity" in said
    assert str(refused.value).startswith("no estimate: ")


@FEW
@given(logs())
def test_the_numbers_are_those_of_the_definitions(log: Logged) -> None:
    found, w = diagnose(log), log.weight
    assert found.ess == pytest.approx(w.sum() ** 2 / (w**2).sum())
    assert 1 - 1e-9 <= found.ess <= found.n + 1e-9
    assert found.mean_weight == pytest.approx(w.mean())
    assert found.max_weight == w.max() and found.max_share == pytest.approx(w.max() / w.sum())
    assert found.support_share == 1.0
    z = [np.sum((w * log.reward)[log.cluster == who]) for who in np.unique(log.cluster)]
    if np.square(z).sum() > 1e-200:
        assert found.earners == pytest.approx(np.sum(z) ** 2 / np.square(z).sum())
        assert 1 - 1e-9 <= found.earners <= found.clusters + 1e-9


@FEW
@given(list_logs())
def test_so_are_those_of_lists(log: LoggedLists) -> None:
    w = log.weight[:, -1]
    found = diagnose_lists(log)
    assert found.ess == pytest.approx(w.sum() ** 2 / (w**2).sum())
    assert found.mean_weight == pytest.approx(w.mean())
    assert found.max_share == pytest.approx(w.max() / w.sum())
    from_top = diagnose_rips(log)
    assert 0 < from_top.ess <= from_top.n + 1e-9
    assert from_top.ess == pytest.approx(rips(log).ess)
    for diagnosis, weight in ((found, log.weight[:, -1:]), (from_top, log.weight)):
        earned = (weight * log.reward).sum(axis=1)
        z = np.array([earned[log.cluster == who].sum() for who in np.unique(log.cluster)])
        if np.square(z).sum() > 1e-200:
            assert diagnosis.earners == pytest.approx(z.sum() ** 2 / np.square(z).sum())


def test_the_mean_weight_of_rips_is_that_of_the_places_that_earn() -> None:
    propensity, target = np.full((4, 2), 0.5), np.array([[0.5, 0.5]] * 2 + [[0.5, 0.25]] * 2)
    top = diagnose_rips(LoggedLists(np.array([[1.0, 0.0]] * 4), propensity, target))
    deep = diagnose_rips(LoggedLists(np.array([[0.0, 1.0]] * 4), propensity, target))
    assert (top.mean_weight, deep.mean_weight) == (1.0, 0.75)
    assert (top.max_share, deep.max_share) == (pytest.approx(1 / 4), pytest.approx(1 / 3))


def test_what_is_returned_counts_as_much_as_what_is_bought() -> None:
    found = diagnose(Logged(np.array([5.0, -5.0, 0.0]), np.ones(3), np.ones(3)))
    assert found.earners == pytest.approx(2)


def test_rows_with_and_without_support_are_told_apart() -> None:
    propensity, target = np.full(1000, 0.5), np.full(1000, 0.5)
    propensity[:30], target[900:] = 0.0004, 0.0
    found = diagnose(Logged(np.ones(1000), propensity, target))
    assert found.support_share == pytest.approx(870 / 900)


def test_rare_deep_places_weigh_little_in_the_diagnosis_of_rips() -> None:
    log = Cascade.of(seed=6).log(5000, np.random.default_rng(0))
    whole, from_top = diagnose_lists(log), diagnose_rips(log)
    assert from_top.ess > 1.5 * whole.ess
    only_top = np.zeros_like(log.reward)
    only_top[:, 0] = log.reward[:, 0]
    top = diagnose_rips(replace(log, reward=only_top))
    w = log.weight[:, 0]
    assert top.ess == pytest.approx(w.sum() ** 2 / (w**2).sum())


def test_a_diagnosis_of_sums_is_that_of_the_log(log: Logged) -> None:
    log = replace(log, target=log.target * np.linspace(1, 0.5, log.n))
    half = np.arange(log.n) < 4000
    one, other = Sums.of(rows_of(log, half)), Sums.of(rows_of(log, ~half))
    for both in (one + other, other + one):
        assert vars(diagnose(both)) == pytest.approx(vars(diagnose(log)))
    lists = Cascade.of(seed=6).log(900, np.random.default_rng(0))
    lists = replace(
        lists, expected_logged=np.zeros_like(lists.reward), expected_target=lists.reward
    )
    half = np.arange(lists.n) < 500
    summed = ListSums.of(lists_of(lists, half)) + ListSums.of(lists_of(lists, ~half))
    for diagnosis in (diagnose_lists, diagnose_rips):
        assert vars(diagnosis(summed)) == pytest.approx(vars(diagnosis(lists)))


@pytest.mark.parametrize(
    ("change", "reason"),
    [
        ({"clusters": 40}, "40 customers in the log, an interval needs 100: log for longer"),
        ({"earners": 3.0}, "3 customers' worth, an interval needs 30: log for longer, or ask"),
        ({"ess": 60.0}, "effective sample size is 60 of 10,000 .needed: 100 and 1%."),
        ({"ess_share": 0.002}, "would seldom have done what was logged; log with more exploration"),
        ({"max_share": 0.3, "max_weight": 900.0}, "one weight of 900 is 30% of all weight"),
        ({"mean_weight": 0.6}, "0.600 ± 0.020 and should be 1: the log cannot show some 40% of"),
        ({"mean_weight": 1.4}, "the propensities are lower than those of the draw; log them as"),
        (
            {"support_share": 0.9},
            "10.0% of what the target could show .* propensity below 1/1000 of the target's",
        ),
    ],
)
def test_each_refusal_names_the_cause_and_the_remedy(change: dict, reason: str) -> None:
    (said,) = refusals(replace(SOUND, **change))
    assert re.search(reason, said), said


def test_a_mean_weight_off_by_chance_or_by_little_is_no_reason() -> None:
    assert refusals(replace(SOUND, mean_weight=1.2, mean_weight_error=0.08)) == ()
    assert refusals(replace(SOUND, mean_weight=0.97, mean_weight_error=0.001)) == ()


def test_the_thresholds_are_those_of_the_policy() -> None:
    strict = OpePolicy(min_ess=5000)
    assert refusals(SOUND) == () and len(refusals(SOUND, strict)) == 1


def test_wrong_propensities_are_found(log: Logged) -> None:
    halved = replace(log, propensity=np.minimum(1.0, 1.3 * log.propensity))
    assert any("the mean weight is" in said for said in refusals(diagnose(halved)))


def test_nothing_that_the_target_shows_was_logged() -> None:
    found = diagnose(Logged(np.ones(500), np.full(500, 0.5), np.zeros(500)))
    assert (found.ess, found.mean_weight, found.max_share, found.support_share) == (0, 0, 0, 0)
    assert any("cannot show some 100% of what the target shows" in said for said in refusals(found))


def test_an_empty_log_is_refused() -> None:
    nothing = np.empty(0)
    assert "0 customers in the log" in refusals(diagnose(Logged(nothing, nothing, nothing)))[0]
