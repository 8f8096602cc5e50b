"""What a finished experiment leaves in the ledger: the lift, and what was foretold before it."""

import math

from restock.dataset import Interactions
from restock.evaluation.contest import Unit, judge
from restock.evaluation.experiments import Effect
from restock.evaluation.link.deltas import offline_deltas
from restock.evaluation.link.entry import Entry
from restock.evaluation.scorecard import Scorecard
from restock.infra.experiment_result import ExperimentResult
from restock.infra.markets import Markets
from restock.infra.ope_result import read_results
from restock.infra.programme import fold_plan
from restock.infra.store import Store
from restock.models import Candidate, FitContext


class NoEntry(ValueError):
    """An experiment that teaches nothing yet; the message says why."""


def entry_of(
    store: Store, result: ExperimentResult, interactions: Interactions, declared: Markets
) -> Entry:
    """The entry: the primary effect of one arm, beside the offline deltas of its plan.

    The arm is the winner, else the one whose effect is largest. Both plans are refitted and judged
    on folds that end before the experiment starts. NoEntry when it is not over, not sound, or
    has no plans, or nothing could be compared.
    """
    experiment = result.experiment
    if result.state != "finished":
        raise NoEntry(f"the ledger waits until it ends on {experiment.end}")
    if result.analysis.decision == "invalid":
        raise NoEntry("the ledger takes no experiment that is not sound")
    if not experiment.plans:
        raise NoEntry("its arms have no plans (--arms control=reorder,…): nothing foretold it")
    effect = _effect(result)
    if effect is None or effect.relative is None or not effect.error:
        raise NoEntry("no effect could be measured: too few customers, or nothing was bought")
    control, treatment = experiment.plans[experiment.control], experiment.plans[effect.arm]
    offline, offline_error = _offline(result, control, treatment, interactions, declared)
    ope = _foretold(store, result, control, treatment)
    return Entry(
        name=experiment.name,
        markets=experiment.markets,
        start=experiment.period[0],
        end=experiment.period[1],
        metric=effect.metric,
        control=control.label,
        treatment=treatment.label,
        lift=math.log1p(effect.relative),
        error=effect.error,
        offline=offline,
        offline_error=offline_error,
        ope=ope[0] if ope else None,
        ope_error=ope[1] if ope else None,
    )


def _effect(result: ExperimentResult) -> Effect | None:
    primary = [one for one in result.analysis.effects if one.role == "primary"]
    won = [one for one in primary if one.arm == result.analysis.winner]
    known = [one for one in primary if one.relative is not None]
    return max(won or known, key=lambda one: one.relative or 0.0, default=None)


def _offline(
    result: ExperimentResult,
    control: Candidate,
    treatment: Candidate,
    interactions: Interactions,
    declared: Markets,
) -> tuple[dict[str, float], dict[str, float]]:
    experiment = result.experiment
    past = interactions.before(experiment.period[0])
    plans = {market: fold_plan(declared, market) for market in experiment.markets}
    cards: dict[str, list[Scorecard]] = {control.key: [], treatment.key: []}
    found: dict[tuple[str, object], dict[str, Scorecard]] = {}
    for candidate in {one.key: one for one in (control, treatment)}.values():
        windows = range(min(plan.windows for plan in plans.values()))
        # a pooled candidate is fitted once per cut-off, one of a market in each
        units = [tuple(plans)] if candidate.pooled else [(market,) for market in plans]
        for markets in units:
            unit = Unit(
                scope="pooled" if candidate.pooled else "market",
                markets=markets,
                windows=tuple(windows),
                candidates=(candidate,),
            )
            for one in judge(past, unit, plans, FitContext()):
                found.setdefault((one.market, one.cutoff), {}).update(one.scorecards)
    for pair in found.values():
        if pair.keys() >= cards.keys():
            for key in cards:
                cards[key].append(pair[key])
    if not cards[control.key]:
        raise NoEntry("neither plan could be judged on the orders before it: too few customers")
    rates = declared.rates if len(experiment.markets) > 1 else None
    return offline_deltas(cards[treatment.key], cards[control.key], rates=rates)


def _foretold(
    store: Store, result: ExperimentResult, control: Candidate, treatment: Candidate
) -> tuple[float, float] | None:
    """The off-policy estimate of the log lift from the last log that ended before the start.

    Estimates of both plans from one log, where both are there; errors as if independent, which
    is too wide rather than too narrow.
    """
    start = result.experiment.period[0]
    asked = [
        one
        for one in read_results(store)
        if one.last < start and set(result.experiment.markets) <= set(one.markets)
    ]
    for one in sorted(asked, key=lambda each: (each.last, each.token), reverse=True):
        lifts = {
            answer.plan.key: answer.headline.log_lift
            for answer in one.answers
            if answer.headline is not None and answer.headline.log_lift is not None
        }
        mine, theirs = lifts.get(treatment.key), lifts.get(control.key)
        if mine is None or theirs is None:
            continue
        if None in (mine.value, theirs.value, mine.error, theirs.error):
            continue
        error = math.hypot(mine.error or 0.0, theirs.error or 0.0)
        if error > 0:
            return (mine.value or 0.0) - (theirs.value or 0.0), error
    return None
