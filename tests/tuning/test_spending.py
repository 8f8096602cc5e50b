"""Budgets are divided whole, parts of a step are the step, and the clock rules only where asked."""

import pytest
from contracts.searching import brief_of
from hypothesis import given, settings
from hypothesis import strategies as st

from restock.models import Candidate
from restock.tuning.costs import Size
from restock.tuning.parts import in_parts
from restock.tuning.running import drawn
from restock.tuning.spending import KEPT_SHARE, PART_SECONDS, Spending, default
from restock.tuning.trials import ALL, Ask, Lift, Outcome, Step, StudyKey, Trial

pytestmark = pytest.mark.unit

KEYS = [StudyKey(where=ALL, family=name) for name in ("reorder", "item_knn", "ease", "als")]


def outcome(seconds: float) -> Outcome:
    trial = Trial(study=KEYS[0], index=0, origin="default", candidate=default(KEYS[0]))
    lift = Lift(value=0.0, error=0.1, customers=100)
    return Outcome(trial=trial, rung=2, windows=(3, 4, 5), lift=lift, seconds=seconds)


@given(
    st.integers(1, 500),
    st.lists(st.floats(0.01, 10), min_size=4, max_size=4),
)
@settings(deadline=None)
def test_a_budget_of_trials_is_divided_whole_and_by_weight(
    trials: int, weights: list[float]
) -> None:
    spending = Spending(brief_of(trials=trials))
    found = spending.allot(dict(zip(KEYS, weights, strict=True)), "own", 0.0, 0)
    assert sum(found.values()) == trials
    exact = {key: trials * w / sum(weights) for key, w in zip(KEYS, weights, strict=True)}
    assert all(abs(found[key] - exact[key]) < 1 for key in KEYS)


def test_the_place_all_leaves_half_to_the_markets() -> None:
    spending = Spending(brief_of(trials=100))
    assert sum(spending.allot(dict.fromkeys(KEYS, 1.0), "pool", 0.0, 20).values()) == 40


def test_a_budget_of_time_buys_more_of_what_costs_less() -> None:
    spending = Spending(brief_of(seconds=600.0))
    cheap, dear = StudyKey(where=ALL, family="reorder"), StudyKey(where=ALL, family="ease")
    found = spending.allot({cheap: 1.0, dear: 1.0}, "pool", 5.0, 0)
    assert found[cheap] > found[dear] > 0
    assert spending.allot({dear: 1.0}, "pool", 0.0, 0) == {dear: 0}


def test_time_spent_corrects_estimates_only_where_time_is_the_budget() -> None:
    timed, counted = Spending(brief_of(seconds=600.0)), Spending(brief_of(trials=60))
    candidate = Candidate(name="reorder", scope="pooled")
    before = timed.of(candidate, ALL, 2, 3)
    for one in (timed, counted):
        one.learn([outcome(before * 7)])
    assert timed.of(candidate, ALL, 2, 3) == pytest.approx(7 * before)
    assert counted.of(candidate, ALL, 2, 3) == pytest.approx(before)


def test_no_phase_outlives_the_time_kept_for_the_report() -> None:
    spending = Spending(brief_of(seconds=100.0))
    finalists = [Candidate(name="ease", scope="pooled")]
    kept = 100.0 * KEPT_SHARE + spending.report_seconds(finalists)
    rooms = [spending.room(phase, 100.0, finalists) for phase in ("screen", "pool", "own", "mix")]
    assert rooms == sorted(rooms)
    assert rooms[-1] == pytest.approx(100.0 - kept)
    assert spending.room("mix", kept, finalists) == pytest.approx(0.0)
    assert Spending(brief_of(trials=5)).room("mix", None, finalists) == float("inf")


@given(st.integers(1, 40), st.integers(0, 9))
@settings(max_examples=30, deadline=None)
def test_parts_hold_every_trial_once(count: int, seed: int) -> None:
    brief = brief_of(seconds=600.0)
    spending = Spending(brief)
    spending.learn([outcome(seconds=500.0)])  # reorder is dear here
    step = Step(
        study=KEYS[0],
        rung=2,
        windows=(3, 4, 5),
        ask=Ask(count=count, first=3, seed=seed),
        keep=True,
    )
    parts, longest = in_parts(step, spending, brief.setting)
    trials = [trial for part in parts for trial in drawn(part, brief.setting)]
    assert sorted(trials, key=lambda one: one.index) == list(drawn(step, brief.setting))
    assert longest <= spending.of_step(step)
    assert all(part.keep and part.rung == 2 for part in parts)


def test_a_short_step_is_drawn_where_it_is_done() -> None:
    brief = brief_of(trials=60)
    step = Step(study=KEYS[0], rung=0, windows=(3,), ask=Ask(count=9, first=0, seed=1))
    spending = Spending(brief)
    assert spending.of_step(step) < PART_SECONDS
    assert in_parts(step, spending, brief.setting)[0] == [step]


def test_only_what_is_dear_climbs_rungs() -> None:
    """A tenth of the customers spares hardly anything of what is cheap; of what is dear it does."""
    big = Size(lines=500_000, customers=20_000, items=800)
    brief = brief_of(trials=100).model_copy(
        update={
            "markets": ("FR",),
            "sizes": {"FR": big},
            "families": ("reorder", "item_knn", "tifu_knn", "up_cf", "als"),
        }
    )
    assert brief.rungs(ALL, "reorder") == brief.rungs(ALL, "item_knn") == (2,)
    assert brief.rungs(ALL, "up_cf") == brief.rungs(ALL, "als") == (0, 1, 2)
    assert brief.rungs("FR", "item_knn") == (0, 1, 2)  # many studies of markets, cheap or not
    among_equals = brief.model_copy(update={"families": ("item_knn", "reorder", "popular")})
    assert among_equals.rungs(ALL, "item_knn") == (0, 1, 2)  # the dearest of the three


def test_where_a_rung_spares_no_customers_nothing_climbs() -> None:
    small = Size(lines=20_000, customers=300, items=800)
    brief = brief_of(trials=100).model_copy(update={"markets": ("FR",), "sizes": {"FR": small}})
    assert all(brief.rungs(where, "up_cf") == (2,) for where in (ALL, "FR"))
