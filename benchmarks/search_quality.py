"""Does choosing by market pay, and does it cost where it cannot? Plans beside simpler choices.

A search with a budget in trials, then its plans on days that it never saw, beside two choices
from the same trials: the best single configuration for all markets (global), and in each market
whatever had the best number there (naive). Lifts are of the objective, with intervals (95 %,
customers as clusters).

online_retail.lift_vs_global, online_retail.lift_vs_naive  on Online Retail: trials are compared
    on three windows of 28 days, the plans on the three after them.
online_retail.markets_worse_than_pooled  markets whose plan is significantly worse there than the
    choice of all markets (one-sided, 5 % over all markets, Holm).
online_retail.own_plans  markets that do not take the choice of all.
lift_vs_global, lift_vs_naive, own_plans  on twelve simulated markets of four habits (see
    ``benchmarks.search_world``): on many draws of the true future of the same customers. For
    each world (``world_23.regret``, 23 being its seed), then over all worlds alike.
lift_vs_best_global  the same beside the single configuration that turned out best.
regret  1 - U(plans) / U(oracle), U the mean over markets of the log-utility: the oracle gives
    every market the best of all trials that reached the top, known from one half of the draws
    and measured on the other.
least_customers  test customers of the smallest simulated market, over the selection windows.
"""

import argparse
import os
from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass, replace

import numpy as np

from restock.benchmarks.figures import Figure, report
from restock.benchmarks.search_world import HORIZON, Differing, K
from restock.dataset import Interactions, load_sample
from restock.evaluation import Objective, Scorecard, compare
from restock.evaluation.contest import FoldPlan
from restock.evaluation.lift import Yardstick
from restock.evaluation.significance import holm
from restock.models import Candidate, FitContext
from restock.models.slate import FIRST_INCUMBENT
from restock.tuning.choosing import choose, global_best, naive, top_rung
from restock.tuning.costs import sizes_by_market
from restock.tuning.here import brief_here, search_here
from restock.tuning.running import run
from restock.tuning.setting import Kept, Setting
from restock.tuning.trials import ALL, Outcome, Step, StudyKey, Trial

WORLDS = (23, 17, 41)
"""Seeds. The rules of choosing were made with 17, 23 and 31 at hand; 41 was not looked at."""
FAMILIES = ("reorder", "item_knn", "sar", "tifu_knn", "up_cf", "ease", "als", "blend")
CONTEXT = FitContext(threads=os.cpu_count() or 1)
OBJECTIVE = Objective.at(K)
Plans = Mapping[str, Candidate]


@dataclass(frozen=True)
class Arms:
    """What each way of choosing gives every market, from the same trials."""

    outcomes: list[Outcome]
    plans: Plans
    pooled: Candidate
    best: Candidate
    naive: Plans

    @property
    def own(self) -> int:
        """Markets whose plan is not the pooled choice."""
        return sum(one.key != self.pooled.key for one in self.plans.values())


def searched(interactions: Interactions, known: Interactions, trials: int, seed: int = 0) -> Arms:
    """A search over all markets, in this process, up to its choices.

    interactions: the lines; the selection windows are the three before the newest three. known:
    what is known when it starts, for the sizes of markets.
    """
    brief = brief_here(
        interactions, FAMILIES, trials=trials, objective=OBJECTIVE, horizon_days=HORIZON, seed=seed
    ).model_copy(update={"sizes": sizes_by_market(known)})
    search, markets = search_here(interactions, brief, CONTEXT, report=False), brief.markets
    choices = choose(search.outcomes, search.mixtures, brief)
    best = global_best(search.outcomes)
    if choices.pooled is None or best is None:
        raise RuntimeError("no trial of the search succeeded")
    winners = naive(search.outcomes, markets)
    return Arms(
        outcomes=top_rung(search.outcomes),
        plans={market: choice.candidate for market, choice in choices.markets.items()},
        pooled=choices.pooled.candidate,
        best=best,
        naive={market: winners.get(market, best) for market in markets},
    )


def online_retail(trials: int) -> Iterator[Figure]:
    """Plans on the three newest windows."""
    interactions = Interactions.from_frame(load_sample().orders)
    newest = FoldPlan(horizon_days=HORIZON, windows=3).folds(interactions)
    arms = searched(interactions, interactions.before(newest[0].cutoff), trials)
    yield from on_later_windows(interactions, arms)


