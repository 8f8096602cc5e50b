"""What every market gets: the choice of all markets, or its own where it is surely better.

A market's log-lifts are noisy and the best of many is flattered (the winner's curse), so they are
shrunk before they are compared:

* the *pooled choice* is the best candidate over the customers of all markets;
* a candidate fitted on all markets is worth to a market, beside the pooled choice, ``w own +
  (1 - w) pooled``: the market's difference, shrunk toward that of all markets;
* one that was tried in this market alone is worth ``w own + (1 - w) usual``: what its family
  usually gains in markets that try it alone, but no more than the pooled choice until it shows;
* w is small where the markets' differences are no larger than their errors explain
  (``shrinkage.belief``), and at most n / (n + half_way) in a market of n < half_way customers;
* a market leaves the pooled choice for more than a tie and more than noise; of those that tie
  with its best, it takes the cheapest;
* the yardstick that all lifts are measured against stands by with a lift of 0 everywhere.
"""

from collections.abc import Sequence

import numpy as np
from pydantic import BaseModel, ConfigDict

from restock.models import Candidate
from restock.models.hybrid import Hybrid
from restock.models.registry import model_class
from restock.models.slate import FIRST_INCUMBENT
from restock.tuning.brief import Brief
from restock.tuning.costs import seconds
from restock.tuning.trials import ALL, Lift, Mixture, Outcome, StudyKey, Trial
from restock.tuning.weighing import Own, Pooled, Weighed, own_priors, weigh

RUNNERS_UP = 3


class Contender(BaseModel):
    """A candidate as it looks to one market, or to all.

    lift: log-lift over the yardstick after shrinking. raw: as measured; None where it was not.
    weight: of the own number in the shrunk one. seconds: estimated, of fitting it on this
    market's lines, or this market's share of fitting it on all.
    """

    model_config = ConfigDict(frozen=True, extra="forbid")

    candidate: Candidate
    lift: float
    raw: Lift | None
    weight: float
    seconds: float


class Choice(Contender):
    """What a market gets. gain: shrunk log-lift over the pooled choice, 0 for that itself.

    why: one sentence. runners_up: the next best, best first.
    """

    market: str
    gain: float
    why: str
    runners_up: tuple[Contender, ...] = ()


class Choices(BaseModel):
    """What all markets get. pooled: the choice of all; None where nothing was tried with success.

    pooled_steps: candidates over all markets whose lifts tell where a gain comes from: the best
    family as it is, the best configuration of a single model, the same in any scope, the pooled
    choice.
    """

    model_config = ConfigDict(frozen=True, extra="forbid")

    pooled: Contender | None
    markets: dict[str, Choice]
    pooled_steps: tuple[Candidate, ...] = ()


def choose(outcomes: Sequence[Outcome], mixtures: Sequence[Mixture], brief: Brief) -> Choices:
    """The choice of every market of the brief, from the outcomes at the top rung.

    mixtures: as they were sought; they are judged and chosen as the trials that came of them.
    The order of outcomes does not matter, and a candidate that another equals or betters
    everywhere at no more cost changes nothing. Where nothing was tried with success, the plan
    in service stays.
    """
    finished = top_rung(outcomes)
    if not finished:
        return Choices(pooled=None, markets={m: _unchanged(m, brief) for m in brief.markets})
    everywhere = [one for one in finished if one.trial.study.where == ALL]
    pooled = Pooled.of([*everywhere, _yardstick(finished)], brief)
    tried: dict[str, list[Outcome]] = {market: [] for market in brief.markets}
    for one in finished:
        if one.trial.study.where in tried:
            tried[one.trial.study.where].append(one)
    own = {market: Own.of(market, tried[market], pooled) for market in brief.markets}
    priors = own_priors(list(own.values()))
    return Choices(
        pooled=_overall(pooled),
        markets={
            market: _decide(market, weigh(market, own[market], pooled, priors), pooled, mixtures)
            for market in brief.markets
        },
        pooled_steps=_steps(finished, pooled),
    )


