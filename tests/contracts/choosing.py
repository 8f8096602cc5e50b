"""Outcomes of a search without a search: lifts by market, as a test wants them."""

from collections.abc import Mapping, Sequence
from typing import Any

from restock.evaluation import Objective
from restock.evaluation.contest import FoldPlan
from restock.models import Candidate
from restock.tuning.brief import Brief
from restock.tuning.costs import Size
from restock.tuning.policy import SearchPolicy
from restock.tuning.setting import Setting
from restock.tuning.trials import ALL, Lift, Origin, Outcome, StudyKey, Trial

TOP = 2
SD = 0.6
"""Standard deviation of a customer's contribution to a lift, as in the sample."""


def lift(value: float, customers: int) -> Lift:
    """A lift with the error that so many customers give."""
    return Lift(value=value, error=SD / max(customers, 1) ** 0.5, customers=customers)


def brief_for(customers: Mapping[str, int], **policy: Any) -> Brief:
    """Markets with so many customers to judge."""
    return Brief(
        markets=tuple(customers),
        sizes={m: Size(lines=80 * n + 1, customers=4 * n, items=800) for m, n in customers.items()},
        families=("sar", "item_knn"),
        setting=Setting(
            fold_plans=dict.fromkeys(customers, FoldPlan()),
            objectives=dict.fromkeys(customers, Objective()),
            policy=SearchPolicy(**policy),
        ),
        trials=1,
    )


def trial(where: str, name: str, index: int, origin: Origin = "asked", **config: Any) -> Trial:
    """Trial ``index`` of a study; its half-life tells it apart."""
    candidate = Candidate(
        name=name,
        config={"half_life_days": 30.0 + index, **config},
        scope="pooled" if where == ALL else "market",
    )
    return Trial(
        study=StudyKey(where=where, family=name), index=index, origin=origin, candidate=candidate
    )


def everywhere(
    tried: Trial, values: Sequence[float], customers: Mapping[str, int], rung: int = TOP
) -> Outcome:
    """The outcome of a candidate fitted on all markets: a log-lift in each, in order."""
    total = sum(customers.values())
    whole = sum(v * n for v, n in zip(values, customers.values(), strict=True)) / max(total, 1)
    return Outcome(
        trial=tried,
        rung=rung,
        windows=(3, 4, 5),
        lift=lift(whole, total),
        markets={m: lift(v, n) for (m, n), v in zip(customers.items(), values, strict=True) if n},
    )


def alone(tried: Trial, value: float, customers: int, rung: int = TOP) -> Outcome:
    """The outcome of a candidate that was tried in one market."""
    return Outcome(trial=tried, rung=rung, windows=(3, 4, 5), lift=lift(value, customers))