def on_later_windows(interactions: Interactions, arms: Arms) -> Iterator[Figure]:
    """The figures of Online Retail, from the arms of a search on these lines."""
    everybody = dict.fromkeys(arms.plans)
    cards = {
        "plans": later(interactions, arms.plans),
        "global": later(interactions, dict.fromkeys(everybody, arms.best)),
        "naive": later(interactions, arms.naive),
        "pooled": later(interactions, dict.fromkeys(everybody, arms.pooled)),
    }
    judged = [m for m in everybody if all(cards[arm].get(m) for arm in cards)]
    flat = {arm: [card for m in judged for card in cards[arm][m]] for arm in cards}
    yield lift("online_retail.lift_vs_global", flat["plans"], flat["global"])
    yield lift("online_retail.lift_vs_naive", flat["plans"], flat["naive"])
    worse = {
        m: compare(cards["pooled"][m], cards["plans"][m], OBJECTIVE, resamples=0).p_value
        for m in judged
        if arms.plans[m].key != arms.pooled.key
    }
    count = sum(p <= 0.05 for p in holm(worse).values())
    yield Figure("online_retail.markets_worse_than_pooled", count, f"of {len(judged)} markets")
    yield Figure("online_retail.own_plans", arms.own, f"of {len(everybody)} markets")


def later(interactions: Interactions, plans: Plans) -> dict[str, list[Scorecard]]:
    """The scorecards of each market's candidate on the three newest windows."""
    markets = interactions.catalogue.markets
    setting = Setting(
        fold_plans=dict.fromkeys(markets, FoldPlan(horizon_days=HORIZON, windows=3, k=K)),
        objectives=dict.fromkeys(markets, OBJECTIVE),
    )
    asked: dict[tuple[str, str], Step] = {}
    for market, candidate in plans.items():
        where = ALL if candidate.pooled else market
        study = StudyKey(where=where, family=candidate.name)
        trial = Trial(study=study, index=0, origin="asked", candidate=candidate)
        asked[where, candidate.key] = Step(
            study=study, rung=2, windows=(0, 1, 2), trials=(trial,), keep=True
        )
    cards: dict[tuple[str, str], list[Scorecard]] = {}

    def keep(trial: Trial, left: Kept) -> str:
        for one in left.judgements:
            for key, card in one.scorecards.items():
                cards.setdefault((one.market, key), []).append(card)
        return trial.key

    run(interactions, list(asked.values()), setting, CONTEXT, keep=keep)
    return {market: cards.get((market, one.key), []) for market, one in plans.items()}


def lift(figure: str, mine: Sequence[Scorecard], theirs: Sequence[Scorecard]) -> Figure:
    """How much better one choice is than another, over all customers."""
    verdict = compare(mine, theirs, OBJECTIVE)
    return Figure(figure, verdict.lift, "share", *verdict.interval, peer=figure.split("_vs_")[1])


# simulated ------------------------------------------------------------------------------------
def simulated(
    trials: int, *, markets: int = 12, customers: int = 700, draws: int = 16, seed: int = 23
) -> Iterator[Figure]:
    """Plans on true futures."""
    world = Differing.make(markets, customers, items=1500, days=450, seed=seed)
    arms = searched(world.orders, world.orders, trials)
    yield from on_true_futures(world, arms, draws)


