"""Running trials: what they are fitted and judged on, what is shared, and where."""

from typing import Any

import numpy as np
import pytest
from contracts.orders import many
from contracts.running import ORDERS, PLAN, asked, go, results, setting, step

from restock.dataset import Interactions, load_sample
from restock.evaluation import Objective, compare, evaluate
from restock.evaluation.contest import Unit, judge
from restock.models import Candidate, FitContext
from restock.models.slate import FIRST_INCUMBENT
from restock.tuning.attempt import model_at
from restock.tuning.running import drawn, run
from restock.tuning.sampling import sampled
from restock.tuning.setting import Kept
from restock.tuning.space import point_of
from restock.tuning.trials import ALL, Ask, Outcome, Step, StudyKey, Told, Trial

pytestmark = pytest.mark.unit


# what is judged -------------------------------------------------------------------------------
@pytest.mark.parametrize("scope", ["market", "pooled", "prior"])
def test_a_lift_is_that_of_a_comparison_on_the_same_folds(scope: str) -> None:
    candidate = Candidate(name="item_knn", scope=scope)
    where = ALL if candidate.pooled else "FR"
    (found,) = go([step(where, candidate)])
    markets = ("FR", "GB") if candidate.pooled else ("FR",)
    about: dict[str, Any] = {"markets": markets, "windows": (0, 2)}
    units = [
        Unit(scope="pooled" if candidate.pooled else "market", candidates=(candidate,), **about),
        Unit(scope="market", candidates=(FIRST_INCUMBENT,), **about),
    ]
    judged = [judge(ORDERS, unit, dict.fromkeys(markets, PLAN), FitContext()) for unit in units]
    mine, theirs = ([card for one in side for card in one.scorecards.values()] for side in judged)
    verdict = compare(mine, theirs, Objective.at(5), resamples=0)
    assert found.failure == ""
    assert found.lift is not None
    assert found.lift.value == pytest.approx(np.log1p(verdict.lift), abs=1e-12)
    assert found.lift.customers == verdict.n_customers
    ndcg = verdict.metrics["ndcg_at_5"].challenger
    assert found.metrics["ndcg_at_5"] == pytest.approx(ndcg, abs=1e-12)
    assert set(found.markets) == ({"FR", "GB"} if candidate.pooled else set())


def test_the_yardstick_has_no_lift_over_itself() -> None:
    (found,) = go([step("GB", FIRST_INCUMBENT)])
    assert found.lift is not None
    assert (found.lift.value, found.lift.error) == (0.0, 0.0)


def test_a_low_rung_is_a_search_among_its_customers_alone() -> None:
    chosen = setting()
    few = sampled(ORDERS, chosen.policy.rungs[0], chosen)
    candidate = Candidate(name="item_knn", scope="pooled")
    (low,) = go([step(ALL, candidate, rung=0)])
    (whole,) = go([step(ALL, candidate)], orders=few)
    assert low.lift == whole.lift
    assert low.metrics == whole.metrics
    assert not low.markets  # market by market at the top only


def test_effort_is_a_share_of_the_epochs_that_were_asked_for() -> None:
    candidate = Candidate(name="als", config={"iterations": 12})
    assert model_at(candidate, 0.25).config.iterations == 3
    assert model_at(candidate, 0.01).config.iterations == 1
    assert model_at(candidate, 1.0).config.iterations == 12
    usual = Candidate(name="als").create().config.iterations
    assert model_at(Candidate(name="als"), 0.5).config.iterations == round(usual / 2)
    assert model_at(Candidate(name="sar"), 0.5).config == Candidate(name="sar").create().config


