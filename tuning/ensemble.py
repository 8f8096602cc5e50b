"""Mixtures: which models together list better than the best of them alone.

Greedy ensemble selection with replacement (Caruana, Niculescu-Mizil, Crew and Ksikes, "Ensemble
selection from libraries of models", ICML 2004) over the ballots of trials: start with the best
member, add again and again the member that raises the objective most, and count how often each
was added. A vote is a score over the customer's best, as in ``models.blend``, so that the counts
are the weights of a blend.
"""

from collections.abc import Callable, Sequence
from dataclasses import dataclass
from typing import Any

import numpy as np

from restock.dataset import Interactions
from restock.evaluation.folds import FloatArray
from restock.evaluation.objective import Objective
from restock.models import Candidate
from restock.models.candidate import PRIOR, Scope
from restock.tuning.ballots import Ballots, Worth
from restock.tuning.policy import SearchPolicy
from restock.tuning.setting import Kept, Setting
from restock.tuning.trials import ALL, Mix, Mixture, Trial

ADDITIONS = 15
"""Members that are added at most, the same one again and again if it helps."""
LEAST_SHARE = 0.02
"""A member with less of the weight is left out: it costs a fit and changes hardly a list."""
FEATURE = "orders"
"""What tells light customers from regular ones: the orders that a customer has placed."""


@dataclass(frozen=True)
class Blended:
    """Weights of the members (sum to 1), and the log-utility over the best member alone."""

    weights: FloatArray
    gain: float


def mix(
    mix: Mix, load: Callable[[str], Kept], interactions: Interactions, setting: Setting
) -> list[Mixture]:
    """The mixtures of a place that beat its best member: at most one, and a switch of two.

    In the place ALL also one for each of ``mix.markets``, with weights between its own and
    those of all, n / (n + half_way) its own. A switch gives light customers other weights than
    regular ones, where that gains more than a tie. Gains are as far as the ballots tell, on the
    customers that the weights were chosen on.

    load: what a key of ``mix.kept`` stands for. Cost: members × ADDITIONS passes over (rows ×
    named items), for all and for each market.
    """
    k = setting.fold_plans[_markets(mix, setting)[0]].k
    folds = [
        (market, fold)
        for market in _markets(mix, setting)
        for fold in setting.fold_plans[market].folds(interactions.of_market(market), mix.windows)
        if fold.customers.size
    ]
    if not folds or len(mix.members) < 2:
        return []
    ballots = Ballots.of(map(load, mix.kept), folds, k, setting.rates)
    objective = setting.pooled_objective if mix.where == ALL else setting.objectives[mix.where]
    policy = setting.policy
    whole = greedy(ballots, objective, policy.least_gain)
    found = [_mixture(mix.where, mix, whole, policy)]
    found += [_switch(mix, ballots, objective, whole, policy)]
    for market in mix.markets if mix.where == ALL else ():
        here = ballots.of_rows(ballots.market == market)
        if here.market.size:
            found.append(_of_market(market, mix, here, setting.objectives[market], whole, policy))
    return [one for one in found if one is not None]


def greedy(ballots: Ballots, objective: Objective, least_gain: float) -> Blended:
    """Weights for these rows. Of the additions the fewest that come within ``least_gain``."""
    total = ballots.nothing()
    alone = [ballots.lists_with(total, member, 1.0) for member in range(ballots.members)]
    first = Worth(ballots, objective, alone[0])
    best = int(np.argmax([first(lists) for lists in alone]))
    worth = Worth(ballots, objective, alone[best])
    chosen, gains = [best], [0.0]
    ballots.add(total, best, 1.0)
    for _ in range(ADDITIONS):
        tried = [worth(ballots.lists_with(total, at, 1.0)) for at in range(ballots.members)]
        at = int(np.argmax(tried))
        if tried[at] <= gains[-1]:
            break
        chosen.append(at)
        gains.append(tried[at])
        ballots.add(total, at, 1.0)
    size = 1 + next(at for at, gain in enumerate(gains) if gain >= max(gains) - least_gain)
    weights = np.bincount(chosen[:size], minlength=ballots.members) / size
    return Blended(weights, gains[size - 1])


def _of_market(
    market: str,
    mix: Mix,
    here: Ballots,
    objective: Objective,
    whole: Blended,
    policy: SearchPolicy,
) -> Mixture | None:
    """A market's own mixture, where it gains more than a tie over that of all markets."""
    own = greedy(here, objective, policy.least_gain)
    weights = _between(own.weights, whole.weights, here.n_customers, policy)
    best = here.lists(_alone(here, objective))
    worth = Worth(here, objective, best)
    gain = worth(here.lists(weights))
    if gain <= worth(here.lists(whole.weights)) + policy.tie:
        return None
    return _mixture(market, mix, Blended(weights, gain), policy)


