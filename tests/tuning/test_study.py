"""One study's brackets: what goes on, what stops, and that nothing depends on arrival."""

import math
import random

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from restock.models import Candidate
from restock.tuning.engine import create_engine
from restock.tuning.policy import SearchPolicy
from restock.tuning.space import candidate_of, study_space
from restock.tuning.study import Study
from restock.tuning.trials import ALL, Lift, Outcome, Step, StudyKey, Trial

pytestmark = pytest.mark.unit

KEY = StudyKey(where=ALL, family="reorder")
POLICY = SearchPolicy(bracket=6)


def value(candidate: Candidate) -> float:
    """The lift is best at a half-life of 60 days."""
    return -0.1 * abs(math.log(candidate.resolved["half_life_days"] / 60.0))


def trials_of(step: Step) -> list[Trial]:
    """The trials of a step, those still to be drawn among them."""
    if step.ask is None:
        return list(step.trials)
    engine = create_engine(POLICY.engine, study_space(step.study), step.ask.seed)
    for told in step.ask.history:
        engine.tell(told.point, told.value)
    drawn = [
        Trial(
            study=step.study,
            index=step.ask.first + at,
            origin="asked",
            candidate=candidate_of(step.study, point),
        )
        for at, point in enumerate(engine.ask(step.ask.count))
    ]
    return [*step.trials, *drawn]


def outcome(trial: Trial, step: Step, error: float = 0.01, shift: float = 0.0) -> Outcome:
    lift = Lift(value=value(trial.candidate) + shift, error=error, customers=500)
    return Outcome(trial=trial, rung=step.rung, windows=step.windows, lift=lift)


def run(study: Study, *, shuffled: int | None = None, shift: float = 0.5) -> list[Step]:
    """Do everything that a study wants done; parts of a step arrive in any order."""
    steps: list[Step] = []
    while True:
        step = study.next()
        if step is None and study.exhausted:
            return steps
        step = step or study.start(POLICY.bracket)
        if step is None:
            return steps
        steps.append(step)
        came = [outcome(trial, step, shift=shift) for trial in trials_of(step)]
        if shuffled is not None:
            random.Random(shuffled).shuffle(came)
        for one in came:
            study.tell([one])


def study(left: int = 18, key: StudyKey = KEY, **policy: float) -> Study:
    found = Study(key, (0, 1, 2), (3, 4, 5), POLICY.model_copy(update=policy), seed=1)
    found.add(Candidate(name="reorder"), "default")
    found.left = left
    return found


def test_one_in_three_goes_on_and_the_best_is_at_the_top() -> None:
    one = study(left=5)
    steps = run(one)
    assert [(step.rung, step.size) for step in steps] == [(0, 6), (1, 3), (2, 2)]
    assert [step.keep for step in steps] == [False, False, True]
    lowest = [o for (_, rung), o in one.outcomes.items() if rung == 0]
    best = max(lowest, key=lambda o: o.lift.value if o.lift else -1)
    assert one.best is not None
    assert one.best.trial == best.trial


def test_the_default_reaches_the_top_even_where_it_is_the_worst() -> None:
    one = study(left=5)
    run(one)
    assert 0 in {found.trial.index for found in one.finished}


def test_of_what_is_surely_under_the_plan_in_service_only_the_best_goes_on() -> None:
    one = study(left=5)
    one.bar = lambda: 2.0
    steps = run(one)
    assert [(step.rung, step.size) for step in steps] == [(0, 6), (2, 1)]
    lowest = [o for (_, rung), o in one.outcomes.items() if rung == 0]
    best = max(lowest, key=lambda o: o.lift.value if o.lift else -1)
    assert [found.trial for found in one.finished] == [best.trial]


def test_a_losing_default_is_not_seen_through_before_others_were_tried() -> None:
    """After them it is, where it is still the best of its family."""
    one = study(left=5)
    one.bar = lambda: 2.0
    screen = one.screen()
    assert screen is not None
    one.tell([outcome(trial, screen, shift=1.0) for trial in screen.trials])
    assert one.next() is None
    first = one.start(5)
    assert first is not None
    one.tell([outcome(trial, first) for trial in trials_of(first)])  # far below the default
    following = one.next()
    assert following is not None
    assert following.rung == one.top
    assert [trial.origin for trial in following.trials] == ["default"]


