"""Which differences between models are real: every pair, on the same customers."""

import math
from collections.abc import Mapping, Sequence
from itertools import combinations
from typing import NamedTuple

from scipy.stats import t as student

from restock.evaluation.estimates import Mean
from restock.evaluation.lift import LogLift, Yardstick
from restock.evaluation.objective import Objective
from restock.evaluation.scorecard import Scorecard
from restock.evaluation.significance import holm

CONFIDENCE = 0.95


class PairLift(NamedTuple):
    """A model over another: ratio of the objective minus 1, and the two-sided p by Holm."""

    one: str
    other: str
    lift: Mean
    p_value: float


def all_pairs(cards: Mapping[str, Sequence[Scorecard]], objective: Objective) -> list[PairLift]:
    """Every pair of models, in the order given, on common folds, paired by customer.

    cards: key → scorecards, one per fold (or fold and market, money in one currency), of the
    same folds for all. The log-lift and its error are those of ``lift.Measured``, customers with
    all their windows as clusters; its p is Student's with as many degrees of freedom as customers
    less one, two-sided, then adjusted over all pairs (Holm 1979). Pairs that cannot be told (fewer
    than two customers, no spend) are left out.
    """
    found: dict[tuple[str, str], LogLift] = {}
    for one, other in combinations(cards, 2):
        lift = Yardstick(cards[other], [objective]).measure(cards[one]).lift(objective)
        if lift is not None:
            found[one, other] = lift
    adjusted = holm({f"{one}\n{other}": _p(lift) for (one, other), lift in found.items()})
    return [
        PairLift(one, other, _interval(lift), adjusted[f"{one}\n{other}"])
        for (one, other), lift in found.items()
    ]


def _p(lift: LogLift) -> float:
    if lift.error == 0:
        return 1.0 if lift.value == 0 else 0.0
    return float(2 * student.sf(abs(lift.value) / lift.error, lift.customers - 1))


def _interval(lift: LogLift) -> Mean:
    reach = float(student.ppf((1 + CONFIDENCE) / 2, lift.customers - 1)) * lift.error
    low, value, high = (math.expm1(lift.value + by) for by in (-reach, 0.0, reach))
    return Mean(value, low, high)
