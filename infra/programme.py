"""The programme of a night: which markets, which candidates, in which pieces of work."""

import datetime as dt
import hashlib
import json
from collections.abc import Iterable, Mapping, Sequence

from pydantic import BaseModel, ConfigDict

from restock.evaluation.contest import FoldPlan, Unit
from restock.infra.ingestion import Ingested, MarketSize
from restock.infra.markets import Markets
from restock.infra.packing import pack
from restock.infra.plans import InService, services
from restock.infra.refitting import RefitUnit
from restock.infra.snapshots import SnapshotRef
from restock.infra.store import Store
from restock.models import Candidate
from restock.models.slate import FALLBACK, SLATE
from restock.tuning import costs
from restock.tuning.costs import Size

SECONDS_PER_FOLD = 0.01  # of a market: its folds and metrics, whoever is judged
SECONDS_TO_PUBLISH = 0.05
SPLIT_ABOVE_SECONDS = 2.0
SKILL_WINDOWS = 2
"""Newest windows on which a plan of a search is compared with popularity, and nothing else."""
RIVAL_WINDOWS = 3
"""Newest windows on which a nominee of a search competes: the search did not choose it on them."""


class Programme(BaseModel):
    """What a night sets out to do. A JSON value: tasks are handed parts of it.

    publish: the markets to publish; all markets with orders are judged, because small ones
    follow the choice of all. incumbents: the plan in service by market; served: the key of the
    plan that is published there, or of the first; current: the token of its publication (None:
    none yet). contenders: market → keys that are judged there; rivals: those of them that may
    replace the incumbent. said: market → what a search said of its plan; searched: market → key
    of what a search chose → that search's token. barred: plan key → evidence it may not return
    on; failed: markets whose record cannot be read, and why.
    """

    model_config = ConfigDict(frozen=True, extra="forbid")

    token: str
    as_of: dt.date
    snapshot: SnapshotRef
    publish: tuple[str, ...]
    sizes: dict[str, MarketSize]
    fold_plans: dict[str, FoldPlan]
    candidates: tuple[Candidate, ...]
    incumbents: dict[str, Candidate]
    contenders: dict[str, tuple[str, ...]]
    rivals: dict[str, tuple[str, ...]]
    served: dict[str, str]
    said: dict[str, str]
    searched: dict[str, dict[str, str]]
    current: dict[str, str | None]
    barred: dict[str, dict[str, str]]
    failed: dict[str, str]

    def candidate(self, key: str) -> Candidate:
        """The candidate with this key."""
        return next(candidate for candidate in self.candidates if candidate.key == key)

    def in_words(self, reasons: Sequence[str]) -> str:
        """Reasons as one sentence, with labels in place of keys."""
        text = "; ".join(reasons)
        for candidate in self.candidates:
            text = text.replace(candidate.key, candidate.label)
        return text

    def judging(self, workers: int) -> list[list[Unit]]:
        """The judging, packed into batches of comparable cost: pooled windows, then markets."""
        pooled, own = self._pooled_units(), self._own_units()
        return [
            *pack(pooled, self._seconds, workers=workers),
            *pack(own, self._seconds, workers=workers),
        ]

    def refitting(
        self, chosen: Mapping[str, Candidate], evidence: Mapping[str, str], workers: int
    ) -> list[list[RefitUnit]]:
        """The refitting of the chosen plans: a pooled plan is fitted once for all its markets."""
        together: dict[str, list[str]] = {}
        units = []
        for market, candidate in chosen.items():
            if candidate.pooled:
                together.setdefault(candidate.key, []).append(market)
            else:
                units.append(RefitUnit(candidate=candidate, markets=(market,)))
        units += [
            RefitUnit(candidate=chosen[markets[0]], markets=tuple(markets))
            for markets in together.values()
        ]
        units = [
            unit.model_copy(update={"evidence": {m: evidence.get(m, "") for m in unit.markets}})
            for unit in units
        ]

        def seconds(unit: RefitUnit) -> float:
            fitted = self.sizes if unit.candidate.pooled else unit.markets
            fit = costs.seconds(unit.candidate, self._size(fitted))
            return SECONDS_TO_PUBLISH * len(unit.markets) + fit

        return pack(units, seconds, workers=workers)

    def _pooled_units(self) -> list[Unit]:
        units = []
        for at in range(max(plan.windows for plan in self.fold_plans.values())):
            markets = tuple(m for m, plan in self.fold_plans.items() if plan.windows > at)
            wanted = {key for market in markets for key in self.contenders[market]}
            pooled = tuple(c for c in self.candidates if c.pooled and c.key in wanted)
            if pooled:
                units.append(
                    Unit(scope="pooled", markets=markets, windows=(at,), candidates=pooled)
                )
        return units

    def _own_units(self) -> list[Unit]:
        units = []
        for market, plan in self.fold_plans.items():
            there = self.contenders[market]
            own = tuple(c for c in self.candidates if not c.pooled and c.key in there)
            windows = tuple(range(plan.windows))
            whole = Unit(scope="market", markets=(market,), windows=windows, candidates=own)
            if self._seconds(whole) < SPLIT_ABOVE_SECONDS:
                units.append(whole)
            else:
                units += [whole.model_copy(update={"windows": (at,)}) for at in windows]
        return units

    def _seconds(self, unit: Unit) -> float:
        size = self._size(self.sizes if unit.scope == "pooled" else unit.markets)
        fits = sum(costs.seconds(candidate, size) for candidate in unit.candidates)
        return len(unit.windows) * (fits + SECONDS_PER_FOLD * len(unit.markets))

    def _size(self, markets: Iterable[str]) -> Size:
        """What is fitted on the orders of these markets."""
        return costs.together(self.sizes[market] for market in markets)


