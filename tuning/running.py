"""Running trials: fit on what the rung gives, judge against the yardstick, tell what came of it."""

from collections import Counter
from collections.abc import Callable, Iterator, Sequence
from contextvars import copy_context
from dataclasses import replace
from itertools import groupby
from typing import Any

from joblib import Parallel, delayed

from restock.dataset import Interactions
from restock.kernels.policy import granted
from restock.kernels.pools import held
from restock.models import FitContext
from restock.models.registry import MODELS, model_class
from restock.tuning.attempt import Attempt, Attempted
from restock.tuning.engine import create_engine
from restock.tuning.failures import TrialFailed
from restock.tuning.setting import Kept, Setting
from restock.tuning.space import candidate_of, study_space
from restock.tuning.testbed import Testbeds
from restock.tuning.trials import Outcome, Step, Trial

Keep = Callable[[Trial, Kept], str]
"""Stores what a trial leaves and returns the key under which it is found again."""


def run(
    interactions: Interactions,
    steps: Sequence[Step],
    setting: Setting,
    context: FitContext,
    *,
    keep: Keep,
    deadline: float | None = None,
    done: Callable[[Outcome], None] | None = None,
    share: bool = True,
) -> list[Outcome]:
    """Run the trials of some steps; the outcomes in the order of steps and trials.

    keep: called for every judged trial of a step that is to be kept. deadline: ``time.time()``
    after which no fit starts; what is left is told as skipped. done: called for each outcome
    as soon as it and those before it are there. share: fits on the same lines make what they
    have in common once; the outcomes are the same without, digit by digit.

    Trials of models that run on a CPU go side by side, one on each of ``context.threads``; the
    others one after the other, with all threads. Neither that nor other steps change a result.

    Raises TrialFailed when a trial fails and the policy says to stop; else failures are told
    in the outcomes. What ``keep`` and ``done`` raise is not caught.
    """
    attempts = [Attempt(step, trial) for step in steps for trial in drawn(step, setting)]
    testbeds = Testbeds(interactions, setting, context, share=share)
    waiting = Counter(attempt.testbed for attempt in attempts)
    outcomes = []

    def one(attempt: Attempt, context: FitContext) -> Attempted:
        return attempt.run(testbeds, setting, context, deadline)

    results = _side_by_side(attempts, one, context)
    for attempt, (outcome, kept) in zip(attempts, results, strict=True):
        if outcome.failure not in ("", "skipped") and setting.policy.on_failure == "stop":
            raise TrialFailed(f"{outcome.trial.key}: {outcome.reason}")
        if kept:
            outcome = outcome.model_copy(update={"kept": keep(attempt.trial, kept)})
        outcomes.append(outcome)
        if done:
            done(outcome)
        waiting[attempt.testbed] -= 1
        if not waiting[attempt.testbed]:
            testbeds.release(*attempt.testbed)
    return outcomes


def drawn(step: Step, setting: Setting) -> tuple[Trial, ...]:
    """The trials of a step: the named ones, then those that the engine draws.

    The same step gives the same trials anywhere.
    """
    if step.ask is None:
        return step.trials
    ask, study = step.ask, step.study
    engine = create_engine(setting.policy.engine, study_space(study), ask.seed)
    for told in ask.history:
        engine.tell(told.point, told.value)
    found = [candidate_of(study, point) for point in engine.ask(ask.count)]
    asked = [
        Trial(study=study, index=ask.first + at, origin="asked", candidate=candidate)
        for at, candidate in enumerate(found)
    ]
    return (*step.trials, *asked)


def _side_by_side(
    attempts: Sequence[Attempt],
    one: Callable[[Attempt, FitContext], Attempted],
    context: FitContext,
) -> Iterator[Attempted]:
    """What each attempt comes to, in their order: neighbours on a CPU at once, others alone."""
    own = copy_context()  # the run that logs belong to, for the threads
    single = replace(context, threads=1)

    def beside_others(attempt: Attempt) -> Attempted:
        with granted(1):
            return one(attempt, single)

    for alone, group in groupby(attempts, key=lambda attempt: _alone(attempt.trial, context)):
        together = list(group)
        if alone or context.threads == 1 or len(together) == 1:
            yield from (one(attempt, context) for attempt in together)
            continue
        with held(1):
            yield from Parallel(
                context.threads, prefer="threads", batch_size=1, return_as="generator"
            )(delayed(own.copy().run)(beside_others, attempt) for attempt in together)


def _alone(trial: Trial, context: FitContext) -> bool:
    """Whether its fit wants the machine for itself: Spark, or torch, whose threads are global."""
    names = _models_in([{"name": trial.candidate.name}, trial.candidate.resolved])
    return context.spark is not None or any(model_class(n).compute != "cpu" for n in names)


def _models_in(value: Any) -> Iterator[str]:
    """The names of models in a configuration, those of members of members too."""
    if isinstance(value, dict):
        if value.get("name") in MODELS:
            yield value["name"]
        value = list(value.values())
    if isinstance(value, list):
        for part in value:
            yield from _models_in(part)
