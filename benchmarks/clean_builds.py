"""What judges, as builds for the leak test: scorecards of windows that are over, and the lists."""

import datetime as dt
from collections.abc import Iterable
from dataclasses import dataclass
from typing import Literal

from restock.dataset import Interactions
from restock.evaluation import Scorecard
from restock.evaluation.backtest.grid import FitUnit, Grid
from restock.evaluation.backtest.running import AgedJudgement, run_unit
from restock.evaluation.contest import FoldPlan, Judgement, Unit, judge
from restock.evaluation.leaks import World, by_metric
from restock.models import Candidate, FitContext

HORIZON_DAYS = 28
AGES = (0, 28)


@dataclass(frozen=True)
class Judged:
    """A build: scorecards of two windows that end before the cut-off, each market's own."""

    candidate: Candidate

    def __call__(self, world: World, cutoff: dt.date) -> object:
        """Market and window → metrics by customer."""
        orders = world.interactions.before(cutoff)
        return {
            f"{one.market} {one.cutoff}": by_metric(card, orders.catalogue)
            for one in judged_at_night(orders, self.candidate, 2)
            for card in one.scorecards.values()
        }


@dataclass(frozen=True)
class JudgedLists:
    """A build: the lists that are judged on the window after the cut-off."""

    candidate: Candidate

    def __call__(self, world: World, cutoff: dt.date) -> object:
        """Customer id → item ids."""
        orders = world.interactions.before(cutoff + dt.timedelta(days=HORIZON_DAYS))
        judgements = judged_at_night(orders, self.candidate, 1)
        return _lists(orders, [card for one in judgements for card in one.scorecards.values()])


@dataclass(frozen=True)
class Backtested:
    """A build: scorecards of a backtest of two windows and two ages, over before the cut-off."""

    candidate: Candidate

    def __call__(self, world: World, cutoff: dt.date) -> object:
        """Market, window and age → metrics by customer."""
        orders = world.interactions.before(cutoff)
        return {
            f"{one.judgement.market} {one.judgement.cutoff} {one.age_days}": by_metric(
                card, orders.catalogue
            )
            for one in judged_in_backtest(orders, self.candidate, 2)
            for card in one.judgement.scorecards.values()
        }


@dataclass(frozen=True)
class BacktestedLists:
    """A build: the lists, by age, that a backtest judges on the window after the cut-off."""

    candidate: Candidate

    def __call__(self, world: World, cutoff: dt.date) -> object:
        """Age → customer id → item ids."""
        orders = world.interactions.before(cutoff + dt.timedelta(days=HORIZON_DAYS))
        found: dict[str, dict[str, tuple[str, ...]]] = {}
        for one in judged_in_backtest(orders, self.candidate, 1):
            lists = _lists(orders, one.judgement.scorecards.values())
            found.setdefault(f"{one.age_days} days", {}).update(lists)
        return found


def judged_at_night(orders: Interactions, candidate: Candidate, windows: int) -> list[Judgement]:
    """The candidate on the last windows of each market, fitted as its scope says."""
    plan = FoldPlan(windows=windows, horizon_days=HORIZON_DAYS)
    markets = _markets(orders)
    which = tuple(range(windows))
    units = [
        Unit(scope=_scope(candidate), markets=chosen, windows=which, candidates=(candidate,))
        for chosen in ([markets] if candidate.pooled else [(one,) for one in markets])
    ]
    plans = dict.fromkeys(markets, plan)
    return [found for unit in units for found in judge(orders, unit, plans, FitContext())]


def judged_in_backtest(
    orders: Interactions, candidate: Candidate, windows: int
) -> list[AgedJudgement]:
    """The same as a backtest does it, with models of several ages."""
    markets = _markets(orders)
    grid = Grid(
        as_of=orders.as_of_date,
        fold_plans=dict.fromkeys(markets, FoldPlan(windows=windows, horizon_days=HORIZON_DAYS)),
        ages=AGES,
        contenders=dict.fromkeys(markets, (candidate.key,)),
    )
    days = tuple(grid.days())
    units = [
        FitUnit(scope=_scope(candidate), markets=chosen, days=days, candidates=(candidate,))
        for chosen in ([markets] if candidate.pooled else [(one,) for one in markets])
    ]
    return [found for unit in units for found in run_unit(orders, unit, grid, FitContext())]


def _markets(orders: Interactions) -> tuple[str, ...]:
    return tuple(one for one in orders.catalogue.markets if len(orders.of_market(one)))


def _scope(candidate: Candidate) -> Literal["market", "pooled"]:
    return "pooled" if candidate.pooled else "market"


def _lists(orders: Interactions, cards: Iterable[Scorecard]) -> dict[str, tuple[str, ...]]:
    """Customer id → item ids."""
    catalogue = orders.catalogue
    return {
        who: tuple(catalogue.item_ids(row[row >= 0]))
        for card in cards
        for who, row in zip(catalogue.customer_ids(card.customer), card.lists, strict=True)
    }
