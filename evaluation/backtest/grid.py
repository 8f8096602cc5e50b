"""Which models are fitted on which days, and on which folds each fit is judged."""

import datetime as dt
from collections.abc import Mapping
from typing import Literal, NamedTuple

from pydantic import BaseModel, ConfigDict

from restock.evaluation.contest import FoldPlan
from restock.models import Candidate

FRESH = 0
"""Age in days of a model that was fitted at the cut-off itself."""


class Judging(NamedTuple):
    """A fold on which a fit is judged. window: counted back from the newest, which is 0.

    age_days: how long before the cut-off the model was fitted.
    """

    market: str
    window: int
    age_days: int


class Grid(BaseModel):
    """The windows and ages of a backtest. A JSON value.

    as_of: the first day that is not known. fold_plans: market → its folds, its number of
    windows included. ages: days before the cut-off, ascending, ``FRESH`` first. contenders:
    market → keys of the candidates that are judged there.
    """

    model_config = ConfigDict(frozen=True, extra="forbid")

    as_of: dt.date
    fold_plans: dict[str, FoldPlan]
    ages: tuple[int, ...]
    contenders: dict[str, tuple[str, ...]]

    def cutoff(self, market: str, window: int) -> dt.date:
        """The cut-off of a market's window."""
        days = self.fold_plans[market].horizon_days * (window + 1)
        return self.as_of - dt.timedelta(days=days)

    def days(self) -> dict[dt.date, list[Judging]]:
        """Day of a fit → where it is judged, in order of the days.

        A model that is one window old is the fit of the window before: one fit serves every
        window that it is young enough, or old enough, for.
        """
        found: dict[dt.date, list[Judging]] = {}
        for market, plan in self.fold_plans.items():
            for window in range(plan.windows):
                for age in self.ages:
                    day = self.cutoff(market, window) - dt.timedelta(days=age)
                    found.setdefault(day, []).append(Judging(market, window, age))
        return {day: sorted(found[day]) for day in sorted(found)}


class FitUnit(BaseModel):
    """Fits that are done in one go: some candidates, on some days.

    scope "market": each on the orders of the one market; "pooled": on those of all markets,
    judged in ``markets``.
    """

    model_config = ConfigDict(frozen=True, extra="forbid")

    scope: Literal["market", "pooled"]
    markets: tuple[str, ...]
    days: tuple[dt.date, ...]
    candidates: tuple[Candidate, ...]

    @property
    def title(self) -> str:
        """What it is about: ``FR``, one day of a large market ``GB-2011-11-12``, or ``all-…``."""
        where = "all" if self.scope == "pooled" else self.markets[0]
        return where if len(self.days) > 1 else f"{where}-{self.days[0]}"


def judgings(grid: Grid, unit: FitUnit) -> Mapping[dt.date, list[Judging]]:
    """Day of a fit of the unit → where it is judged."""
    days = grid.days()
    return {day: [one for one in days[day] if one.market in unit.markets] for day in unit.days}