def top_rung(outcomes: Sequence[Outcome]) -> list[Outcome]:
    """Outcomes with a lift at the highest rung, by trial; which is the order of equals."""
    top = max((one.rung for one in outcomes), default=0)
    finished = [one for one in outcomes if one.rung == top and one.lift is not None]
    return sorted(finished, key=lambda one: one.trial.key)


def global_best(outcomes: Sequence[Outcome]) -> Candidate | None:
    """The best single candidate for all markets: the greatest pooled lift, as it was measured."""
    pooled = [one for one in top_rung(outcomes) if one.trial.study.where == ALL]
    best = max(pooled, key=lambda one: one.lift.value if one.lift else -np.inf, default=None)
    return best.trial.candidate if best else None


def naive(outcomes: Sequence[Outcome], markets: Sequence[str]) -> dict[str, Candidate]:
    """The winner of each market by its own lift as measured, whatever its error: what ``choose``
    is compared with. Markets without a lift are left out."""
    best: dict[str, tuple[float, Candidate]] = {}
    for one in top_rung(outcomes):
        where = one.trial.study.where
        lifts = one.markets if where == ALL else {where: one.lift}
        for market, lift in lifts.items():
            if lift and lift.value > best.get(market, (-np.inf, None))[0]:
                best[market] = (lift.value, one.trial.candidate)
    return {market: best[market][1] for market in markets if market in best}


def _decide(market: str, weighed: Weighed, pooled: Pooled, mixtures: Sequence[Mixture]) -> Choice:
    """The cheapest of those that tie with the best sure gain, else the pooled choice."""
    tie = pooled.brief.setting.policy.tie
    base = _base(market, pooled)
    gain = np.where(weighed.sure, weighed.gain, -np.inf)
    order = np.argsort(-weighed.gain, kind="stable")
    if gain.max(initial=-np.inf) <= tie:
        others = [_contender(int(at), market, weighed, pooled) for at in order[:RUNNERS_UP]]
        why = _stays(market, weighed, pooled)
        return Choice(**dict(base), market=market, gain=0.0, why=why, runners_up=tuple(others))
    near = [int(at) for at in order if gain[at] >= gain.max() - tie and gain[at] > tie]
    cost = {at: _seconds(weighed.outcomes[at].trial.candidate, market, pooled) for at in near}
    best = min(near, key=lambda at: (cost[at], -gain[at]))
    rest = [_contender(int(at), market, weighed, pooled) for at in order if at != best]
    others = sorted([base, *rest[:RUNNERS_UP]], key=lambda one: -one.lift)[:RUNNERS_UP]
    return Choice(
        **dict(_contender(best, market, weighed, pooled)),
        market=market,
        gain=float(weighed.gain[best]),
        why=_leaves(best, near, market, weighed, mixtures),
        runners_up=tuple(others),
    )


def _base(market: str, pooled: Pooled) -> Contender:
    """The pooled choice as it looks to a market."""
    raw = pooled.at(pooled.reference, market)
    half_way = pooled.brief.setting.policy.half_way
    whole = float(pooled.whole[pooled.reference])
    weight = raw.customers / max(raw.customers + half_way, 1e-12) if raw else 0.0
    return Contender(
        candidate=pooled.choice.trial.candidate,
        lift=whole if raw is None else weight * raw.value + (1 - weight) * whole,
        raw=raw,
        weight=weight,
        seconds=_seconds(pooled.choice.trial.candidate, market, pooled),
    )


def _contender(at: int, market: str, weighed: Weighed, pooled: Pooled) -> Contender:
    outcome = weighed.outcomes[at]
    everywhere = outcome.trial.study.where == ALL
    return Contender(
        candidate=outcome.trial.candidate,
        lift=_base(market, pooled).lift + float(weighed.gain[at]),
        raw=outcome.markets.get(market) if everywhere else outcome.lift,
        weight=float(weighed.weight[at]),
        seconds=_seconds(outcome.trial.candidate, market, pooled),
    )


