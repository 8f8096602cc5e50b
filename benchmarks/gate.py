"""Can the gate be fooled? Error rates over whole years of nights.

On every night all plans are refitted and judged on the last six windows of 28 days; the real
gate decides; what it chooses is in service the next night. Plans are ``reorder`` with shaken
scores: two seeds give different lists of equal true worth, more shaking gives worse ones.

aa_replacements_per_market_year  two equal plans, 365 nights: how often one replaces the other,
    with an exact Poisson interval. Two of three runs are shaken anew at each cut-off (new
    evidence night after night, the hardest case), one once for all. Markets of 900 customers
    (some 300 of them in the test windows) choose on their own, those of 60 follow the pool.
refresh_rate  share of those nights on which the plan in service passed the refresh check.
power_5pct  a market of 2,000 customers, the challenger's ndcg_at_10 is 5 % higher (the true
    ratio is in ``agreement``): share of runs in which it is in service within 28 nights.
false_discovery_rate  every 28 nights of a year each market has a new challenger, in half of the
    markets one that is 10 % better: the share of false ones among all replacements, in
    markets that choose on their own (a follower's choice claims to be right for the pool only).
tail_error_ratio  how many times too often the gate's test errs at its own alpha, on real pairs
    of models made equal (see ``gate_tail``); ``.usual_test`` is what a normal test would do.
adversary_error_ratio  the same where most customers gain and a few large ones lose it all.

``online_retail.…`` are the same on customers drawn with replacement from Online Retail. The
gate's intervals take 200 resamples here instead of 2,000: they only serve the guardrail.
"""

import datetime as dt
from collections.abc import Callable, Iterator

import numpy as np

from restock.benchmarks import gate_tail
from restock.benchmarks.figures import Figure, report, wants_json
from restock.benchmarks.gate_world import K, Shaken, World, retail, simulated
from restock.benchmarks.gate_year import NIGHTS, decide, year
from restock.benchmarks.rates import share
from restock.dataset import Interactions

LARGE = dict.fromkeys(("BE", "DE", "FR", "GB", "NL"), 900)
SMALL = dict.fromkeys(("CH", "ES", "PT"), 60)
ONE = "GB"
Source = Callable[[dict[str, int], int], Interactions]


def figures() -> Iterator[Figure]:
    """All of them, simulated markets first."""
    yield from of_source(simulated)
    for figure in (*of_source(retail), *gate_tail.figures()):
        yield Figure(**{**vars(figure), "figure": f"online_retail.{figure.figure}"})


def of_source(source: Source) -> Iterator[Figure]:
    """The four rates on one source of orders."""
    market = source({ONE: 2000}, 1)
    yield power(market, worse_by(market, 1.05))
    plans = {f"fresh{seed}": Shaken(seed) for seed in range(4)}
    plans |= {f"once{seed}": Shaken(seed, fresh=False) for seed in range(2)}
    plans["worse"] = Shaken(4, worse_by(market, 1.10))
    yield from year(
        World(source({**LARGE, **SMALL}, 0), plans),
        equal=[("fresh0", "fresh1"), ("fresh2", "fresh3"), ("once0", "once1")],
        better=[("worse", f"fresh{seed}") for seed in range(4)],
        own=list(LARGE),
    )


def power(market: Interactions, sigma: float) -> Figure:
    """Start in the worse plan on many nights of the year; is the better one found in 28?"""
    found, ratios = [], []
    for seed in range(2):
        world = World(market, {"better": Shaken(10 + seed), "worse": Shaken(20 + seed, sigma)})
        for start in range(0, NIGHTS - 28, 14):
            first = world.last_night - dt.timedelta(days=NIGHTS - 1 - start)
            found.append(in_service_within(world, first, 28))
        ratios.append(true_ratio(world))
    note = f"true ndcg ratio {np.mean(ratios):.3f}"
    return share("power_5pct", sum(found), len(found), "share of runs", note)


def in_service_within(world: World, first: dt.date, nights: int) -> bool:
    """Whether the better plan replaces the worse one on one of the nights."""
    plans = {ONE: {plan: plan for plan in ("better", "worse")}}
    for n in range(nights):
        judged = world.judged(first + dt.timedelta(days=n), plans)
        if decide(judged, {ONE: "worse"})[ONE].replaced:
            return True
    return False


def true_ratio(world: World) -> float:
    """ndcg of the better plan over that of the worse one, over all days that were judged."""
    total = dict.fromkeys(("better", "worse"), 0.0)
    for day in world.known_days:
        for plan in total:
            total[plan] += float(day.cards[plan][ONE].column(f"ndcg_at_{K}").sum())
    return total["better"] / total["worse"]


def worse_by(market: Interactions, ratio: float) -> float:
    """The sigma that makes lists 1 / ratio as good as the usual one's; by bisection."""
    low, high = 0.3, 2.4
    for _ in range(8):
        middle = (low * high) ** 0.5
        world = World(market, {"better": Shaken(30), "worse": Shaken(31, middle)})
        for n in range(20):
            world.day(world.last_night - dt.timedelta(days=27 * n))
        low, high = (middle, high) if true_ratio(world) < ratio else (low, middle)
    return float((low * high) ** 0.5)


def main() -> None:
    """``python -m restock.benchmarks.gate [--json]``"""
    report(figures(), wants_json(__doc__))


if __name__ == "__main__":
    main()
