"""The link: what experiments teach, how strongly, and what they cannot."""

import datetime as dt
from collections.abc import Sequence
from itertools import pairwise

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from restock.evaluation import Objective
from restock.evaluation.link import Ahead, Entry, foretold, learn

pytestmark = pytest.mark.unit

METRICS = ("ndcg_at_10", "revenue_share_at_10", "revenue_ndcg_at_10")
DECLARED = Objective().shares


def entries(
    n: int = 12,
    *,
    seed: int = 0,
    weights: Sequence[float] = (0.0, 0.2, 0.8),
    part: float = 0.1,
    error: float = 0.003,
    misfit: float = 0.0,
) -> list[Entry]:
    """Experiments of a world in which these weights of METRICS make the lift."""
    random = np.random.default_rng(seed)
    deltas = random.normal(0, 0.3, (n, 1)) + random.normal(0, 0.2, (n, 3))
    lifts = part * deltas @ weights + random.normal(0, 1, n) * np.hypot(error, misfit)
    return [
        entry(f"e-{at}", dict(zip(METRICS, row, strict=True)), lift, error)
        for at, (row, lift) in enumerate(zip(deltas.tolist(), lifts.tolist(), strict=True))
    ]


def entry(name: str, offline: dict[str, float], lift: float, error: float) -> Entry:
    return Entry(
        name=name,
        markets=("FR",),
        start=dt.date(2025, 1, 1),
        end=dt.date(2025, 1, 29),
        control="reorder (market)",
        treatment="blend (pooled)",
        lift=lift,
        error=error,
        offline=offline,
    )


def distance(weights: dict[str, float]) -> float:
    """How far weights lie from the declared ones (total variation)."""
    names = {*weights, *DECLARED}
    return sum(abs(weights.get(name, 0.0) - DECLARED.get(name, 0.0)) for name in names) / 2


def swapped(one: Entry) -> Entry:
    """The same experiment with its arms exchanged."""
    offline = {name: -value for name, value in one.offline.items()}
    ope = None if one.ope is None else -one.ope
    return one.model_copy(update={"lift": -one.lift, "offline": offline, "ope": ope})


def test_without_experiments_the_declared_weights_stay_exactly() -> None:
    for few in ([], entries(1), entries(2)):
        link = learn(few)
        assert link.weights == DECLARED and not link.enough
        with pytest.raises(ValueError, match="it takes 3"):
            link.predict(entries(1)[0])


def test_clear_evidence_moves_weights_toward_what_makes_the_lift() -> None:
    link = learn(entries(30))
    assert link.weights["revenue_ndcg_at_10"] > 0.6
    assert link.posterior is not None and link.posterior.trust < 0.01


def test_evidence_for_the_declared_weights_keeps_them() -> None:
    link = learn(entries(30, weights=(0.6, 0.4, 0.0)))
    assert distance(link.weights) < 0.1
    assert link.posterior is not None and link.posterior.trust > 0.6


def test_a_lift_is_foretold_with_an_interval_that_holds_it() -> None:
    link = learn(entries(20))
    ahead = entries(300, seed=9, error=1e-6)
    guesses = [link.predict(one) for one in ahead]
    truth = np.array([one.lift for one in ahead])
    mean = np.array([one.value for one in guesses])
    assert np.corrcoef(mean, truth)[0, 1] > 0.97
    low, high = np.array([one.interval for one in guesses]).T
    assert ((low <= truth) & (truth <= high)).mean() > 0.85


@settings(max_examples=8, deadline=None)
@given(seed=st.integers(0, 10_000), n=st.integers(3, 15), error=st.sampled_from([0.002, 0.02]))
def test_order_and_the_naming_of_arms_change_nothing(seed: int, n: int, error: float) -> None:
    known = entries(n, seed=seed, error=error)
    random = np.random.default_rng(seed)
    shuffled = [known[at] for at in random.permutation(n)]
    exchanged = [swapped(one) if random.random() < 0.5 else one for one in known]
    ahead, weights = entries(1, seed=seed + 1)[0], learn(known).weights
    expected = learn(known).predict(ahead)
    for others in (shuffled, exchanged):
        assert learn(others).weights == pytest.approx(weights, abs=1e-9)
        assert learn(others).predict(ahead).value == pytest.approx(expected.value, abs=1e-9)
    against = learn(known).predict(swapped(ahead))
    assert against.value == pytest.approx(-expected.value, abs=1e-12)
    assert against.error == pytest.approx(expected.error, rel=1e-9)


