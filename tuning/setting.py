"""What all steps of a search share, and what a trial leaves for mixtures and the gate."""

import datetime as dt
from collections import Counter
from dataclasses import dataclass
from functools import cached_property

import numpy as np
from numpy.typing import NDArray
from pydantic import BaseModel, ConfigDict, Field

from restock.dataset.catalogue import IntArray
from restock.evaluation.contest import FoldPlan, Judgement
from restock.evaluation.metrics import parse_name
from restock.evaluation.objective import Objective
from restock.tuning.policy import SearchPolicy


class Setting(BaseModel):
    """How the markets of a search are split and judged, and how it spends. JSON both ways."""

    model_config = ConfigDict(frozen=True, extra="forbid", use_attribute_docstrings=True)

    fold_plans: dict[str, FoldPlan]
    """Market → its folds: as many windows as are selected and reported on together."""

    objectives: dict[str, Objective]
    """Market → what counts there; the same markets as ``fold_plans``."""

    rates: dict[str, float] = Field(default_factory=dict)
    """Market → units of the reporting currency for one of the market's own; 1 unless named."""

    policy: SearchPolicy = SearchPolicy()
    """How the search spends and decides."""

    seed: int = 0
    """Of every fit: configurations are compared under equal chances."""

    @property
    def markets(self) -> tuple[str, ...]:
        """The markets of the search, sorted."""
        return tuple(sorted(self.fold_plans))

    @cached_property
    def pooled_objective(self) -> Objective:
        """What counts over all markets: the objective of most of them; of equals, the first's."""
        of_market = [self.objectives[market] for market in self.markets]
        votes = Counter(objective.model_dump_json() for objective in of_market)
        return max(of_market, key=lambda objective: votes[objective.model_dump_json()])

    @cached_property
    def pooled_markets(self) -> tuple[str, ...]:
        """Markets that are added up: those with lists of the pooled objective's length."""
        _, k, _ = parse_name(next(iter(self.pooled_objective.weights)))
        return tuple(market for market in self.markets if self.fold_plans[market].k == k)


@dataclass(frozen=True, eq=False)
class Ballot:
    """The lists of a trial on one fold, longer than what is judged, with their raw scores.

    customer: int32 (n), the judged customers of the fold in its order. items: int32 (n ×
    ``SearchPolicy.ballots``), -1 where the model has nothing of its own to say. scores:
    float32 (n × the same), the model's raw scores, 0 at -1.
    """

    market: str
    cutoff: dt.date
    customer: IntArray
    items: IntArray
    scores: NDArray[np.float32]


@dataclass(frozen=True)
class Kept:
    """What is stored of a trial at the top rung: a scorecard and a ballot per fold.

    The scorecards lie under the key of the trial's candidate, money in the market's currency.
    """

    judgements: list[Judgement]
    ballots: list[Ballot]
