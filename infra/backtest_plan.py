"""What a backtest sets out to do: models, markets, windows and ages, in pieces of work."""

import datetime as dt
import hashlib
import json
from collections.abc import Iterable, Sequence
from typing import Literal

from restock.evaluation.backtest.grid import FRESH, FitUnit, Grid
from restock.infra.backtest_wishes import MODELS, Wishes
from restock.infra.feed import Feed
from restock.infra.ingestion import Ingested
from restock.infra.markets import Markets
from restock.infra.packing import pack
from restock.infra.plans import services
from restock.infra.programme import fold_plan
from restock.infra.records import Record
from restock.infra.store import Store
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
    its plan. instead: key of the plan of the what-if; rates: market → what one unit of its
    currency is worth in the reporting currency.
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


def plan_backtest(store: Store, feed: Feed, declared: Markets, wishes: Wishes) -> BacktestRun:
    """Decide what is judged where. ValueError: a market has no orders.

    The plan in service of every market is judged there beside the models.
    """
    ingested = feed.ingested
    markets = ingested.these(feed.wanted)
    known = services(store, markets)
    models = list(wishes.models or MODELS)
    models += [wishes.instead] if wishes.instead else []
    candidates = {one.key: one for one in models}
    everywhere = tuple(candidates)
    service, contenders = {}, {}
    for market in markets:
        plan = known.plans[market].plan
        candidates.setdefault(plan.key, plan)
        service[market] = plan.key
        contenders[market] = tuple(dict.fromkeys([*everywhere, plan.key]))
    grid = Grid(
        as_of=ingested.as_of,
        fold_plans={
            market: fold_plan(declared, market).model_copy(update={"windows": wishes.windows})
            for market in markets
        },
        ages=tuple(sorted({FRESH, *wishes.ages})),
        contenders=contenders,
    )
    run = BacktestRun(
        token="",
        ingested=ingested,
        grid=grid,
        models=everywhere,
        candidates=tuple(candidates.values()),
        service=service,
        instead=wishes.instead.key if wishes.instead else None,
        since=wishes.since,
    )
    return run.model_copy(update={"token": _token(run)})


def _token(run: BacktestRun) -> str:
    """The name of the backtest: the same orders, models and splits have the same."""
    about = {
        "snapshot": run.ingested.snapshot.hash,
        "grid": run.grid.model_dump(mode="json"),
        "models": list(run.models),
        "candidates": [one.key for one in run.candidates],
        "service": run.service,
        "instead": run.instead,
        "since": str(run.since),
    }
    digest = hashlib.sha256(json.dumps(about, sort_keys=True).encode()).hexdigest()
    return f"{run.ingested.as_of}-{digest[:12]}"
