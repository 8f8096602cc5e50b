"""What was tried, beside the pooled choice: raw, shrunk, and how surely."""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from typing import NamedTuple

import numpy as np
from numpy.typing import NDArray

from restock.evaluation.folds import FloatArray
from restock.tuning import shrinkage
from restock.tuning.brief import Brief
from restock.tuning.costs import seconds
from restock.tuning.trials import ALL, Lift, Outcome

NOISE_Z = 0.5
"""Standard errors by which a market's own difference must exceed 0 before it is followed."""
SMALL_NOISE_Z = 1.64
"""The same below ``half_way`` customers."""


@dataclass(frozen=True, eq=False)
class Pooled:
    """What was tried over all markets; p candidates, m markets.

    outcomes: those that no other dominates, by trial. columns: market → column. lifts, errors,
    customers: (p × m), NaN where a market has none. whole: log-lifts over all markets (p).
    cost: seconds of a fit on all lines and its lists (p). reference: row of the pooled choice:
    of those that tie with the best the cheapest. tau2: variance of true differences between
    markets, by family.
    """

    brief: Brief
    outcomes: list[Outcome]
    columns: dict[str, int]
    lifts: FloatArray
    errors: FloatArray
    customers: FloatArray
    whole: FloatArray
    cost: FloatArray
    reference: int
    tau2: dict[str, float]

    @classmethod
    def of(cls, outcomes: Sequence[Outcome], brief: Brief) -> "Pooled":
        """From outcomes of the place ALL at the top rung, at least one."""
        size, tie = brief.size(ALL), brief.setting.policy.tie
        whole = np.array([one.lift.value if one.lift else np.nan for one in outcomes])
        cost = np.array([seconds(one.trial.candidate, size) for one in outcomes])
        columns, numbers = _by_market(outcomes)
        front = shrinkage.undominated(np.column_stack([whole, numbers[0]]), cost)
        keep = np.flatnonzero(front)
        lifts, errors, customers = numbers[:, keep]
        whole, cost, kept = whole[keep], cost[keep], [outcomes[int(at)] for at in keep]
        near = np.flatnonzero(whole >= whole.max() - tie)
        reference = int(near[np.argmin(cost[near])])
        families = np.array([one.trial.study.family for one in kept])
        tau2 = _between_markets(lifts, errors, customers, whole, reference, families)
        return cls(
            brief=brief, outcomes=kept, columns=columns, lifts=lifts, errors=errors,
            customers=customers, whole=whole, cost=cost,
            reference=reference, tau2=tau2,
        )  # fmt: skip

    @property
    def choice(self) -> Outcome:
        """The outcome of the pooled choice."""
        return self.outcomes[self.reference]

    def at(self, row: int, market: str) -> Lift | None:
        """The lift of a candidate in a market."""
        return self.outcomes[row].markets.get(market)

    def share(self, market: str) -> float:
        """A market's share of the lines, and so of what a pooled fit costs."""
        sizes = self.brief.sizes
        return sizes[market].lines / max(sum(size.lines for size in sizes.values()), 1)


@dataclass(frozen=True, eq=False)
class Own:
    """What was tried for one market alone, beside the pooled choice there (q candidates).

    gain: measured log-lift minus that of the pooled choice (q). variance: of that. customers:
    of the market (q). families: of models (q).
    """

    outcomes: list[Outcome]
    gain: FloatArray
    variance: FloatArray
    customers: FloatArray
    families: list[str]

    @classmethod
    def of(cls, market: str, outcomes: Sequence[Outcome], pooled: Pooled) -> "Own":
        """From the market's outcomes at the top rung.

        Nothing where the pooled choice has no lift there: then there is nothing to compare with.
        """
        reference = pooled.at(pooled.reference, market)
        theirs = reference or Lift(value=0.0, error=0.0, customers=0)
        found = [(one, one.lift) for one in outcomes if reference and one.lift]
        families = [one.trial.study.family for one, _ in found]
        errors = np.array([lift.error for _, lift in found])
        kin = np.array([name == pooled.choice.trial.study.family for name in families], dtype=bool)
        return cls(
            outcomes=[one for one, _ in found],
            gain=np.array([lift.value - theirs.value for _, lift in found]),
            variance=shrinkage.difference_variance(errors, np.array(theirs.error), kin),
            customers=np.array([float(lift.customers) for _, lift in found]),
            families=families,
        )


class OwnPrior(NamedTuple):
    """What a family tried in a market alone is held to gain over the pooled choice, before its
    number there counts: a normal with this mean, not above 0, and variance (log-lifts)."""

    mean: float
    tau2: float


@dataclass(frozen=True, eq=False)
class Weighed:
    """Everything that a market can choose between but the pooled choice.

    gain: shrunk log-lift over the pooled choice. weight: of the market's own number in it. sure:
    bool, the own number is beyond noise.
    """

    outcomes: list[Outcome]
    gain: FloatArray
    weight: FloatArray
    sure: NDArray[np.bool_]


