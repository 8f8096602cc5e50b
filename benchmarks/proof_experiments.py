"""A/B experiments: how often nothing is called something, and what the designs promise.

    python -m restock.benchmarks.proof_experiments

Rates are of 10,000 experiments in which both arms are treated alike (A/A): arms are drawn at
random over the customers of one market of the fitted simulator (no suffix), and with replacement
from the customers of Great Britain in Online Retail (``.online_retail``); 28 days, with the 84
days before as covariates. At 5 %:

aa_rate.t: revenue per customer, Welch's t.
aa_rate.delta: revenue per order, delta method.
aa_rate.cuped: revenue per customer, adjusted by the time before.
aa_rate.cluster: orders per customer, where stores of about twelve customers are assigned.
aa_rate_naive.ratio: revenue per order as if orders were independent.
aa_rate_naive.cluster: orders per customer as if the customers of a store were independent.
peeking_rate: experiments in which the anytime interval of adjusted revenue leaves out 0 on any
    of 28 daily looks.
peeking_rate_naive: the same of the interval that is meant for one look.
cuped_reduction: share of the variance of revenue per customer that the time before takes away;
    the interval is that of 2,000 bootstrap samples of the customers.
srm_caught: of 10,000 assignments of 100,000 customers at 51 / 49, those with p < .001.
srm_false_alarms: the same at 50 / 50.
power_ratio: found effects of 4,000 experiments with 8 % more revenue in one arm, at the size that
    the design asks for a power of 80 %, over that power.
"""

from collections.abc import Callable, Iterator

import numpy as np
import pandas as pd

from restock.benchmarks.experiment_rates import Found, Terms, analyzed, resampled, split
from restock.benchmarks.experiment_worlds import DAYS, World
from restock.benchmarks.figures import Figure, report, wants_json
from restock.benchmarks.rates import share
from restock.evaluation.experiments import METRICS, power, sample_ratio_p
from restock.evaluation.folds import FloatArray

RUNS, BLOCK = 10_000, 500
SRM_RUNS, SRM_CUSTOMERS = 10_000, 100_000
POWER_RUNS, EFFECT, POWER = 4000, 0.08, 0.8

Draw = Callable[[int, int, np.random.Generator], tuple[FloatArray, FloatArray]]


def main() -> None:
    """Measure and print."""
    report(figures(), wants_json(__doc__))


def figures() -> Iterator[Figure]:
    """All figures above, as they are measured."""
    yield from sample_ratios()
    for world, draw in ((World.simulated(), split), (World.online_retail(), with_replacement)):
        suffix = "" if world.name == "simulator" else f".{world.name}"
        yield from false_positives(world, draw, suffix, RUNS)
        yield from peeking(world, draw, suffix, RUNS)
        yield cuped_reduction(world, suffix)
        yield power_ratio(world, suffix, POWER_RUNS)


