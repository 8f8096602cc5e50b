"""The objective of a market: which metrics count how much, and what must not be lost."""

import math
from collections.abc import Iterable, Mapping
from typing import Self

from pydantic import BaseModel, ConfigDict, Field, model_validator

from restock.evaluation import metrics as m

PSEUDO_CUSTOMERS = 10.0
"""Customers' worth of the pooled value that both sides of a ratio are given."""


class Objective(BaseModel):
    """Weights and guardrails of a market's objective.

    The utility of a candidate against the incumbent on the same customers is the weighted
    geometric mean of the metrics' ratios, ``U = prod((m_i / incumbent_i) ** w_i)``: 1 is as
    good as the incumbent, 1.03 three per cent better. A ratio does not depend on the other
    candidates, so a dominated candidate that joins the list cannot change the winner, as it
    can where metrics are scaled by the list's minimum and maximum.
    """

    model_config = ConfigDict(frozen=True, extra="forbid", use_attribute_docstrings=True)

    weights: dict[str, float] = Field(
        default={"ndcg_at_10": 0.6, "revenue_share_at_10": 0.4}, validate_default=True
    )
    """Metric → weight above 0. Only proportions count: they are divided by their sum."""

    guardrails: dict[str, float] = Field(
        default={"revenue_capture_at_10": 0.05}, validate_default=True
    )
    """Metric → delta in 0 … 1: the lower bound of its ratio must stay above 1 - delta."""

    @model_validator(mode="after")
    def _check(self) -> Self:
        if not self.weights:
            raise ValueError("an objective needs at least one weighted metric")
        for name, weight in self.weights.items():
            if m.parse_name(name)[0] in (*m.LISTED, *m.OF_ALL_LISTS):
                raise ValueError(f"{name} describes lists, not their value: guard it instead")
            if not 0 < weight < math.inf:
                raise ValueError(f"the weight of {name} must be above 0, not {weight}")
        for name, delta in self.guardrails.items():
            if m.parse_name(name)[0] == "gini":
                raise ValueError(f"{name} is better when lower: guard coverage instead")
            if not 0 <= delta < 1:
                raise ValueError(f"the guardrail of {name} must lie in 0 … 1, not {delta}")
        return self

    @classmethod
    def at(cls, k: int) -> Self:
        """The default objective for lists of ``k``."""
        default = cls()

        def renamed(values: Mapping[str, float]) -> dict[str, float]:
            return {m.metric_name(m.parse_name(name)[0], k): v for name, v in values.items()}

        return cls(weights=renamed(default.weights), guardrails=renamed(default.guardrails))

    @property
    def shares(self) -> dict[str, float]:
        """The weights, summing to 1."""
        total = sum(self.weights.values())
        return {name: weight / total for name, weight in self.weights.items()}

    def utility(
        self,
        candidate: Mapping[str, float],
        incumbent: Mapping[str, float],
        *,
        pooled: Mapping[str, float] | None = None,
        customers: float = math.inf,
    ) -> float:
        """U of a candidate's means (``Scorecard.mean()``) against the incumbent's.

        With ``pooled`` and the number of customers, both means are shrunk toward the pooled
        value first (see ``shrunk_ratio``).
        """
        return math.exp(
            sum(
                share
                * math.log(
                    shrunk_ratio(
                        candidate[name], incumbent[name], (pooled or {}).get(name), customers
                    )
                )
                for name, share in self.shares.items()
            )
        )

    def best(
        self,
        candidates: Mapping[str, Mapping[str, float]],
        incumbent: str,
        *,
        pooled: Mapping[str, float] | None = None,
        customers: float = math.inf,
    ) -> str:
        """The candidate of the Pareto front with the greatest U; equal ones in order of key.

        candidates: key → means, the incumbent among them. This ranks point estimates; whether
        the difference is real is for ``compare`` and the gate to say.
        """
        front = pareto_front(candidates, self.weights)
        utility = {
            key: self.utility(
                candidates[key], candidates[incumbent], pooled=pooled, customers=customers
            )
            for key in front
        }
        return min(front, key=lambda key: (-utility[key], key))


def shrunk_ratio(
    candidate: float, incumbent: float, pooled: float | None = None, customers: float = math.inf
) -> float:
    """Ratio of two means of n customers after both were given 10 customers of the pooled value.

    (n·m + 10·p) / (n·m' + 10·p). The same pooled value p (default: the mean of both sides)
    goes into numerator and denominator, so the ratio stays on its side of 1, tends to the
    plain ratio as n grows and to 1 as n goes to nothing; a zero in a small market gives
    neither 0 nor infinity. Two zeros are equal: 1.
    """
    prior = (candidate + incumbent) / 2 if pooled is None else pooled
    extra = prior * PSEUDO_CUSTOMERS / customers + 1e-12
    return (candidate + extra) / (incumbent + extra)


def pareto_front(
    candidates: Mapping[str, Mapping[str, float]], metrics: Iterable[str]
) -> list[str]:
    """Keys of the candidates that no other is at least as good as in all and better in one."""
    names = list(metrics)
    values = {key: [means[name] for name in names] for key, means in candidates.items()}

    def dominated(mine: list[float]) -> bool:
        return any(
            other != mine and all(o >= v for o, v in zip(other, mine, strict=True))
            for other in values.values()
        )

    return [key for key, mine in values.items() if not dominated(mine)]
