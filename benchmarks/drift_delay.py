"""How soon is a fall of realised performance found, and how often is one found that is none?

cusum_alarm_rate   markets in which nothing fell that alarm within 275 days, of all sizes; the
                   same by size
delay_days_5pct    median days from the first day that realised ndcg is 5 % lower to the morning
                   of the alarm, in markets of 500 orders a day
delay_days_10pct   the same of 10 %
delay_days.S.P     the same for markets of S orders a day and a fall by P %; infinite where most
                   falls were not found within 100 days

Orders are simulated and lists are real (``drift_world``); smaller markets are drawn from the
customers of a larger one. A fall by 5 % is planted by giving one order in twenty a list without a
hit. The days that a result waits for its label are in the delays. (An order is all that a customer
buys on one day: orders a day are ordering customers a day.)
"""

from collections.abc import Iterator
from functools import cache

import numpy as np
from numpy.typing import NDArray

from restock.benchmarks.drift_world import LEARNING, START, WATCHED, Orders, judged, ledger, markets
from restock.benchmarks.figures import Figure, report, wants_json
from restock.monitoring.performance import Watch
from restock.monitoring.policy import DriftPolicy

SIZES = {1000: 1, 500: 2, 200: 5, 100: 10, 50: 20, 20: 30}
"""Orders a day → how many such markets a world gives at most."""
LARGE, SMALL = (61, 62), (71, 72, 73, 74, 75, 76)
"""Seeds of worlds with 1,000 and with 100 orders a day; none that thresholds were chosen on."""
FALLS = (0.02, 0.05, 0.1, 0.2)
WITHIN = 100
STARTS = range(LEARNING + 10, LEARNING + WATCHED - WITHIN, 15)
MOST_MARKETS = 3
"""Markets of a size and world that falls are planted in."""
Delays = NDArray[np.float64]


def figures() -> Iterator[Figure]:
    """Alarms without a fall, then delays."""
    alarms = quiet_alarms()
    every = np.concatenate(list(alarms.values()))
    yield _share("cusum_alarm_rate", every)
    for size, found in sorted(alarms.items(), reverse=True):
        yield _share(f"cusum_alarm_rate.{size}", found)
    for fall in (0.05, 0.1):
        yield _median(f"delay_days_{fall:.0%}".replace("%", "pct"), delays(500, fall))
    for size in SIZES:
        for fall in FALLS:
            yield _median(f"delay_days.{size}.{fall:.0%}".rstrip("%"), delays(size, fall))


def quiet_alarms() -> dict[int, NDArray[np.bool_]]:
    """Size → whether each market in which nothing fell alarms on any of the watched days."""
    found: dict[int, list[bool]] = {size: [] for size in SIZES}
    for seed in (*LARGE, *SMALL):
        for size, most in SIZES.items():
            for market in _markets(seed, size, most):
                found[size].append(bool(_alarms(market).any()))
    return {size: np.array(alarms) for size, alarms in found.items()}


@cache
def delays(size: int, fall: float) -> Delays:
    """Days until each planted fall was found, infinite for those not found within 100.

    Falls that begin while an alarm is on are left out.
    """
    found = []
    seeds = LARGE if size > 100 else (*LARGE, *SMALL)
    for seed in seeds:
        for market in _markets(seed, size, MOST_MARKETS):
            for start in STARTS:
                alarms = _alarms(market.degraded(fall, start, seed=start))
                if alarms[start - 1]:
                    continue
                late = np.flatnonzero(alarms[start : start + WITHIN])
                found.append(late[0] + 1 + DriftPolicy().label_delay_days if late.size else np.inf)
    return np.array(found)


def _alarms(orders: Orders) -> NDArray[np.bool_]:
    """Of each day of the ledger, whether an alarm is on once the day is final."""
    watched = Watch.of(ledger(orders), DriftPolicy())
    last = watched.periods["last"].to_numpy(np.int64)
    day = np.arange(LEARNING + WATCHED) + int(np.datetime64(START).astype(np.int64))
    at = np.searchsorted(last, day, side="right") - 1
    return np.where(at >= 0, watched.path.alarms[at], False)


@cache
def _world(seed: int) -> Orders:
    return judged(1000 if seed in LARGE else 100, seed)


def _markets(seed: int, size: int, most: int) -> Iterator[Orders]:
    world = _world(seed)
    if size < 1.2 * world.per_day:
        yield from markets(world, size, most, seed)


def _share(figure: str, alarms: NDArray[np.bool_]) -> Figure:
    return Figure(figure, float(alarms.mean()), f"of {alarms.size} markets in 275 days")


def _median(figure: str, found: Delays) -> Figure:
    """The median, and the 10 % and 90 % quantiles."""
    low, value, high = np.quantile(found, [0.1, 0.5, 0.9], method="inverted_cdf")
    return Figure(figure, float(value), f"days, {found.size} falls", float(low), float(high))


if __name__ == "__main__":
    report(figures(), wants_json(__doc__))