def weigh(market: str, own: Own, pooled: Pooled, priors: Mapping[str, OwnPrior]) -> Weighed:
    """Shrink a market's numbers: toward those of all markets, or toward what markets gain alone.

    priors: of every family in ``own``, see ``own_priors``.
    """
    half_way = pooled.brief.setting.policy.half_way
    rest = np.flatnonzero(np.arange(len(pooled.outcomes)) != pooled.reference)
    families = [pooled.outcomes[row].trial.study.family for row in rest]
    tau2 = np.array([pooled.tau2[family] for family in families])
    everywhere = pooled.whole[rest] - pooled.whole[pooled.reference]
    column = pooled.columns.get(market)
    if column is None:
        here, variance, customers = np.full((3, rest.size), np.nan)
    else:
        theirs = pooled.reference, column
        here = pooled.lifts[rest, column] - pooled.lifts[theirs]
        kin = _kin(pooled, rest)
        errors = pooled.errors[rest, column]
        variance = shrinkage.difference_variance(errors, pooled.errors[theirs], kin)
        customers = pooled.customers[rest, column]
    mean, own_tau2 = np.array([priors[name] for name in own.families]).reshape(-1, 2).T
    weight = np.concatenate(
        [
            shrinkage.belief(customers, variance, tau2, half_way),
            shrinkage.belief(own.customers, own.variance, own_tau2, half_way),
        ]
    )
    raw = np.concatenate([here, own.gain])
    centre = np.concatenate([everywhere, mean])
    small = np.nan_to_num(np.concatenate([customers, own.customers])) < half_way
    z = np.where(small, SMALL_NOISE_Z, NOISE_Z)
    gain = np.where(weight > 0, weight * np.nan_to_num(raw) + (1 - weight) * centre, centre)
    with np.errstate(invalid="ignore"):
        sure = raw > z * np.sqrt(np.concatenate([variance, own.variance]))
    return Weighed([pooled.outcomes[row] for row in rest] + own.outcomes, gain, weight, sure)


def own_priors(tables: Sequence[Own]) -> dict[str, OwnPrior]:
    """By family, from its best in each market: what more of them than the best would say is how
    bad the bad ones are.

    Families are apart because a hopeless one tells nothing of the others: thrown together with
    a good one, its many losses would pass for evidence that nobody gains. Mean and variance are
    found in turns, the mean weighted by precision (Morris, "Parametric empirical Bayes
    inference", JASA 1983) and never above 0.
    """
    found: dict[str, list[tuple[float, float]]] = {}
    for table in tables:
        for family in sorted(set(table.families)):
            rows = [at for at, name in enumerate(table.families) if name == family]
            best = max(rows, key=lambda at: table.gain[at])
            number = float(table.gain[best]), float(table.variance[best])
            found.setdefault(family, []).append(number)
    return {family: _prior(*np.array(numbers).T) for family, numbers in found.items()}


def _prior(gains: FloatArray, variance: FloatArray) -> OwnPrior:
    tau2, mean = 0.0, 0.0
    for _ in range(shrinkage.ROUNDS):
        precision = 1 / (tau2 + variance + 1e-12)
        mean = min(float(precision @ gains / precision.sum()), 0.0)
        tau2 = shrinkage.prior_variance((gains - mean) ** 2, variance, np.ones(gains.size))
    return OwnPrior(mean, tau2)


def _by_market(outcomes: Sequence[Outcome]) -> tuple[dict[str, int], FloatArray]:
    """The columns, and lift, error and customers of each outcome in each (3 × p × m)."""
    names = sorted({market for one in outcomes for market in one.markets})
    columns = {name: at for at, name in enumerate(names)}
    numbers = np.full((3, len(outcomes), len(names)), np.nan)
    for row, one in enumerate(outcomes):
        for name, lift in one.markets.items():
            numbers[:, row, columns[name]] = lift.value, lift.error, lift.customers
    return columns, numbers


def _between_markets(
    lifts: FloatArray,
    errors: FloatArray,
    customers: FloatArray,
    whole: FloatArray,
    reference: int,
    families: NDArray[np.str_],
) -> dict[str, float]:
    """How much candidates of each family truly differ from market to market (variance).

    A market that is most of the whole cannot differ much from it: with share s of the customers
    the square of its difference is expected to be (1 - s)² of the others'.
    """
    away = (lifts - lifts[reference]) - (whole - whole[reference])[:, None]
    kin = (families == families[reference])[:, None]
    variance = shrinkage.difference_variance(errors, errors[reference], kin)
    share = np.nan_to_num(customers[reference])
    rest = np.broadcast_to((1 - share / max(share.sum(), 1.0)) ** 2, away.shape)
    tau2 = {}
    for family in np.unique(families):
        rows = np.flatnonzero((families == family) & (np.arange(len(families)) != reference))
        tau2[str(family)] = shrinkage.prior_variance(
            (away[rows] ** 2).ravel(), variance[rows].ravel(), rest[rows].ravel()
        )
    return tau2


def _kin(pooled: Pooled, rows: NDArray[np.int64]) -> NDArray[np.bool_]:
    family = pooled.choice.trial.study.family
    return np.array([pooled.outcomes[row].trial.study.family == family for row in rows], dtype=bool)