def test_what_is_kept_is_the_judged_lists_and_more_of_them() -> None:
    orders = many(customers=300, n=900)  # some buy for the first time in a window
    candidate, stored = Candidate(name="reorder", scope="pooled"), {}

    def keep(trial: Trial, kept: Kept) -> str:
        stored[trial.key] = kept
        return f"kept/{trial.key}"

    work = step(ALL, candidate, keep=True)
    of = setting(ballots=12)
    (found,) = run(orders, [work], of, FitContext(), keep=keep)
    assert found.kept == "kept/all/reorder/0"
    assert results([found.model_copy(update={"kept": ""})]) == results(
        go([step(ALL, candidate)], of=of, orders=orders)
    )
    (kept,) = stored.values()
    assert [(one.market, one.cutoff) for one in kept.ballots] == [
        (one.market, one.cutoff) for one in kept.judgements
    ]
    assert len(kept.ballots) == 4
    for ballot, judgement in zip(kept.ballots, kept.judgements, strict=True):
        lists = orders.of_market(ballot.market)
        fold = next(f for f in PLAN.folds(lists) if f.cutoff == ballot.cutoff)
        model = candidate.create().fit(orders.before(fold.cutoff))
        expected = model.recommend(fold.customers, 12, allowed=fold.candidates)
        own = ~expected.fallback & (expected.items >= 0)
        assert not own.all()  # what is not the model's own is no vote
        np.testing.assert_array_equal(ballot.customer, fold.customers)
        np.testing.assert_array_equal(ballot.items, np.where(own, expected.items, -1))
        np.testing.assert_array_equal(ballot.scores[own], expected.scores[own])
        card = judgement.scorecards[candidate.key]
        assert card.cold.sum() == fold.cold.size > 0
        judged = evaluate(expected, fold, k=5)
        np.testing.assert_array_equal(card.lists[~card.cold], judged.lists)


# the same everywhere --------------------------------------------------------------------------
def test_points_are_drawn_alike_anywhere_and_learn_from_the_history() -> None:
    study = StudyKey(where=ALL, family="sar")
    told = tuple(
        Told(point=point_of(study, trial.candidate), value=-float(trial.index))
        for trial in drawn(asked(ALL, "sar", 20), setting())
    )
    work = step(ALL, Candidate(name="sar", scope="pooled")).model_copy(
        update={"ask": Ask(count=3, first=7, seed=1, history=told)}
    )
    found = drawn(Step.model_validate_json(work.model_dump_json()), setting())
    assert found == drawn(work, setting())
    assert [trial.index for trial in found] == [0, 7, 8, 9]
    assert [trial.origin for trial in found] == ["default", "asked", "asked", "asked"]
    reversed_ = [Told(point=one.point, value=-(one.value or 0.0)) for one in told]
    other = work.ask.model_copy(update={"history": tuple(reversed_)}) if work.ask else None
    assert drawn(work.model_copy(update={"ask": other}), setting())[1:] != found[1:]


def test_threads_neighbours_and_batches_change_no_outcome() -> None:
    work = [
        asked("FR", "sar", 4, rung=0),
        asked(ALL, "item_knn"),
        asked("FR", "reorder"),
        asked("FR", "sar", 4),
        step(ALL, Candidate(name="market_prior", scope="pooled")),
    ]
    alone = [outcome for one in work for outcome in go([one])]
    told: list[Outcome] = []
    together = go(work, threads=3, done=told.append)
    assert told == together
    assert results(together) == results(alone)
    assert [one.trial.study for one in together] == [w.study for w in work for _ in range(w.size)]


REAL = ("BE", "CH", "FR", "PT")


@pytest.fixture(scope="module")
def real() -> Interactions:
    """Real orders of a few small markets."""
    return Interactions.from_frame(load_sample().orders).of_markets(list(REAL))


@pytest.mark.thorough
@pytest.mark.parametrize("family", ["sar", "tifu_knn", "up_cf", "market_prior"])
def test_sharing_gives_the_same_metrics_as_refitting_digit_by_digit(
    family: str, real: Interactions
) -> None:
    of = setting(real).model_copy(update={"fold_plans": dict.fromkeys(REAL, PLAN)})
    where = "FR" if family != "market_prior" else ALL
    work = [asked(where, family, 2), asked(where, family, 2, rung=0)]
    shared, refitted = (go(work, of=of, orders=real, share=share) for share in (True, False))
    assert not any(one.failure for one in shared)
    assert results(shared) == results(refitted)