def plan_night(
    store: Store, ingested: Ingested, markets: Markets, wanted: Sequence[str] | None
) -> Programme:
    """Decide what the night does.

    wanted: the markets to publish (None: all that have orders). ValueError when one of them
    has no order in the snapshot.
    """
    publish, there = ingested.these(wanted), ingested.these(None)
    known = services(store, there)
    usual = [*SLATE, *(one.plan for one in known.plans.values() if not one.planned)]
    candidates: dict[str, Candidate] = {}
    contenders: dict[str, tuple[str, ...]] = {}
    for market, service in known.plans.items():
        judged = usual if not service.planned else [FALLBACK, service.plan, *service.rivals]
        candidates |= {candidate.key: candidate for candidate in judged}
        contenders[market] = tuple(dict.fromkeys(candidate.key for candidate in judged))
    fold_plans = {market: fold_plan(markets, market) for market in there}
    return Programme(
        token=_token(ingested, publish, fold_plans, known.plans),
        as_of=ingested.as_of,
        snapshot=ingested.snapshot,
        publish=publish,
        sizes={market: ingested.markets[market] for market in there},
        fold_plans={m: _shortened(plan, known.plans[m]) for m, plan in fold_plans.items()},
        candidates=tuple(candidates.values()),
        incumbents={market: service.plan for market, service in known.plans.items()},
        contenders=contenders,
        rivals={
            market: tuple(c.key for c in service.rivals) if service.planned else contenders[market]
            for market, service in known.plans.items()
        },
        served=known.served,
        said={market: service.why for market, service in known.plans.items() if service.why},
        searched={market: service.searched for market, service in known.plans.items()},
        current=known.current,
        barred=known.barred,
        failed=known.failed,
    )


def _shortened(plan: FoldPlan, service: InService) -> FoldPlan:
    """A search has judged already what the nights of a planned market would judge again."""
    if not service.planned:
        return plan
    windows = RIVAL_WINDOWS if service.rivals else SKILL_WINDOWS
    return plan.model_copy(update={"windows": min(windows, plan.windows)})


def fold_plan(markets: Markets, code: str) -> FoldPlan:
    """How a market is split, as it declares."""
    market = markets.of(code)
    return FoldPlan(
        horizon_days=market.horizon_days,
        windows=market.windows,
        item_window_days=market.item_window_days,
        k=market.k,
    )


def _token(
    ingested: Ingested,
    publish: Sequence[str],
    plans: dict[str, FoldPlan],
    in_service: Mapping[str, InService],
) -> str:
    """The name of the night: the same orders, markets, splits and plans have the same."""
    about = {
        "snapshot": ingested.snapshot.hash,
        "publish": list(publish),
        "slate": [candidate.key for candidate in SLATE],
        "plans": {market: plan.model_dump() for market, plan in plans.items()},
    }
    planned = {
        market: [candidate.key for candidate in (service.plan, *service.rivals)]
        for market, service in in_service.items()
        if service.planned
    }
    if planned:
        about["searched"] = planned
    digest = hashlib.sha256(json.dumps(about, sort_keys=True).encode()).hexdigest()
    return f"{ingested.as_of}-{digest[:12]}"