def test_what_loses_and_is_not_the_best_of_its_family_so_far_stops() -> None:
    one = study(left=10)
    one.bar = lambda: 2.0
    first = one.start(6)
    assert first is not None
    one.tell([outcome(trial, first, shift=1.0) for trial in trials_of(first)])
    while step := one.next():
        one.tell([outcome(trial, step, shift=1.0) for trial in step.trials])
    later = one.start(5)
    assert later is not None
    one.tell([outcome(trial, later) for trial in trials_of(later)])  # far below the first six
    assert one.next() is None


def test_what_costs_too_much_for_a_loser_stops() -> None:
    one = Study(KEY, (0, 1, 2), (3, 4, 5), POLICY, seed=1, worth=lambda outcome: False)
    one.left, one.bar = 5, lambda: 2.0
    assert [(step.rung, step.size) for step in run(one)] == [(0, 5)]


def test_in_a_market_a_losing_default_stops() -> None:
    one = study(left=5, key=StudyKey(where="FR", family="reorder"))
    one.bar = lambda: 2.0
    assert [(step.rung, step.size) for step in run(one)] == [(0, 6)]


@pytest.mark.parametrize(("errors", "goes_on"), [(1.6, 1), (1.7, 0)])
def test_what_may_still_be_better_goes_on(errors: float, goes_on: int) -> None:
    one = study(left=5, key=StudyKey(where="FR", family="reorder"))
    first = one.start(6)
    assert first is not None
    came = [outcome(trial, first) for trial in trials_of(first)]
    best = max(found.lift.value for found in came if found.lift)
    one.bar = lambda: best + errors * 0.01  # 0.01 is the error of every lift here
    one.tell(came)
    following = one.next()
    assert (following.size if following else 0) == goes_on


@given(st.integers(0, 1000))
@settings(max_examples=10, deadline=None)
def test_the_order_of_arrival_changes_nothing(seed: int) -> None:
    assert run(study(), shuffled=seed) == run(study())


def test_no_candidate_is_tried_twice() -> None:
    one = study()
    one.add(Candidate(name="reorder"), "warm")
    one.add(Candidate(name="reorder", config={"half_life_days": 50.0}), "warm")
    first = one.start(6)
    assert first is not None
    assert [trial.origin for trial in first.trials] == ["default", "warm"]


def test_a_study_without_gain_ends_early() -> None:
    one = study(left=1000, least_gain=0.5)
    steps = run(one)
    assert sum(step.rung == 0 for step in steps) == 3  # the first gains, then two in vain
    assert one.exhausted


def test_a_lone_trial_goes_to_the_top_at_once() -> None:
    one = study(left=0)
    assert [(step.rung, step.size) for step in run(one)] == [(2, 1)]


def test_failures_do_not_go_on_and_are_told_to_the_engine() -> None:
    one = study(left=5)
    step = one.start(6)
    assert step is not None
    trials = trials_of(step)
    one.tell(
        [
            Outcome(trial=t, rung=0, windows=step.windows, failure="memory", reason="8 GB")
            for t in trials[:5]
        ]
    )
    one.tell([outcome(trials[5], step, shift=0.5)])
    following = one.next()
    assert following is not None
    assert following.trials == (trials[5],)
    assert [told.value is None for told in one.history] == [True] * 5 + [False]


def test_a_bracket_of_failures_ends() -> None:
    one = study(left=5)
    step = one.start(6)
    assert step is not None
    one.tell(
        [
            Outcome(trial=t, rung=0, windows=step.windows, failure="error", reason="x")
            for t in trials_of(step)
        ]
    )
    assert one.next() is None
    assert one.idle


def test_an_ask_is_resolved_alike_anywhere() -> None:
    one, other = study(), study()
    assert trials_of(one.start(6) or pytest.fail()) == trials_of(other.start(6) or pytest.fail())
