"""Markets whose world moves on a known day for a known reason: simulated, and Online Retail.

    python -m restock.benchmarks.drift_shocks [--json]

named_right                share of shocks whose first alarm within 28 days names the cause
named_right.retail         the same on Online Retail
named_right.small          a third of Online Retail: some 90 customers a week
named_right[.…].CAUSE      of one cause
found_after[.…].CAUSE      median days from the first day of a shock to the alarm that names it

A simulated shock is planted in the world before it runs: births, deaths and prices of items,
customers of other tastes. One of Online Retail is cut out of its lines: items (customers) that are
new from a day on lose their lines before it, those of a lost supplier the lines after it. Faults of
the feed are planted in the lines of both.
"""

import datetime as dt
from collections.abc import Callable, Iterable, Iterator
from typing import NamedTuple

import numpy as np

from restock.benchmarks.drift_planted import CAUSES, WITHIN, Shocked, simulated
from restock.benchmarks.drift_retail import retail
from restock.benchmarks.figures import Figure, report, wants_json
from restock.benchmarks.rates import share
from restock.monitoring.data_drift import check_data
from restock.monitoring.findings import Cause
from restock.monitoring.market_days import MarketDays
from restock.monitoring.policy import DriftPolicy
from restock.monitoring.watched_days import Watched

WATCHED = 40
"""Markets that are watched: what thresholds are corrected for."""
SEEDS = range(300, 320)
"""Worlds that are reported; thresholds were set on others (100 to 121, 200 to 219)."""
POLICY = DriftPolicy()


class Verdict(NamedTuple):
    """The first alarm after a shock: what it says, and after how many days. None: no alarm."""

    cause: Cause | None
    days: int


def figures() -> Iterator[Figure]:
    """All figures, simulated markets first."""
    yield from _named(simulated, "", "share of shocks, simulated")
    yield from _named(retail, ".retail", "share of shocks, Online Retail")
    yield from _named(
        lambda cause, seed: retail(cause, seed, part=1 / 3), ".small", "share, Online Retail"
    )


def _named(
    make: Callable[[Cause, int], Iterator[Shocked]], ending: str, unit: str
) -> Iterator[Figure]:
    verdicts = {
        cause: [first_alarm(shocked) for seed in SEEDS for shocked in make(cause, seed)]
        for cause in CAUSES
    }
    right = {
        cause: [verdict.days for verdict in found if verdict.cause == cause]
        for cause, found in verdicts.items()
    }
    many = sum(len(found) for found in verdicts.values())
    yield share(f"named_right{ending}", sum(map(len, right.values())), many, unit)
    for cause in CAUSES:
        name = f"{ending}.{cause.replace(' ', '_')}"
        yield share(f"named_right{name}", len(right[cause]), len(verdicts[cause]), unit)
        days = float(np.median(right[cause])) if right[cause] else float("nan")
        yield Figure(f"found_after{name}", days, "days, median")


def first_alarm(shocked: Shocked) -> Verdict:
    """Check every day from the first one of the shock on, until one alarms."""
    candidates: Iterable[int] = range(1, WITHIN + 1)
    if shocked.cause != "broken feed":  # one pass tells the days that can alarm
        candidates = _suspects(shocked)
    for days in candidates:
        check = check_data(
            shocked.interactions,
            shocked.market,
            as_of=shocked.onset + dt.timedelta(days=days),
            quarantined=shocked.quarantined,
            policy=POLICY,
            markets=WATCHED,
        )
        for finding in check.findings:
            if finding.severity == "alarm":
                return Verdict(finding.cause, days)
    return Verdict(None, WITHIN)


def _suspects(shocked: Shocked) -> list[int]:
    end = shocked.onset + dt.timedelta(days=WITHIN)
    known = MarketDays.of(shocked.interactions, shocked.market, end, shocked.quarantined)
    watched = Watched.of(known, POLICY, WATCHED, daily=True)
    first = known.days - WITHIN
    return [
        n for n in range(1, WITHIN + 1) if watched.faults(first + n) or watched.cause(first + n)
    ]


if __name__ == "__main__":
    report(figures(), wants_json(__doc__))
