"""A backtest that was started: what it judges, in which pieces of work."""

import datetime as dt
from collections.abc import Iterable, Sequence
from typing import Literal

from restock.evaluation.backtest.grid import FitUnit, Grid
from restock.infra.ingestion import Ingested
from restock.infra.packing import pack
from restock.infra.records import Record
from restock.models import Candidate
from restock.tuning import costs
from restock.tuning.costs import Size

SECONDS_PER_FOLD = 0.02
"""Of a market, whoever is judged on it."""
SPLIT_ABOVE_SECONDS = 4.0


class BacktestRun(Record):
    """A backtest that was started: all that is needed to go on with it.

    token: of the orders and of everything below; the same command has the same. models: what is
    judged in every market; candidates: these and the plans in service. service: market → key of
    its plan. instead: key of the plan of the what-if; since: its first day.
    """

    schema_version: Literal[1] = 1
    token: str
    ingested: Ingested
    grid: Grid
    models: tuple[str, ...]
    candidates: tuple[Candidate, ...]
    service: dict[str, str]
    instead: str | None
    since: dt.date | None

    @property
    def markets(self) -> tuple[str, ...]:
        """The markets that are judged."""
        return tuple(self.grid.fold_plans)

    def units(self) -> list[FitUnit]:
        """All pieces of work; the same run has the same."""
        return [*self._pooled(), *(unit for market in self.markets for unit in self._own(market))]

    def batches(self, units: Sequence[FitUnit], workers: int) -> list[list[FitUnit]]:
        """Units in batches of comparable cost."""
        return pack(units, self.seconds, workers=workers)

    def seconds(self, unit: FitUnit) -> float:
        """CPU seconds of a unit, estimated."""
        sizes = self.ingested.markets
        fitted = costs.together(sizes.values()) if unit.scope == "pooled" else None
        size: Size = fitted or sizes[unit.markets[0]]
        each = sum(costs.seconds(candidate, size) for candidate in unit.candidates)
        judged = SECONDS_PER_FOLD * len(unit.markets) * len(self.grid.ages)
        return len(unit.days) * (each + judged)

    def _pooled(self) -> Iterable[FitUnit]:
        wanted = {key for keys in self.grid.contenders.values() for key in keys}
        pooled = tuple(c for c in self.candidates if c.pooled and c.key in wanted)
        for day in self.grid.days() if pooled else ():
            yield FitUnit(scope="pooled", markets=self.markets, days=(day,), candidates=pooled)

    def _own(self, market: str) -> Iterable[FitUnit]:
        there = self.grid.contenders[market]
        own = tuple(c for c in self.candidates if not c.pooled and c.key in there)
        if not own:
            return
        days = [
            day
            for day, judged in self.grid.days().items()
            if any(one.market == market for one in judged)
        ]
        whole = FitUnit(scope="market", markets=(market,), days=tuple(days), candidates=own)
        if self.seconds(whole) < SPLIT_ABOVE_SECONDS:
            yield whole
        else:
            for day in days:
                yield whole.model_copy(update={"days": (day,)})
