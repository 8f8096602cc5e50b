"""One unit of a backtest: fit on a day, judge on every fold that the day serves."""

import datetime as dt
import logging
from collections.abc import Sequence
from dataclasses import replace
from functools import cache
from typing import NamedTuple

import numpy as np

from restock.dataset import Interactions
from restock.evaluation.backtest.grid import FitUnit, Grid, Judging, judgings
from restock.evaluation.contest import Judgement
from restock.evaluation.folds import Fold
from restock.evaluation.judging import evaluate
from restock.models import Candidate, FitContext, Shared

logger = logging.getLogger(__name__)


class AgedJudgement(NamedTuple):
    """What a fold said of models that were fitted ``age_days`` before its cut-off."""

    age_days: int
    judgement: Judgement


class _Place(NamedTuple):
    """A fold, and what is said of it."""

    judging: Judging
    fold: Fold
    found: AgedJudgement


def run_unit(
    interactions: Interactions, unit: FitUnit, grid: Grid, context: FitContext
) -> list[AgedJudgement]:
    """Fit the unit's candidates on each of its days and judge them.

    Fits of one day share what they have in common. A candidate that fails, or a day with no
    order before it, is skipped with its reason and the rest goes on. Folds without a customer
    to judge say nothing and are left out. What is judged is the model as it was fitted: one of
    an older day has not seen what a customer bought since, nor customers who came since.
    """

    @cache
    def lines(market: str) -> Interactions:
        return interactions.of_market(market)

    @cache
    def fold_of(market: str, window: int) -> Fold | None:
        found = grid.fold_plans[market].folds(lines(market), (window,))
        return next((fold for fold in found if fold.customers.size), None)

    judged: list[AgedJudgement] = []
    for day, wanted in judgings(grid, unit).items():
        folds = [(one, fold_of(one.market, one.window)) for one in wanted]
        places = [_place(one, fold) for one, fold in folds if fold is not None]
        if not places:
            continue
        known = lines(unit.markets[0]) if unit.scope == "market" else interactions
        _judge_day(known.before(day), places, unit.candidates, day, grid, context)
        judged += [place.found for place in places]
    return judged


def _place(judging: Judging, fold: Fold) -> _Place:
    return _Place(
        judging, fold, AgedJudgement(judging.age_days, Judgement(judging.market, fold.cutoff))
    )


def _judge_day(
    train: Interactions,
    places: Sequence[_Place],
    candidates: Sequence[Candidate],
    day: dt.date,
    grid: Grid,
    context: FitContext,
) -> None:
    """Fit each candidate once on ``train``; its scorecards go to the places."""
    together = replace(context, shared=Shared())
    for candidate in candidates:
        key = candidate.key
        wanted = [p for p in places if key in grid.contenders[p.judging.market]]
        if not wanted:
            continue
        reason = "" if len(train) else f"there is no order before {day}"
        if not reason:
            try:
                fitted = candidate.create().fit(train, together)
            except Exception as error:
                logger.exception("%s could not be fitted before %s", candidate.label, day)
                reason = f"{type(error).__name__}: {error}"
        for place in wanted:
            judgement, fold = place.found.judgement, place.fold
            if reason:
                judgement.skipped[key] = reason
                continue
            k = grid.fold_plans[place.judging.market].k
            customers = np.concatenate([fold.customers, fold.cold])
            try:
                lists = fitted.recommend(customers, k, allowed=fold.candidates)
                judgement.scorecards[key] = evaluate(lists, fold, k=k)
            except Exception as error:
                judgement.skipped[key] = f"{type(error).__name__}: {error}"
