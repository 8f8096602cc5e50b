"""Successive halving and a warm start beside a search that gives every trial everything.

full_search_seconds  CPU seconds of a search in which nothing is stopped early, mean over worlds.
compute_share  CPU seconds of the search as it is by default over those; the range over worlds.
quality_kept  utility of its plans over that of the other's plans, both on the same draws of the
    true future of the same customers: the mean over worlds, with a 95 % interval that holds for
    other worlds too (t, of logarithms).
quality_kept.least  the world where least was kept, with the 95 % interval of its customers.

What is counted is the CPU time of this process, all its threads, from an empty search to its
choices: folds and yardsticks, fits, lists, judging, mixtures, proposals, choosing. Not counted:
compilation (a small search runs first) and judging the plans. What varies from world to world is
the market's customers, their habits and the seed of the search.
"""

import time
from collections.abc import Iterator, Mapping
from dataclasses import dataclass

import numpy as np
from scipy.stats import t as student

from restock.benchmarks.figures import Figure
from restock.benchmarks.search_world import HORIZON, Differing, Future, K
from restock.dataset import Interactions
from restock.evaluation import Objective, Scorecard
from restock.evaluation.lift import LogLift, log_lift
from restock.models import Candidate, FitContext
from restock.tuning.choosing import choose
from restock.tuning.here import brief_here, search_here
from restock.tuning.policy import SearchPolicy
from restock.tuning.trials import Rung

FAMILIES = ("reorder", "item_knn", "sar", "tifu_knn", "up_cf")
MARKETS, ITEMS, DAYS = 4, 800, 330
"""One market of each group of habits."""
DRAWS = 12
OBJECTIVE, CONTEXT = Objective.at(K), FitContext(threads=1)
WHOLE = SearchPolicy(rungs=(Rung(customers=1.0),), portfolio=1)
"""No trial is stopped early, and hardly anything is handed to the markets."""
FIRST_WORLD = 111
"""Worlds have seeds from here on. The rules of halving were made on 1 to 4, 101 and 105."""


@dataclass(frozen=True)
class Compared:
    """Both searches in one world. short, full: CPU seconds. kept: log-utility of the plans."""

    short: float
    full: float
    kept: LogLift


def halving(customers: int, trials: int, worlds: int = 8) -> Iterator[Figure]:
    """Both searches, with as many trials, in worlds of four markets of ``customers`` each."""
    compiled = Differing.make(MARKETS, 150, items=200, days=300, seed=1).orders
    for policy in (SearchPolicy(), WHOLE):
        _searched(compiled, policy, 20, 0)
    found = [compared(customers, trials, FIRST_WORLD + at) for at in range(worlds)]
    yield from figures(found)


def figures(found: list[Compared]) -> Iterator[Figure]:
    """What all worlds together say."""
    full = sum(one.full for one in found)
    yield Figure("full_search_seconds", round(full / len(found), 1), "s")
    shares = [one.short / one.full for one in found]
    share = sum(one.short for one in found) / full
    yield Figure("compute_share", share, "share of the full search's", min(shares), max(shares))
    kept = np.array([one.kept.value for one in found])
    mean, half = kept.mean(), np.inf
    if kept.size > 1:
        half = student.ppf(0.975, kept.size - 1) * kept.std(ddof=1) / kept.size**0.5
    low, middle, high = np.exp([mean - half, mean, mean + half]).tolist()
    yield Figure("quality_kept", middle, "share of its utility", low, high)
    least = min((one.kept for one in found), key=lambda lift: lift.value)
    ends = np.array([0, -1.96, 1.96]) * least.error + least.value
    middle, low, high = np.exp(ends).tolist()
    yield Figure("quality_kept.least", middle, "share of its utility", low, high)


def compared(customers: int, trials: int, seed: int) -> Compared:
    """Both searches in a world, and their plans on its true future."""
    world = Differing.make(MARKETS, customers, items=ITEMS, days=DAYS, seed=seed)
    orders = world.orders
    short, mine = _searched(orders, SearchPolicy(), trials, seed)
    full, theirs = _searched(orders, WHOLE, trials, seed)
    futures = {market: world.future(market, range(DRAWS)) for market in mine}
    cards = [_judged(orders, plans, futures) for plans in (mine, theirs)]
    kept = log_lift(cards[0], cards[1], OBJECTIVE)
    if kept is None:
        raise RuntimeError("nobody buys anything in the future of this world")
    return Compared(short, full, kept)


def _searched(
    orders: Interactions, policy: SearchPolicy, trials: int, seed: int
) -> tuple[float, dict[str, Candidate]]:
    """CPU seconds of a search up to its choices, and the plan of each market."""
    start = time.process_time()
    brief = brief_here(
        orders,
        FAMILIES,
        trials=trials,
        policy=policy,
        objective=OBJECTIVE,
        horizon_days=HORIZON,
        seed=seed,
    )
    search = search_here(orders, brief, CONTEXT, report=False)
    choices = choose(search.outcomes, search.mixtures, brief)
    plans = {market: choice.candidate for market, choice in choices.markets.items()}
    return time.process_time() - start, plans


def _judged(
    orders: Interactions, plans: Mapping[str, Candidate], futures: Mapping[str, Future]
) -> list[Scorecard]:
    """The scorecard of every market's plan, fitted on all that is known."""
    cards = []
    for market, plan in plans.items():
        future = futures[market]
        fitted = plan.create().fit(orders if plan.pooled else future.train, CONTEXT)
        cards.append(future.card(future.lists(fitted), "future"))
    return cards
