"""Can the gate be fooled? Error rates over whole years of nights.

On every night all plans are refitted and judged on the last six windows of 28 days; the real
gate decides; what it chooses is in service the next night. Plans are ``reorder`` with shaken
scores: two seeds give different lists of equal true worth, more shaking gives worse ones.

aa_replacements_per_market_year  two equal plans, 365 nights: how often one replaces the other,
    with an exact Poisson interval. Two of three runs are shaken anew at each cut-off (new
    evidence night after night, the hardest case), one once for all. Markets of
    600 customers choose on their own, those of 60 follow the pool.
refresh_rate  share of those nights on which the plan in service passed the refresh check.
power_5pct  a market of 2,000 customers, the challenger's ndcg_at_10 is 5 % higher (the true
    ratio is in ``agreement``): share of runs in which it is in service within 28 nights.
false_discovery_rate  365 nights over markets of which half have a challenger that is 5 %
    better and half an equal one: the share of false replacements. Markets that choose on
    their own; a follower's choice is right for the pool, which is all that it claims.

``online_retail.…`` are the same on customers drawn with replacement from Online Retail. The
gate's intervals take 200 resamples here instead of 2,000: they only serve the guardrail.
"""

import datetime as dt
from collections.abc import Callable, Iterator, Mapping

import numpy as np
import pyarrow as pa
from scipy.stats import beta, chi2

from restock.benchmarks.figures import Figure, report, wants_json
from restock.benchmarks.gate_world import K, Shaken, World, retail, simulated
from restock.dataset import Interactions
from restock.evaluation import GatePolicy, Objective, RefreshPolicy, gate, refresh_check
from restock.evaluation.pool import Judged

NIGHTS = 365
LARGE = dict.fromkeys(("BE", "DE", "ES", "FR", "GB", "NL"), 600)
SMALL = dict.fromkeys(("CH", "IE", "PT"), 60)
ONE = "GB"
PAIRS = (("fresh0", "fresh1"), ("fresh2", "fresh3"), ("once0", "once1"))
BETTER = 1.05
GATE = GatePolicy(resamples=200)
REFRESH = RefreshPolicy(resamples=200)
Source = Callable[[dict[str, int], int], Interactions]


def figures() -> Iterator[Figure]:
    """All of them, simulated markets first."""
    for prefix, source in (("", simulated), ("online_retail.", retail)):
        for figure in of_source(source):
            yield Figure(**{**vars(figure), "figure": prefix + figure.figure})


def of_source(source: Source) -> Iterator[Figure]:
    """The four rates on one source of orders."""
    market = source({ONE: 2000}, 1)
    sigma = worse_by(market, BETTER)
    yield power(market, sigma)
    world = World(
        source({**LARGE, **SMALL}, 0),
        {
            **{f"fresh{seed}": Shaken(seed) for seed in range(4)},
            **{f"once{seed}": Shaken(seed, fresh=False) for seed in range(2)},
            "worse": Shaken(4, sigma),
        },
    )
    yield from year(world)


# a year of nights ----------------------------------------------------------------------------


def year(world: World) -> Iterator[Figure]:
    """Equal plans, better plans and the nightly refresh, side by side through the same year."""
    equal = {pair: dict.fromkeys(world.markets, pair[0]) for pair in PAIRS}
    mixed = dict.fromkeys(LARGE, "a")
    challenged = {m: {"a": "worse" if better(m) else "fresh0", "b": "fresh1"} for m in LARGE}
    published: dict[str, pa.Table] = {}
    replacements, refreshed, true, false = 0, 0, 0, 0
    for n in range(NIGHTS):
        night = world.last_night - dt.timedelta(days=NIGHTS - 1 - n)
        for pair, in_service in equal.items():
            judged = world.judged(night, {m: {p: p for p in pair} for m in world.markets})
            chosen = decide(judged, in_service)
            replacements += sum(chosen[m] != in_service[m] for m in chosen)
            in_service.update(chosen)
        chosen = decide(world.judged(night, challenged), mixed)
        for market in LARGE:
            if chosen[market] != mixed[market]:
                right = better(market) and chosen[market] == "b"
                true, false = true + right, false + (not right)
        mixed.update(chosen)
        refreshed += refresh(world, night, equal[PAIRS[0]], published)
        world.forget_before(night)
    years = len(PAIRS) * len(world.markets) * NIGHTS / 365
    yield poisson("aa_replacements_per_market_year", replacements, years)
    yield Figure("refresh_rate", refreshed / (NIGHTS * len(world.markets)), "share of nights")
    yield share("false_discovery_rate", false, false + true, "share of replacements")


