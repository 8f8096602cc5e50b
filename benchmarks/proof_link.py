"""Predicted beside true lift: what ten past tests teach about the next one, on known policies.

    python -m restock.benchmarks.proof_link [--json]

Worlds of three simulated markets and some 36 policies each (``link_world``). Again and again, 200
pairs of policies are drawn; 10 of them are past tests, whose lift is measured with a standard
error of .007 (some 40,000 customers per arm with CUPED); the link learns from these, and foretells
the others, whose true lift is known. Intervals hold 95 % of the repetitions: the luck of the
draw, which one team has once. Truth, tests and folds never share a day.

link_tau, link_sign_accuracy: Kendall's tau and share of equal signs, foretold against true lift,
    over the pairs that were not tested.
.declared: the same of the declared objective, without any learning.
.ndcg_at_10, …: the same of one metric alone, over all pairs of the worlds.
.ceiling: the same of the best non-negative weights that all pairs together could give.
.tests_3, .tests_30: with so many past tests.
.unsaturated: with customers to whom an item grows more relevant for longer (half relevant at
    an intensity of .2, not .05): then offline hits stand for what showing an item is worth.
.with_ope: where every pair also has an off-policy estimate, taken as unbiased with a standard
    error of .02 (drawn, not made from logs): the link joins it.
link_coverage: share of true lifts inside the 95 % interval that was foretold.
link_weights_regret: what deciding 190 pairs by learned weights loses to the declared ones: mean
    log lift per decision; below 0 is a gain. link_weights_worse: share of the repetitions in
    which it loses more than twice the standard error of that mean.
"""

from collections.abc import Iterator
from dataclasses import dataclass
from itertools import combinations

import numpy as np
from scipy.optimize import nnls
from scipy.stats import kendalltau

from restock.benchmarks.figures import Figure, report, wants_json
from restock.benchmarks.link_world import MARKETS, make
from restock.benchmarks.rates import share
from restock.dataset.simulate import Shoppers
from restock.evaluation import Objective
from restock.evaluation.folds import FloatArray
from restock.evaluation.link import Ahead, Entry, learn, offline_deltas
from restock.evaluation.link.fit import fit
from restock.evaluation.link.learning import BESIDE, WEIGHED
from restock.evaluation.metrics import metric_name

SEEDS = (11, 12)
PAIRS, TESTS, ERROR, OPE_ERROR = 200, 10, 0.007, 0.02
REPETITIONS = 100
USUAL, UNSATURATED = Shoppers(), Shoppers(half=0.2)
METRICS = tuple(metric_name(stem, 10) for stem in (*WEIGHED, *BESIDE))
DECLARED = np.array([Objective().shares.get(name, 0.0) for name in METRICS])


@dataclass(frozen=True, eq=False)
class Pairs:
    """All pairs of policies of a world. deltas, errors: offline, (pairs × METRICS); lift: the true
    ones (responses × pairs)."""

    deltas: FloatArray
    errors: FloatArray
    lift: FloatArray

    @classmethod
    def make(cls, seed: int, markets: dict[str, int] = MARKETS) -> "Pairs":
        """Of a world of this seed, under both responses; pairs are within a market."""
        deltas, errors, lifts = [], [], []
        for known in make(seed, (USUAL, UNSATURATED), markets):
            for control, treatment in combinations(known.cards, 2):
                found = offline_deltas(known.cards[treatment], known.cards[control], METRICS)
                deltas.append([found[0][name] for name in METRICS])
                errors.append([found[1][name] for name in METRICS])
                lifts.append([np.log(one[treatment] / one[control]) for one in known.revenue])
        return cls(np.array(deltas), np.array(errors), np.array(lifts).T)


@dataclass(frozen=True)
class Repetition:
    """One draw of past tests, and what came of it on the pairs that were not tested."""

    tau: float
    sign: float
    tau_declared: float
    sign_declared: float
    covered: float
    regret: float
    worse: bool


def repeat(pairs: Pairs, response: int, tests: int, random: np.random.Generator) -> Repetition:
    """Draw PAIRS and measure ``tests`` of them; learn, and foretell the others."""
    drawn = random.choice(pairs.lift.shape[1], max(PAIRS, 2 * tests), replace=False)
    arms = random.choice([-1.0, 1.0], drawn.size)  # which of the two is in service
    deltas, errors = pairs.deltas[drawn] * arms[:, None], pairs.errors[drawn]
    lift = pairs.lift[response, drawn] * arms
    measured = lift[:tests] + ERROR * random.normal(size=tests)
    known = fit(
        deltas[:tests], errors[:tests], measured, np.full(tests, ERROR), DECLARED, len(BESIDE)
    )
    rest, truth = deltas[tests:], lift[tests:]
    mean, deviation = known.lifts(rest, errors[tests:])
    before = rest @ DECLARED
    lost = truth * (np.sign(before) - np.sign(rest @ known.weights))
    noise = lost.std(ddof=1) / np.sqrt(lost.size)
    return Repetition(
        *order(mean, truth),
        *order(before, truth),
        covered=float((np.abs(mean - truth) <= 1.96 * deviation).mean()),
        regret=float(lost.mean()),
        worse=bool(lost.mean() > 2 * noise),
    )


