"""How often data drift is cried in worlds without any, and named right where there is some.

    python -m restock.benchmarks.drift_rates [--json]

alarm_rate_no_drift            share of days on which any of 40 markets raises a new alarm
needless_retrains_per_quarter  of a market, from alarms that ask for one
alarms_per_market_year         of a market without drift
alarms_per_quarter.retail      of GB in Online Retail as it is, where some are true
named_right                    over all planted causes (see ``drift_shocks``)
data_check_seconds             processor time of ``check_data`` for all markets of Online Retail

Thresholds were set on the worlds 11, 12, 21 and 22; those reported here were not looked at
before. An alarm is new when its cause was not raised in the market within the cooldown. A market's
91 days that only say what is usual do not count.
"""

import time
from collections import Counter
from collections.abc import Iterator
from dataclasses import dataclass, field

import numpy as np

from restock.benchmarks import drift_shocks
from restock.benchmarks.drift_retail import sample
from restock.benchmarks.figures import Figure, report, wants_json
from restock.benchmarks.rates import poisson, share
from restock.dataset import Interactions, load_sample, simulate
from restock.dataset.simulated_markets import market_codes
from restock.monitoring.causes import ACTIONS
from restock.monitoring.data_drift import check_data
from restock.monitoring.findings import Cause
from restock.monitoring.market_days import MarketDays
from restock.monitoring.policy import DriftPolicy, ResponsePolicy
from restock.monitoring.watched_days import Watched

SEEDS = (23, 24)
MARKETS = 40
LARGEST, SMALLEST = 5000, 300
"""Customers: some 1,000 and 55 of them order in 28 days."""
START, DAYS = 91, 1004
"""The days in between are 2.5 years: 100 market-years a world."""
COOLDOWN = ResponsePolicy().cooldown_days
QUARTER = 365.25 / 4
POLICY = DriftPolicy()
COMPARED = 5
"""Days of each market on which the pass over all days is held against ``check_data``."""


@dataclass
class Alarms:
    """New alarms of many markets: by cause, and the days (numbers) that have any."""

    causes: Counter[Cause] = field(default_factory=Counter)
    days: set[int] = field(default_factory=set)
    compared: int = 0
    agreed: int = 0

    def watch(self, orders: Interactions, market: str, seed: int) -> None:
        """Look at a market on each day."""
        known = MarketDays.of(orders, market, orders.as_of_date)
        raised = causes_by_day(known)
        last: dict[Cause, int] = {}
        for day, cause in sorted(raised.items()):
            if cause != "season" and day - last.get(cause, -COOLDOWN) >= COOLDOWN:
                last[cause] = day
                self.causes[cause] += 1
                self.days.add((known.date(day) - orders.as_of_date).days + 10_000 * seed)
        self._compare(orders, market, known, raised, seed)

    def _compare(
        self,
        orders: Interactions,
        market: str,
        known: MarketDays,
        raised: dict[int, Cause],
        seed: int,
    ) -> None:
        days = np.random.default_rng(seed).integers(START, known.days + 1, COMPARED).tolist()
        for day in [*days, *list(raised)[:2]]:
            check = check_data(
                orders, market, as_of=known.date(day), policy=POLICY, markets=MARKETS
            )
            found = [one.cause for one in check.findings if one.severity == "alarm"]
            cause = raised.get(day)
            self.compared += 1
            self.agreed += found == ([] if cause in (None, "season") else [cause])


def figures() -> Iterator[Figure]:
    """All figures; what is not drift first."""
    yield from quiet()
    yield retail()
    yield from drift_shocks.figures()
    yield seconds()


def quiet() -> Iterator[Figure]:
    """Worlds in which nothing is planted."""
    alarms = Alarms()
    sizes = np.geomspace(LARGEST, SMALLEST, MARKETS).astype(int).tolist()
    for seed in SEEDS:
        for market, size in zip(market_codes(MARKETS), sizes, strict=True):
            alarms.watch(
                simulate(customers={market: size}, days=DAYS, seed=seed).interactions(),
                market,
                seed,
            )
    days = len(SEEDS) * (DAYS - START)
    agreement = f"{alarms.agreed} of {alarms.compared} days as check_data says"
    yield share("alarm_rate_no_drift", len(alarms.days), days, "share of days", agreement)
    retrains = sum(many for cause, many in alarms.causes.items() if ACTIONS[cause] == "retrain")
    quarters = MARKETS * days / QUARTER
    yield poisson("needless_retrains_per_quarter", retrains, quarters, "per market and quarter")
    yield poisson(
        "alarms_per_market_year", alarms.causes.total(), quarters / 4, "per market and year"
    )
    for cause, many in sorted(alarms.causes.items()):
        name = f"alarms_per_market_year.{cause.replace(' ', '_')}"
        yield poisson(name, many, quarters / 4, "per market and year")


def retail() -> Figure:
    """The alarms of Online Retail as it is, new ones counted once."""
    orders, quarantined = sample()
    known = MarketDays.of(orders, "GB", orders.as_of_date, quarantined)
    last: dict[Cause, int] = {}
    many = 0
    for day, cause in sorted(causes_by_day(known).items()):
        if cause != "season" and day - last.get(cause, -COOLDOWN) >= COOLDOWN:
            last[cause] = day
            many += 1
    return poisson("alarms_per_quarter.retail", many, (known.days - START) / QUARTER, "per quarter")


def causes_by_day(known: MarketDays) -> dict[int, Cause]:
    """What is alarmed (or noted as the season) on each day of a market."""
    watched = Watched.of(known, POLICY, MARKETS, daily=True)
    raised: dict[int, Cause] = {}
    for day in watched.suspects():
        cause: Cause | None = "broken feed" if watched.faults(day) else watched.named(day)
        if cause is not None and day >= START:
            raised[day] = cause
    return raised


def seconds() -> Figure:
    """Processor time of one day's checks."""
    clean = load_sample()
    orders = Interactions.from_frame(clean.orders)
    aside = clean.report.quarantined_days
    begin = time.process_time()
    for market in orders.catalogue.markets:
        lines = aside[aside["market"] == market].set_index("day")["lines"]
        check_data(orders, market, as_of=orders.as_of_date, quarantined=lines)
    return Figure("data_check_seconds", time.process_time() - begin, "s of one core")


if __name__ == "__main__":
    report(figures(), wants_json(__doc__))