def better(market: str) -> bool:
    """Half of the markets have a challenger that is truly better."""
    return list(LARGE).index(market) % 2 == 0


def decide(judged: Judged, in_service: Mapping[str, str]) -> dict[str, str]:
    """What the gate puts in service."""
    objectives = dict.fromkeys(judged, Objective.at(K))
    decisions = gate(judged, in_service, objectives, GATE)
    return {market: decision.chosen for market, decision in decisions.items()}


def refresh(
    world: World, night: dt.date, in_service: Mapping[str, str], published: dict[str, pa.Table]
) -> int:
    """How many markets could publish tonight; ``published`` keeps what they did."""
    plans = {m: {"plan": in_service[m], "popular": "popular"} for m in world.markets}
    judged = world.judged(night, plans)
    sides = [[card for m in judged for card in judged[m][s]] for s in ("plan", "popular")]
    passed = 0
    for market in world.markets:
        lists = world.published(night, in_service[market], market)
        check = refresh_check(
            judged[market]["plan"],
            judged[market]["popular"],
            Objective.at(K),
            published=lists,
            customers=len(lists["customer_id"].unique()),
            previous=published.get(market),
            pooled=(sides[0], sides[1]),
            policy=REFRESH,
        )
        if check.ok:
            passed += 1
            published[market] = lists
    return passed


# power ---------------------------------------------------------------------------------------


def power(market: Interactions, sigma: float) -> Figure:
    """Start in the worse plan on many nights of the year; is the better one found in 28?"""
    found, ratios = [], []
    for seed in range(2):
        world = World(market, {"better": Shaken(10 + seed), "worse": Shaken(20 + seed, sigma)})
        for start in range(0, NIGHTS - 28, 14):
            first = world.last_night - dt.timedelta(days=NIGHTS - 1 - start)
            found.append(in_service_within(world, first, 28))
        ratios.append(true_ratio(world))
    return share(
        "power_5pct",
        sum(found),
        len(found),
        "share of runs",
        f"true ndcg ratio {np.mean(ratios):.3f}",
    )


def in_service_within(world: World, first: dt.date, nights: int) -> bool:
    """Whether the better plan replaces the worse one on one of the nights."""
    for n in range(nights):
        judged = world.judged(first + dt.timedelta(days=n), {ONE: {p: p for p in world.plans}})
        if decide(judged, {ONE: "worse"})[ONE] == "better":
            return True
    return False


def true_ratio(world: World) -> float:
    """ndcg of the better plan over that of the worse one, over all days that were judged."""
    total = dict.fromkeys(("better", "worse"), 0.0)
    for name in total:
        for day in world.known_days:
            total[name] += day.cards[name][ONE].column(f"ndcg_at_{K}").sum()
    return total["better"] / total["worse"]


def worse_by(market: Interactions, ratio: float) -> float:
    """The sigma whose lists have 1 / ratio of the ndcg of the usual one; by bisection."""
    low, high = 0.3, 2.4
    for _ in range(8):
        middle = (low * high) ** 0.5
        world = World(market, {"better": Shaken(30), "worse": Shaken(31, middle)})
        for n in range(20):
            world.day(world.last_night - dt.timedelta(days=27 * n))
        low, high = (middle, high) if true_ratio(world) < ratio else (low, middle)
    return (low * high) ** 0.5


# figures with intervals ----------------------------------------------------------------------


def poisson(name: str, events: int, exposure: float) -> Figure:
    """A rate with its exact 95 % interval."""
    low = chi2.ppf(0.025, 2 * events) / 2 if events else 0.0
    high = chi2.ppf(0.975, 2 * events + 2) / 2
    return Figure(
        name,
        events / exposure,
        "per market and year",
        float(low / exposure),
        float(high / exposure),
    )


def share(name: str, part: int, whole: int, unit: str, note: str | None = None) -> Figure:
    """A share with its exact 95 % interval (Clopper and Pearson)."""
    low = float(beta.ppf(0.025, part, whole - part + 1)) if part else 0.0
    high = float(beta.ppf(0.975, part + 1, whole - part)) if part < whole else 1.0
    return Figure(name, part / whole if whole else 0.0, unit, low, high, agreement=note)


def main() -> None:
    """``python -m restock.benchmarks.gate [--json]``"""
    report(figures(), wants_json(__doc__))


if __name__ == "__main__":
    main()