@settings(max_examples=8, deadline=None)
@given(seed=st.integers(0, 10_000), n=st.integers(0, 15), error=st.floats(1e-6, 10.0))
def test_weights_are_an_objective_whatever_was_measured(seed: int, n: int, error: float) -> None:
    link = learn(entries(n, seed=seed, error=error, misfit=0.05))
    assert sum(link.weights.values()) == pytest.approx(1.0)
    assert all(weight > 0 for weight in link.weights.values())
    assert link.objective.guardrails == Objective().guardrails


@settings(max_examples=6, deadline=None)
@given(seed=st.integers(0, 10_000))
def test_the_noisier_the_tests_the_nearer_the_weights_to_the_declared(seed: int) -> None:
    exact = entries(12, seed=seed, error=0.001)
    noisy = [
        distance(learn([one.model_copy(update={"error": error}) for one in exact]).weights)
        for error in (0.003, 0.03, 0.3, 3.0)
    ]
    assert all(later <= earlier + 0.02 for earlier, later in pairwise(noisy))
    assert noisy[-1] < 0.01


@settings(max_examples=6, deadline=None)
@given(seed=st.integers(0, 10_000), lift=st.floats(-1, 1))
def test_an_experiment_that_measured_nothing_teaches_nothing(seed: int, lift: float) -> None:
    known = entries(8, seed=seed)
    vague = known[3].model_copy(update={"name": "vague", "lift": lift, "error": 1e5})
    before, after = learn(known), learn([*known, vague])
    assert after.weights == pytest.approx(before.weights, abs=1e-6)
    ahead = entries(1, seed=seed + 1)[0]
    assert after.predict(ahead).value == pytest.approx(before.predict(ahead).value, abs=1e-8)


def test_errors_of_deltas_weaken_what_an_experiment_says() -> None:
    known = entries(12)
    vague = [one.model_copy(update={"offline_error": dict.fromkeys(METRICS, 2.0)}) for one in known]
    assert distance(learn(vague).weights) < distance(learn(known).weights)
    ahead = known[0]
    unsure = ahead.model_copy(update={"offline_error": dict.fromkeys(METRICS, 0.1)})
    link = learn(known)
    assert link.predict(unsure).error > link.predict(ahead).error


def test_an_entry_without_a_declared_metric_is_left_out_and_says_why() -> None:
    known = entries(5)
    lacking = entry("lacking", {"recall_at_10": 0.1}, 0.01, 0.01)
    link = learn([*known, lacking])
    assert link.left_out == {"lacking": "no delta of ndcg_at_10"}
    assert link.weights == learn(known).weights


def test_only_metrics_that_all_have_are_weighed_and_none_of_new_items_alone() -> None:
    known = entries(6)
    offline = {**known[0].offline, "recall_at_10": 0.1, "ndcg_at_10_new": -3.0}
    some = [known[0].model_copy(update={"offline": offline}), *known[1:]]
    assert set(learn(some).metrics) == set(METRICS)
    link = learn(known)
    with pytest.raises(ValueError, match="no delta of revenue_share_at_10"):
        link.predict(Ahead(name="a", offline={"ndcg_at_10": 0.1}))


def test_lifts_of_different_things_are_not_mixed() -> None:
    first, *others = entries(4)
    with pytest.raises(ValueError, match="orders, revenue"):
        learn([first.model_copy(update={"metric": "orders"}), *others])


def test_an_off_policy_estimate_is_joined_as_far_as_such_estimates_were_right() -> None:
    known = entries(12, misfit=0.03)
    random = np.random.default_rng(1)

    def joined(off: float) -> tuple[float, float]:
        """The foretold lift with an estimate of .1, where past ones were off by so much."""
        having = [
            one.model_copy(
                update={"ope": one.lift + off * float(random.normal()), "ope_error": 0.005}
            )
            for one in known
        ]
        ahead = known[0].model_copy(update={"ope": 0.1, "ope_error": 0.005})
        found = learn(having).predict(ahead)
        return found.value, found.by_metrics

    good, alone = joined(0.0)
    bad, _ = joined(0.5)
    assert abs(good - 0.1) < abs(bad - 0.1) and abs(bad - alone) < 0.01
    few = learn(known).predict(known[0].model_copy(update={"ope": 0.1, "ope_error": 0.005}))
    assert few.value == few.by_metrics


def test_foretold_lifts_do_not_know_their_own_experiment() -> None:
    known = entries(8)
    wild = [known[0].model_copy(update={"lift": 5.0}), *known[1:]]
    assert foretold(learn(wild))[0].value == pytest.approx(foretold(learn(known))[0].value)
