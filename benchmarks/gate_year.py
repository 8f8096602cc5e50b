"""A year of nights: equal plans, better plans and the nightly refresh, side by side."""

import datetime as dt
from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass, field

import pyarrow as pa

from restock.benchmarks.figures import Figure
from restock.benchmarks.gate_world import HORIZON, K, World
from restock.benchmarks.rates import poisson, share
from restock.evaluation import Decision, GatePolicy, Objective, RefreshPolicy, gate, refresh_check
from restock.evaluation.pool import Judged

NIGHTS = 365
GATE = GatePolicy(resamples=200)
REFRESH = RefreshPolicy(resamples=200)
Pair = tuple[str, str]


def year(
    world: World, equal: Sequence[Pair], better: Sequence[Pair], own: Sequence[str]
) -> Iterator[Figure]:
    """The figures of a year.

    equal: pairs of plans of the same worth. better: pairs whose second plan is truly better.
    own: the markets that are large enough to choose on their own.
    """
    runs = [EqualPlans(pair, dict.fromkeys(world.markets, pair[0])) for pair in equal]
    mixed = MixedMarkets(equal, better, own)
    refreshes = Refreshes()
    for n in range(NIGHTS):
        night = world.last_night - dt.timedelta(days=NIGHTS - 1 - n)
        for run in runs:
            run.on(world, night)
        mixed.on(world, n, night)
        refreshes.on(world, night, runs[0].in_service)
        world.forget_before(night)
    years = len(runs) * len(world.markets) * NIGHTS / 365
    replacements = sum(run.replacements for run in runs)
    yield poisson("aa_replacements_per_market_year", replacements, years, "per market and year")
    nights = NIGHTS * len(world.markets)
    yield Figure("refresh_rate", refreshes.passed / nights, "share of nights")
    found = mixed.false + mixed.true
    yield share("false_discovery_rate", mixed.false, found, "share of replacements")


@dataclass
class EqualPlans:
    """Two plans of the same worth in all markets; each replacement is a false one."""

    pair: Pair
    in_service: dict[str, str]
    replacements: int = 0

    def on(self, world: World, night: dt.date) -> None:
        """One night."""
        plans = {market: {plan: plan for plan in self.pair} for market in world.markets}
        for market, decision in decide(world.judged(night, plans), self.in_service).items():
            self.replacements += decision.replaced
            self.in_service[market] = decision.chosen


@dataclass
class MixedMarkets:
    """Every 28 nights each market has a new pair of plans; in half of them one is better."""

    equal: Sequence[Pair]
    better: Sequence[Pair]
    markets: Sequence[str]
    true: int = 0
    false: int = 0
    in_service: dict[str, str] = field(default_factory=dict)

    def on(self, world: World, n: int, night: dt.date) -> None:
        """Night number n. A market that has too few test customers just now is left out."""
        period = n // HORIZON
        if n % HORIZON == 0:
            self.in_service = dict.fromkeys(self.markets, "a")
        has_better = {m: (at + period) % 2 == 0 for at, m in enumerate(self.markets)}
        plans = {}
        for market in self.markets:
            pairs = self.better if has_better[market] else self.equal
            plans[market] = dict(zip("ab", pairs[period % len(pairs)], strict=True))
        for market, decision in decide(world.judged(night, plans), self.in_service).items():
            if decision.replaced and decision.basis == "own":
                right = has_better[market] and decision.chosen == "b"
                self.true, self.false = self.true + right, self.false + (not right)
                self.in_service[market] = decision.chosen


@dataclass
class Refreshes:
    """The refit of the plan in service, checked against popularity and last night's lists.

    The lists are those of the customers who order in the next 28 days.
    """

    passed: int = 0
    published: dict[str, pa.Table] = field(default_factory=dict)

    def on(self, world: World, night: dt.date, in_service: Mapping[str, str]) -> None:
        """One night in all markets."""
        plans = {m: {"plan": in_service[m], "popular": "popular"} for m in world.markets}
        judged = world.judged(night, plans)
        sides = [[card for m in judged for card in judged[m][s]] for s in ("plan", "popular")]
        for market in world.markets:
            lists = world.published(night, in_service[market], market)
            check = refresh_check(
                judged[market]["plan"],
                judged[market]["popular"],
                Objective.at(K),
                published=lists,
                customers=world.orderers(night, market),
                previous=self.published.get(market),
                pooled=(sides[0], sides[1]),
                policy=REFRESH,
            )
            if check.ok:
                self.passed += 1
                self.published[market] = lists


def decide(judged: Judged, in_service: Mapping[str, str]) -> dict[str, Decision]:
    """The real gate, with the default objective."""
    return gate(judged, in_service, dict.fromkeys(judged, Objective.at(K)), GATE)