def _switch(
    mix: Mix, ballots: Ballots, objective: Objective, whole: Blended, policy: SearchPolicy
) -> Mixture | None:
    """Two blends, for customers with fewer orders than the median and for the others."""
    bound = float(np.ceil(np.median(ballots.orders)))
    light = ballots.orders < bound
    parts = [(rows, ballots.of_rows(rows)) for rows in (light, ~light)]
    if min(part.n_customers for _, part in parts) < policy.least_customers:
        return None
    weights, lists = [], ballots.lists(whole.weights)
    worth = Worth(ballots, objective, ballots.lists(_alone(ballots, objective)))
    alike = worth(lists)
    for rows, part in parts:
        own = greedy(part, objective, policy.least_gain)
        weights.append(_between(own.weights, whole.weights, part.n_customers, policy))
        lists[rows] = part.lists(weights[-1])
    gain = worth(lists)
    if gain <= max(alike, 0.0) + policy.tie:
        return None
    blends = [{"name": "blend", "config": {"members": votes(mix.members, w)}} for w in weights]
    members = [{**blends[0], "feature": FEATURE, "below": bound}, blends[1]]
    candidate = Candidate(name="switch", config={"members": members}, scope=_scope(mix))
    return Mixture(market=mix.where, candidate=candidate, gain=gain)


def _mixture(market: str, mix: Mix, blended: Blended, policy: SearchPolicy) -> Mixture | None:
    """The blend of these weights; None where it is one model, or hardly better than one."""
    members = votes(mix.members, blended.weights)
    if len(members) < 2 or blended.gain <= policy.least_gain:
        return None
    candidate = Candidate(name="blend", config={"members": members}, scope=_scope(mix))
    return Mixture(market=market, candidate=candidate, gain=blended.gain)


def votes(members: Sequence[Trial], weights: FloatArray) -> list[dict[str, Any]]:
    """The members of a blend, the heaviest with weight 1; equal models are added up.

    A candidate in the scope "prior" votes as a ``market_prior``. A blend's members vote in its
    place, with its weight divided among them: near to what it says, without a blend in a blend.
    """
    found: list[dict[str, Any]] = []
    for trial, weight in zip(members, weights.tolist(), strict=True):
        if weight < LEAST_SHARE:
            continue
        for model, share in _models(trial.candidate):
            same = [one for one in found if (one["name"], one["config"]) == model]
            if same:
                same[0]["weight"] += share * weight
            else:
                found.append({"name": model[0], "config": model[1], "weight": share * weight})
    heaviest = max((one["weight"] for one in found), default=1.0)
    return [
        {**one, "weight": round(one["weight"] / heaviest, 4)}
        for one in sorted(found, key=lambda one: -one["weight"])
        if one["weight"] >= LEAST_SHARE
    ]


def _models(candidate: Candidate) -> list[tuple[tuple[str, dict[str, Any]], float]]:
    """The models that stand for a candidate in a blend, and their shares of its weight."""
    if candidate.name == "blend" and candidate.scope != "prior":
        members = candidate.resolved["members"]
        total = sum(one["weight"] for one in members)
        return [((one["name"], one["config"]), one["weight"] / total) for one in members]
    model = candidate.name, candidate.resolved
    if candidate.scope == "prior":
        model = PRIOR, {"member": {"name": model[0], "config": model[1]}}
    return [(model, 1.0)]


def _between(
    own: FloatArray, whole: FloatArray, customers: int, policy: SearchPolicy
) -> FloatArray:
    share = customers / max(customers + policy.half_way, 1e-12)
    return share * own + (1 - share) * whole


def _alone(ballots: Ballots, objective: Objective) -> FloatArray:
    """The weights that leave everything to the best member."""
    lists = [ballots.lists(row) for row in np.eye(ballots.members)]
    worth = Worth(ballots, objective, lists[0])
    best = int(np.argmax([worth(one) for one in lists]))
    return np.eye(ballots.members)[best]


def _markets(mix: Mix, setting: Setting) -> tuple[str, ...]:
    return setting.pooled_markets if mix.where == ALL else (mix.where,)


def _scope(mix: Mix) -> Scope:
    return "pooled" if mix.where == ALL else "market"