def _seconds(candidate: Candidate, market: str, pooled: Pooled) -> float:
    if candidate.pooled:
        return pooled.share(market) * seconds(candidate, pooled.brief.size(ALL))
    return seconds(candidate, pooled.brief.sizes[market])


def _overall(pooled: Pooled) -> Contender:
    return Contender(
        candidate=pooled.choice.trial.candidate,
        lift=float(pooled.whole[pooled.reference]),
        raw=pooled.choice.lift,
        weight=1.0,
        seconds=float(pooled.cost[pooled.reference]),
    )


def _yardstick(outcomes: Sequence[Outcome]) -> Outcome:
    """What all lifts are measured against, as if it had been tried: nobody is left below it."""
    judged: dict[str, int] = {}
    for one in outcomes:
        where = one.trial.study.where
        lifts = one.markets if where == ALL else {where: one.lift}
        judged |= {market: lift.customers for market, lift in lifts.items() if lift}
    study = StudyKey(where=ALL, family=FIRST_INCUMBENT.name)
    return Outcome(
        trial=Trial(study=study, index=0, origin="service", candidate=FIRST_INCUMBENT),
        rung=outcomes[0].rung,
        windows=outcomes[0].windows,
        lift=Lift(value=0.0, error=0.0, customers=sum(judged.values())),
        markets={m: Lift(value=0.0, error=0.0, customers=n) for m, n in judged.items()},
    )


def _unchanged(market: str, brief: Brief) -> Choice:
    candidate = brief.service.get(market, FIRST_INCUMBENT)
    return Choice(
        candidate=candidate,
        lift=0.0,
        raw=None,
        weight=0.0,
        seconds=seconds(candidate, brief.sizes[market]),
        market=market,
        gain=0.0,
        why="nothing was tried with success: the plan in service stays",
    )


def _stays(market: str, weighed: Weighed, pooled: Pooled) -> str:
    raw = pooled.at(pooled.reference, market)
    if raw is None:
        return "no customer was judged here: the choice of all markets"
    many = f"{raw.customers} customers"
    tie = pooled.brief.setting.policy.tie
    if weighed.gain.max(initial=-np.inf) > tie:
        return f"what looks better here is within the noise of {many}: the choice of all markets"
    return f"with {many}, nothing is worth leaving the choice of all markets for"


def _leaves(
    best: int, near: Sequence[int], market: str, weighed: Weighed, mixtures: Sequence[Mixture]
) -> str:
    trial, gain = weighed.outcomes[best].trial, float(weighed.gain[best])
    sought = any(one.market == market and one.candidate == trial.candidate for one in mixtures)
    where = "better here than over all markets"
    if sought or trial.study.where != ALL:
        where = "mixed for this market" if sought else "tried for this market alone"
    text = f"{np.expm1(gain):+.1%} over the choice of all markets after shrinking, {where}"
    if best != near[0]:
        text += f"; the cheapest of {len(near)} that tie"
    return text


def _steps(finished: Sequence[Outcome], pooled: Pooled) -> tuple[Candidate, ...]:
    """The best family as it is, the best single model without and with a market's prior, the
    pooled choice: each once, and as far as they are fitted on all markets' lines (the yardstick
    is not)."""
    everywhere = [one for one in finished if one.trial.study.where == ALL]
    single = [
        one for one in everywhere if not issubclass(model_class(one.trial.study.family), Hybrid)
    ]
    plain = [one for one in single if one.trial.origin == "default"]
    bare = [one for one in single if one.trial.candidate.scope == "pooled"]
    steps = [_best(some) for some in (plain, bare, single) if some]
    found = [*steps, pooled.choice.trial.candidate]
    return tuple(one for at, one in enumerate(found) if one.pooled and one not in found[:at])


def _best(outcomes: Sequence[Outcome]) -> Candidate:
    best = max(outcomes, key=lambda one: one.lift.value if one.lift else -np.inf)
    return best.trial.candidate
