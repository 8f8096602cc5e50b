"""Off-policy estimates: how wrong, how sure, and when refused.

    python -m restock.benchmarks.proof_ope

ipw_rel_error, snipw_rel_error: of the worth of bts from the log of random in the Open Bandit
    sample, the mean relative error over 30 bootstrap samples (``open_bandit``).
coverage.ipw, coverage.snipw, coverage.dr: the share of 1,000 made-up logs whose 95 % interval
    holds the target's true worth. Each has 10,000 visits of 2,500 customers, who click more or
    less than others, an effective sample size of half the visits, and an outcome model that is
    off by a third. Beside it the mean standard error over the spread of the estimates.
rips_error_ratio: root mean squared error of RIPS over that of plain list IPS, on 300 logs of
    2,000 lists of five whose readers stop at the first click; with the interval of 2,000 paired
    resamples of the logs.
coverage.rips: the share of these logs whose 95 % interval by RIPS holds the truth.
refused: the share of 200 logs with one weight of 20,000 among 10,000 rows that are refused.
refused_sound: the share of the 1,000 logs above, which are sound, that are refused.
"""

from collections import Counter
from collections.abc import Callable, Iterator

import numpy as np

from restock.benchmarks import open_bandit
from restock.benchmarks.figures import Figure, report, wants_json
from restock.benchmarks.ope_worlds import Cascade, Choices, with_one_weight
from restock.benchmarks.rates import share
from restock.evaluation.ope import (
    Estimate,
    ListSums,
    Sums,
    diagnose,
    dr,
    ips,
    ips_lists,
    refusals,
    rips,
    snips,
)

RUNS, ROWS, CUSTOMERS = 1000, 10_000, 2500
LIST_RUNS, LISTS = 300, 2000
ONE_WEIGHT, REFUSAL_RUNS = 20_000.0, 200

ESTIMATORS: dict[str, Callable[[Sums], Estimate]] = {"ipw": ips, "snipw": snips, "dr": dr}


def main() -> None:
    """Measure and print."""
    report(figures(), wants_json(__doc__))


def figures() -> Iterator[Figure]:
    """All figures above, as they are measured."""
    yield from open_bandit_errors()
    yield from coverage(RUNS)
    yield from lists(LIST_RUNS)
    yield refused(REFUSAL_RUNS)


def open_bandit_errors() -> Iterator[Figure]:
    """The relative errors of both estimators that need no outcome model."""
    log, truth = open_bandit.random_to_bts(), float(open_bandit.log_of("bts")["click"].mean())
    for name, estimator in (("ipw", ips), ("snipw", snips)):
        error = open_bandit.relative_error(estimator, log, truth)
        yield Figure(f"{name}_rel_error", error, "share of the true worth")


def coverage(runs: int) -> Iterator[Figure]:
    """How often intervals hold the truth, and how often sound logs are refused."""
    world = Choices.of(seed=6)
    hits = Counter[str]()
    found_of: dict[str, list[tuple[float, float]]] = {name: [] for name in ESTIMATORS}
    refusals_of_sound, ess = 0, 0.0
    for seed in range(runs):
        sums = Sums.of(world.log(ROWS, CUSTOMERS, np.random.default_rng([6, seed])))
        diagnostics = diagnose(sums)
        ess += diagnostics.ess_share / runs
        refusals_of_sound += bool(refusals(diagnostics))
        for name, estimator in ESTIMATORS.items():
            found = estimator(sums)
            hits[name] += found.low <= world.truth <= found.high
            found_of[name].append((found.value, found.error))
    for name in ESTIMATORS:
        values, errors = np.array(found_of[name]).T
        note = (
            f"standard error / spread {errors.mean() / values.std():.3f}, bias "
            f"{values.mean() / world.truth - 1:+.2%}, ESS {ess:.0%}"
        )
        yield share(f"coverage.{name}", hits[name], runs, "share of logs", note)
    yield share("refused_sound", refusals_of_sound, runs, "share of logs")


def lists(runs: int) -> Iterator[Figure]:
    """The error of RIPS against that of plain list IPS on cascade clicks, and its coverage."""
    world, hits, squares = Cascade.of(seed=6), 0, np.zeros((runs, 2))
    for seed in range(runs):
        sums = ListSums.of(world.log(LISTS, np.random.default_rng([7, seed])))
        found = rips(sums)
        hits += found.low <= world.truth <= found.high
        squares[seed] = np.square(np.array([found.value, ips_lists(sums).value]) - world.truth)
    generator = np.random.default_rng(6)
    again = squares[generator.integers(0, runs, (2000, runs))].mean(axis=1)
    low, high = np.quantile(np.sqrt(again[:, 0] / again[:, 1]), [0.025, 0.975])
    ratio = float(np.sqrt(squares[:, 0].mean() / squares[:, 1].mean()))
    yield Figure("rips_error_ratio", ratio, "of plain list IPS", float(low), float(high))
    yield share("coverage.rips", hits, runs, "share of logs")


def refused(runs: int) -> Figure:
    """How often a log that rests on one row is refused."""
    world = Choices.of(seed=6)
    count, ess = 0, 0.0
    for seed in range(runs):
        log = world.log(ROWS, CUSTOMERS, np.random.default_rng([8, seed]))
        diagnostics = diagnose(with_one_weight(log, ONE_WEIGHT))
        ess += diagnostics.ess / runs
        count += bool(refusals(diagnostics))
    return share("refused", count, runs, "share of logs", f"ESS {ess:.2f}")


if __name__ == "__main__":
    main()
