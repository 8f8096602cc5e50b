"""Successive halving and a warm start beside a search that gives every trial everything."""

import math
from collections.abc import Iterator

from restock.benchmarks.figures import Figure
from restock.dataset import Interactions, simulate
from restock.tuning.here import brief_here, search_here
from restock.tuning.policy import SearchPolicy
from restock.tuning.search import Search
from restock.tuning.trials import ALL, Rung

FAMILIES = ("reorder", "item_knn", "sar", "tifu_knn", "up_cf")
MARKETS = 3
WHOLE = SearchPolicy(rungs=(Rung(customers=1.0),), portfolio=1)
"""No trial is stopped early, and hardly anything is handed to the markets."""


def halving(customers: int, trials: int, seeds: int = 3) -> Iterator[Figure]:
    """Both searches over three markets of ``customers`` each, with as many trials.

    Seeds of the search, not of the world: what varies is what is tried.
    """
    world = simulate(markets=MARKETS, customers=[customers] * MARKETS, items=1500, days=420, seed=3)
    interactions = Interactions.from_frame(world.orders)
    short, full, kept = [], [], []
    for seed in range(seeds):
        mine = _searched(interactions, SearchPolicy(), trials, seed)
        theirs = _searched(interactions, WHOLE, trials, seed)
        short.append(mine[0])
        full.append(theirs[0])
        kept.append(math.exp(mine[1] - theirs[1]))
    yield Figure("full_search_seconds", round(sum(full) / seeds, 1), "s")
    yield Figure("compute_share", round(sum(short) / sum(full), 3), "share of the full search's")
    value = round(sum(kept) / seeds, 4)
    yield Figure("quality_kept", value, "share of its utility", min(kept), max(kept))


def _searched(
    interactions: Interactions, policy: SearchPolicy, trials: int, seed: int
) -> tuple[float, float]:
    """Model seconds of a search, and the log-lift of its plans on the newest windows."""
    brief = brief_here(interactions, FAMILIES, trials=trials, policy=policy, seed=seed)
    search = search_here(interactions, brief)
    spent = sum(one.seconds for one in search.outcomes)
    return spent, _reported(search)


def _reported(search: Search) -> float:
    """The mean over the markets, which are of one size, of what each of them chose."""
    if search.choices is None:
        raise RuntimeError("no trial of the search succeeded")
    lifts = []
    for market, choice in search.choices.markets.items():
        for one in search.reported:
            if one.trial.candidate.key == choice.candidate.key:
                lift = one.markets.get(market) if choice.candidate.pooled else one.lift
                here = one.trial.study.where in (ALL, market)
                lifts += [lift.value] if lift and here else []
    return sum(lifts) / len(lifts)