def with_replacement(
    units: int, draws: int, generator: np.random.Generator
) -> tuple[FloatArray, FloatArray]:
    """Two arms of half as many units as there are."""
    return resampled(units, units // 2, draws, generator)


def sample_ratios() -> Iterator[Figure]:
    """How often arms that are off are caught, and sound ones are not let through."""
    generator = np.random.default_rng(6)
    for name, chance in (("srm_caught", 0.51), ("srm_false_alarms", 0.5)):
        caught = 0
        for treated in generator.binomial(SRM_CUSTOMERS, chance, SRM_RUNS).tolist():
            counts = {"control": SRM_CUSTOMERS - treated, "treatment": treated}
            caught += sample_ratio_p(counts, {"control": 0.5, "treatment": 0.5}) < 0.001
        yield share(name, caught, SRM_RUNS, "share of assignments")


def false_positives(world: World, draw: Draw, suffix: str, runs: int) -> Iterator[Figure]:
    """Rates of all tests, right and naive, when nothing was done."""
    units = world.units()
    right = {
        "t": Terms.of(units, "revenue", None, cuped=False),
        "delta": Terms.of(units, "revenue", "orders", cuped=False),
        "cuped": Terms.of(units, "revenue", None, cuped=True),
    }
    for name, terms in right.items():
        found = _significant(terms.matrix(), draw, runs, analyzed)
        yield share(f"aa_rate.{name}{suffix}", found, runs, "share of experiments")
    by_order = np.column_stack([units["orders"], units["revenue"], world.order_squares()])
    found = _significant(by_order.astype(np.float64), draw, runs, _as_independent)
    yield share(f"aa_rate_naive.ratio{suffix}", found, runs, "share of experiments")
    stores = by_store(*world.stores())
    found = _significant(
        Terms.of(stores, "orders", "customers", cuped=False).matrix(), draw, runs, analyzed
    )
    yield share(f"aa_rate.cluster{suffix}", found, runs, "share of experiments")
    naive = stores[["customers", "orders", "squares"]].to_numpy(np.float64)
    found = _significant(naive, draw, runs, _as_independent)
    yield share(f"aa_rate_naive.cluster{suffix}", found, runs, "share of experiments")


def by_store(units: pd.DataFrame, store: FloatArray) -> pd.DataFrame:
    """Sums of the customers of each store, their number, and the sum of their squared orders."""
    more = units.assign(customers=1.0, squares=units["orders"] ** 2)
    return more.groupby(store).sum()


def peeking(world: World, draw: Draw, suffix: str, runs: int) -> Iterator[Figure]:
    """How often any of the daily looks sees an effect that is not there."""
    daily = [world.units(day) for day in range(1, DAYS + 1)]
    sums = [Terms.of(units, "revenue", None, cuped=True).matrix() for units in daily]
    anytime = naive = 0
    for control, treatment in _arms(len(daily[0]), draw, runs):
        ever, once = np.zeros((2, len(control)), dtype=bool)
        for matrix in sums:
            found = analyzed(control @ matrix, treatment @ matrix)
            ever |= found.outside()
            once |= found.p_value < 0.05
        anytime += int(ever.sum())
        naive += int(once.sum())
    yield share(f"peeking_rate{suffix}", anytime, runs, "share of experiments")
    yield share(f"peeking_rate_naive{suffix}", naive, runs, "share of experiments")


def cuped_reduction(world: World, suffix: str) -> Figure:
    """1 - variance with over variance without, which is the squared correlation."""
    units = world.units()
    now, before = units["revenue"].to_numpy(), units["revenue_before"].to_numpy()
    generator = np.random.default_rng(6)
    drawn = generator.integers(0, now.size, (2000, now.size))
    again = [float(np.corrcoef(now[rows], before[rows])[0, 1] ** 2) for rows in drawn]
    value = float(np.corrcoef(now, before)[0, 1] ** 2)
    low, high = np.quantile(again, [0.025, 0.975])
    return Figure(f"cuped_reduction{suffix}", value, "share of variance", float(low), float(high))


def power_ratio(world: World, suffix: str, runs: int) -> Figure:
    """Found effects at the designed size over the power that was designed."""
    units = world.units()
    needed = power(units, METRICS["revenue"], effect=EFFECT, power=POWER).customers // 2
    treated = units.assign(revenue=units["revenue"] * (1 + EFFECT))
    matrices = [Terms.of(one, "revenue", None, cuped=True).matrix() for one in (units, treated)]
    generator, found = np.random.default_rng(8), 0
    for start in range(0, runs, 100):
        arms = resampled(len(units), needed, min(100, runs - start), generator)
        result = analyzed(arms[0] @ matrices[0], arms[1] @ matrices[1])
        found += int(((result.p_value < 0.05) & (result.t > 0)).sum())
    figure = share("", found, runs, "")
    low, high = (None if end is None else end / POWER for end in (figure.low, figure.high))
    note = f"{needed:,} customers an arm"
    value = figure.value / POWER
    return Figure(f"power_ratio{suffix}", value, "of the design's", low, high, agreement=note)


def _arms(units: int, draw: Draw, runs: int) -> Iterator[tuple[FloatArray, FloatArray]]:
    generator = np.random.default_rng(7)
    for start in range(0, runs, BLOCK):
        yield draw(units, min(BLOCK, runs - start), generator)


def _significant(
    matrix: FloatArray, draw: Draw, runs: int, test: Callable[[FloatArray, FloatArray], Found]
) -> int:
    return sum(
        int((test(control @ matrix, treatment @ matrix).p_value < 0.05).sum())
        for control, treatment in _arms(len(matrix), draw, runs)
    )


def _as_independent(control: FloatArray, treatment: FloatArray) -> Found:
    """Welch's t on things that are not independent: sums of 1, value, value² (draws × 3)."""
    (n0, m0, v0), (n1, m1, v1) = (_moments(sums) for sums in (control, treatment))
    error2 = v0 / n0 + v1 / n1
    df = error2**2 / ((v0 / n0) ** 2 / (n0 - 1) + (v1 / n1) ** 2 / (n1 - 1))
    nothing = np.full_like(error2, np.nan)
    return Found((m1 - m0) / np.sqrt(error2), df, nothing, nothing, nothing, nothing)


def _moments(sums: FloatArray) -> tuple[FloatArray, FloatArray, FloatArray]:
    """Count, mean and variance of each draw."""
    n, mean = sums[:, 0], sums[:, 1] / sums[:, 0]
    return n, mean, (sums[:, 2] - n * mean**2) / (n - 1)


if __name__ == "__main__":
    main()