def on_true_futures(world: Differing, arms: Arms, draws: int) -> Iterator[Figure]:
    """The figures of the simulated world, from the arms of a search on its lines."""
    halves = range(draws // 2), range(draws // 2, draws)
    futures = {market: [world.future(market, half) for half in halves] for market in arms.plans}
    cards: dict[str, dict[str, list[Scorecard]]] = {market: {} for market in futures}
    for candidate, markets in tried(arms):
        fitted = None
        for market in markets:
            train = futures[market][0].train
            if fitted is None or not candidate.pooled:
                lines = world.orders if candidate.pooled else train
                fitted = candidate.create().fit(lines, CONTEXT)
            lists = futures[market][0].lists(fitted)
            cards[market][candidate.key] = [
                future.card(lists, str(half))
                for half, future in zip(halves, futures[market], strict=True)
            ]
    yield from by_truth(arms, cards)


def tried(arms: Arms) -> list[tuple[Candidate, list[str]]]:
    """Every candidate that reached the top, the yardstick among them, and the markets that it
    can be given to."""
    found = {FIRST_INCUMBENT.key: (FIRST_INCUMBENT, set(arms.plans))}
    for one in arms.outcomes:
        where, candidate = one.trial.study.where, one.trial.candidate
        markets = set(arms.plans) if where == ALL else {where}
        found.setdefault(candidate.key, (candidate, set()))[1].update(markets & set(arms.plans))
    return [(candidate, sorted(markets)) for candidate, markets in found.values()]


def by_truth(arms: Arms, cards: Mapping[str, Mapping[str, list[Scorecard]]]) -> Iterator[Figure]:
    """cards: market → candidate's key → a scorecard for each half of the draws."""
    worth = {market: true_lifts(cards[market]) for market in cards}
    gaps = []
    for market, plan in arms.plans.items():
        for known, judged in ((0, 1), (1, 0)):
            oracle = max(worth[market], key=lambda key: worth[market][key][known])
            gaps.append(worth[market][oracle][judged] - worth[market][plan.key][judged])
    everywhere = set.intersection(*(set(of_market) for of_market in worth.values()))
    hindsight = max(sorted(everywhere), key=lambda key: sum(sum(worth[m][key]) for m in worth))
    choices = {
        "plans": {market: plan.key for market, plan in arms.plans.items()},
        "global": dict.fromkeys(arms.plans, arms.best.key),
        "naive": {market: one.key for market, one in arms.naive.items()},
        "best_global": dict.fromkeys(arms.plans, hindsight),
    }
    flat = {
        arm: [card for market, key in keys.items() for card in cards[market][key]]
        for arm, keys in choices.items()
    }
    yield Figure("regret", -float(np.expm1(-np.mean(gaps))), "share of the oracle's utility")
    for other in ("global", "naive", "best_global"):
        yield lift(f"lift_vs_{other}", flat["plans"], flat[other])
    yield Figure("own_plans", arms.own, f"of {len(arms.plans)} markets")
    judged_customers = [
        one.markets[market].customers
        for one in arms.outcomes
        for market in arms.plans
        if market in one.markets
    ]
    yield Figure("least_customers", min(judged_customers), "test customers")


def true_lifts(cards: Mapping[str, list[Scorecard]]) -> dict[str, list[float]]:
    """Log-lift over the yardstick of each candidate on each half of one market's draws."""
    yardsticks = [Yardstick([card], [OBJECTIVE]) for card in cards[FIRST_INCUMBENT.key]]
    found: dict[str, list[float]] = {}
    for key, halves in cards.items():
        lifts = [
            yardstick.measure([card]).lift(OBJECTIVE)
            for yardstick, card in zip(yardsticks, halves, strict=True)
        ]
        found[key] = [one.value if one else float("nan") for one in lifts]
    return found


def over_worlds(trials: int, seeds: Sequence[int]) -> Iterator[Figure]:
    """The figures of each simulated world, then of all together."""
    found: dict[str, list[Figure]] = {}
    for seed in seeds:
        for one in simulated(trials, seed=seed):
            found.setdefault(one.figure, []).append(one)
            yield replace(one, figure=f"world_{seed}.{one.figure}")
    yield from map(together, found.values())


def together(worlds: Sequence[Figure]) -> Figure:
    """One figure of several worlds, each of which counts alike.

    Shares are averaged as logarithms; worlds have no customer in common, so that the squares of
    half the intervals add up. Of customers it is the fewest, of plans the sum.
    """
    first, values = worlds[0], [one.value for one in worlds]
    if first.figure in ("least_customers", "own_plans"):
        count = min(values) if first.figure == "least_customers" else sum(values)
        return replace(first, value=count, unit=f"{first.unit}, {len(worlds)} worlds")
    sign = -1.0 if first.figure == "regret" else 1.0
    value = float(np.mean(np.log1p(sign * np.array(values))))
    mean = replace(first, value=sign * float(np.expm1(value)))
    ends = [(one.low, one.high) for one in worlds if one.low is not None and one.high is not None]
    if not ends:
        return mean
    half = float(np.sqrt(np.sum(np.diff(np.log1p(np.array(ends))) ** 2))) / 2 / len(worlds)
    return replace(mean, low=float(np.expm1(value - half)), high=float(np.expm1(value + half)))


def figures(worlds: Sequence[int] = WORLDS) -> Iterator[Figure]:
    """All of them: two minutes on two cores for each world, and three for Online Retail."""
    yield from online_retail(trials=100)
    yield from over_worlds(160, worlds)


def main() -> None:
    """``python -m restock.benchmarks.search_quality [--json] [--worlds SEED …]``"""
    parser = argparse.ArgumentParser(
        description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter
    )
    parser.add_argument("--json", action="store_true", help="one line of JSON per figure")
    parser.add_argument(
        "--worlds", nargs="+", type=int, default=WORLDS, metavar="SEED", help="simulated worlds"
    )
    options = parser.parse_args()
    report(figures(options.worlds), options.json)


if __name__ == "__main__":
    main()
