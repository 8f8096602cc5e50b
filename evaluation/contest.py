"""Candidates against each other on the same folds: one unit of work at a time."""

import datetime as dt
import logging
from collections.abc import Collection, Mapping
from dataclasses import dataclass, field
from typing import Any, Literal

import numpy as np
from pydantic import BaseModel, ConfigDict

from restock.dataset import Interactions
from restock.evaluation.folds import Fold, rolling_folds
from restock.evaluation.judging import evaluate
from restock.evaluation.scorecard import Scorecard
from restock.models import Candidate, FitContext, Recommender

logger = logging.getLogger(__name__)


class FoldPlan(BaseModel):
    """How a market is split: the arguments of ``rolling_folds`` and the length of a list."""

    model_config = ConfigDict(frozen=True, extra="forbid")

    horizon_days: int = 28
    windows: int = 6
    min_item_orders: int = 1
    item_window_days: int | None = None
    k: int = 10

    def folds(self, interactions: Interactions, only: Collection[int] | None = None) -> list[Fold]:
        """The folds of these interactions under this plan, oldest first.

        only: some windows alone, counted back from the newest, which is 0.
        """
        return rolling_folds(
            interactions,
            horizon_days=self.horizon_days,
            windows=self.windows,
            min_item_orders=self.min_item_orders,
            item_window_days=self.item_window_days,
            only=only,
        )


class Unit(BaseModel):
    """A piece of judging that is done in one go.

    scope "market": the candidates are fitted on each market's own orders. scope "pooled":
    they (the ``pooled`` ones) are fitted once on the orders of all markets and judged in each
    of ``markets``.
    windows: which folds, counted back from the newest, which is 0.
    """

    model_config = ConfigDict(frozen=True, extra="forbid")

    scope: Literal["market", "pooled"]
    markets: tuple[str, ...]
    windows: tuple[int, ...]
    candidates: tuple[Candidate, ...]

    @property
    def title(self) -> str:
        """What it is about: ``FR``, one window of a large market ``GB-w0``, or ``all-w0``."""
        if self.scope == "pooled":
            return f"all-w{self.windows[0]}"
        return self.markets[0] if len(self.windows) > 1 else f"{self.markets[0]}-w{self.windows[0]}"


@dataclass
class Judgement:
    """What one fold of one market said: a scorecard per candidate key, or why there is none."""

    market: str
    cutoff: dt.date
    scorecards: dict[str, Scorecard] = field(default_factory=dict)
    skipped: dict[str, str] = field(default_factory=dict)


def judge(
    interactions: Interactions,
    unit: Unit,
    plans: Mapping[str, FoldPlan],
    context: FitContext,
) -> list[Judgement]:
    """Fit and score the unit's candidates, fold by fold.

    A candidate that fails is skipped with its reason and the rest goes on. Folds without a
    customer to judge say nothing and are left out. Pooled candidates are fitted once per
    cut-off.
    """
    folds: list[tuple[str, Fold]] = []
    for market in unit.markets:
        chosen = plans[market].folds(interactions.of_market(market), unit.windows)[::-1]
        folds += [(market, fold) for fold in chosen if fold.customers.size]
    if unit.scope == "market":
        groups = [(fold.train, [(market, fold)]) for market, fold in folds]
    else:
        cutoffs = sorted({fold.cutoff for _, fold in folds})
        groups = [
            (interactions.before(cutoff), [pair for pair in folds if pair[1].cutoff == cutoff])
            for cutoff in cutoffs
        ]
    return [
        judgement
        for train, group in groups
        for judgement in _judge_together(train, group, unit.candidates, plans, context)
    ]


def _judge_together(
    train: Interactions,
    group: list[tuple[str, Fold]],
    candidates: tuple[Candidate, ...],
    plans: Mapping[str, FoldPlan],
    context: FitContext,
) -> list[Judgement]:
    """Fit each candidate once on ``train`` and score it on every fold of the group."""
    judgements = [Judgement(market, fold.cutoff) for market, fold in group]
    for candidate in candidates:
        fitted: Recommender[Any] | Exception
        try:
            fitted = candidate.create().fit(train, context)
        except Exception as error:
            logger.exception("%s could not be fitted", candidate.label)
            fitted = error
        for judgement, (market, fold) in zip(judgements, group, strict=True):
            try:
                card = _scorecard(fitted, fold, plans[market].k)
                judgement.scorecards[candidate.key] = card
            except Exception as error:
                judgement.skipped[candidate.key] = f"{type(error).__name__}: {error}"
    return judgements


def _scorecard(fitted: Recommender[Any] | Exception, fold: Fold, k: int) -> Scorecard:
    if isinstance(fitted, Exception):
        raise fitted
    customers = np.concatenate([fold.customers, fold.cold])
    return evaluate(fitted.recommend(customers, k, allowed=fold.candidates), fold, k=k)