def repeat_with_ope(pairs: Pairs, random: np.random.Generator) -> tuple[float, float]:
    """Tau and signs of TESTS past tests, through the ledger's own path, with estimates joined."""
    drawn = random.choice(pairs.lift.shape[1], PAIRS, replace=False)
    lift = pairs.lift[0, drawn]
    known = [
        {
            "name": f"pair-{at}",
            "offline": dict(zip(METRICS, pairs.deltas[pair].tolist(), strict=True)),
            "offline_error": dict(zip(METRICS, pairs.errors[pair].tolist(), strict=True)),
            "ope": float(lift[at] + OPE_ERROR * random.normal()),
            "ope_error": OPE_ERROR,
        }
        for at, pair in enumerate(drawn)
    ]
    tests = [
        Entry.model_validate(
            {
                **known[at],
                "markets": ("FR",),
                "start": "2025-01-01",
                "end": "2025-01-29",
                "control": "a",
                "treatment": "b",
                "lift": lift[at] + ERROR * random.normal(),
                "error": ERROR,
            }
        )
        for at in range(TESTS)
    ]
    link = learn(tests)
    ahead = [link.predict(Ahead.model_validate(one)).value for one in known[TESTS:]]
    return order(np.array(ahead), lift[TESTS:])


def order(foretold: FloatArray, truth: FloatArray) -> tuple[float, float]:
    """Kendall's tau and share of equal signs."""
    tau = float(kendalltau(foretold, truth).statistic)
    return tau, float((np.sign(foretold) == np.sign(truth)).mean())


def figures() -> Iterator[Figure]:
    """All of them; a few minutes, most of it for the worlds."""
    worlds = [Pairs.make(seed) for seed in SEEDS]

    def repeated(response: int, tests: int, times: int) -> list[Repetition]:
        return [
            repeat(world, response, tests, np.random.default_rng([seed, response, tests, at]))
            for seed, world in zip(SEEDS, worlds, strict=True)
            for at in range(times // len(SEEDS))
        ]

    main = repeated(0, TESTS, REPETITIONS)
    yield spread("link_tau", [one.tau for one in main], "tau")
    yield spread("link_sign_accuracy", [one.sign for one in main], "share")
    yield spread("link_tau.declared", [one.tau_declared for one in main], "tau")
    yield spread("link_sign_accuracy.declared", [one.sign_declared for one in main], "share")
    joined = [
        repeat_with_ope(world, np.random.default_rng([seed, at]))
        for seed, world in zip(SEEDS, worlds, strict=True)
        for at in range(REPETITIONS // len(SEEDS))
    ]
    yield spread("link_tau.with_ope", [tau for tau, _ in joined], "tau")
    yield spread("link_sign_accuracy.with_ope", [sign for _, sign in joined], "share")
    best = [ceiling(world) for world in worlds]
    for at, name in enumerate(METRICS):
        alone = [order(world.deltas[:, at], world.lift[0]) for world in worlds]
        yield Figure(f"link_tau.{name}", float(np.mean([tau for tau, _ in alone])), "tau")
        yield Figure(f"link_sign_accuracy.{name}", float(np.mean([s for _, s in alone])), "share")
    yield Figure("link_tau.ceiling", float(np.mean([tau for tau, _ in best])), "tau")
    yield Figure("link_sign_accuracy.ceiling", float(np.mean([s for _, s in best])), "share")
    yield spread("link_coverage", [one.covered for one in main], "share")
    yield spread("link_weights_regret", [one.regret for one in main], "log lift per decision")
    yield share("link_weights_worse", sum(o.worse for o in main), len(main), "share")
    for tests in (3, 30):
        more = repeated(0, tests, REPETITIONS)
        yield spread(f"link_tau.tests_{tests}", [one.tau for one in more], "tau")
        yield spread(f"link_sign_accuracy.tests_{tests}", [one.sign for one in more], "share")
    other = repeated(1, TESTS, REPETITIONS)
    yield spread("link_tau.unsaturated", [one.tau for one in other], "tau")
    yield spread("link_sign_accuracy.unsaturated", [one.sign for one in other], "share")
    yield spread("link_tau.unsaturated.declared", [one.tau_declared for one in other], "tau")
    yield spread(
        "link_sign_accuracy.unsaturated.declared", [one.sign_declared for one in other], "share"
    )


def ceiling(pairs: Pairs) -> tuple[float, float]:
    """Tau and signs of the best non-negative weights, by least squares over all pairs."""
    deltas, lift = pairs.deltas[:, : len(WEIGHED)], pairs.lift[0]
    return order(deltas @ nnls(deltas, lift)[0], lift)


def spread(name: str, values: list[float], unit: str) -> Figure:
    """The mean over repetitions, and what 95 % of them lie between."""
    low, high = (float(edge) for edge in np.quantile(values, [0.025, 0.975]))
    return Figure(name, float(np.mean(values)), unit, low, high)


def main() -> None:
    """Print every figure."""
    report(figures(), wants_json(__doc__))


if __name__ == "__main__":
    main()
