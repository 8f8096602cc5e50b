"""The programme of a night: which markets, which candidates, in which pieces of work."""

import datetime as dt
import hashlib
import json
from collections.abc import Mapping, Sequence

from pydantic import BaseModel, ConfigDict

from restock.evaluation.contest import FoldPlan, Unit
from restock.infra.champions import sync_champion
from restock.infra.ingestion import Ingested
from restock.infra.markets import Markets
from restock.infra.packing import pack
from restock.infra.refitting import RefitUnit
from restock.infra.snapshots import SnapshotRef
from restock.infra.store import Store
from restock.models import Candidate
from restock.models.slate import FIRST_INCUMBENT, SLATE

# Measured on one core: what a candidate costs per order line and window, and what any costs.
SECONDS_PER_LINE = 6e-7
SECONDS_PER_FOLD = 0.01
SECONDS_TO_PUBLISH = 0.05
SPLIT_ABOVE_SECONDS = 2.0


class Programme(BaseModel):
    """What a night sets out to do. A JSON value: tasks are handed parts of it.

    publish: the markets to publish; all markets with orders are judged, because small ones
    follow the choice of all. incumbents: the plan in service by market; current: the token
    of its publication (None: none yet); barred: plan key → evidence it may not return on;
    failed: markets whose record cannot be read, and why.
    """

    model_config = ConfigDict(frozen=True, extra="forbid")

    token: str
    as_of: dt.date
    snapshot: SnapshotRef
    publish: tuple[str, ...]
    lines: dict[str, int]
    fold_plans: dict[str, FoldPlan]
    candidates: tuple[Candidate, ...]
    incumbents: dict[str, Candidate]
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
            fitted = self.lines if unit.candidate.pooled else unit.markets
            lines = sum(self.lines[market] for market in fitted)
            return SECONDS_TO_PUBLISH * len(unit.markets) + SECONDS_PER_LINE * 4 * lines

        return pack(units, seconds, workers=workers)

    def _pooled_units(self) -> list[Unit]:
        pooled = tuple(c for c in self.candidates if c.pooled)
        windows = max(plan.windows for plan in self.fold_plans.values())
        return [
            Unit(scope="pooled", markets=tuple(self.fold_plans), windows=(at,), candidates=pooled)
            for at in range(windows if pooled else 0)
        ]

    def _own_units(self) -> list[Unit]:
        own = tuple(c for c in self.candidates if not c.pooled)
        units = []
        for market, plan in self.fold_plans.items():
            windows = tuple(range(plan.windows))
            whole = Unit(scope="market", markets=(market,), windows=windows, candidates=own)
            if self._seconds(whole) < SPLIT_ABOVE_SECONDS:
                units.append(whole)
            else:
                units += [whole.model_copy(update={"windows": (at,)}) for at in windows]
        return units

    def _seconds(self, unit: Unit) -> float:
        lines = sum(self.lines[market] for market in unit.markets)
        each = SECONDS_PER_LINE * lines * len(unit.candidates)
        return len(unit.windows) * (each + SECONDS_PER_FOLD * len(unit.markets))


def plan_night(
    store: Store, ingested: Ingested, markets: Markets, wanted: Sequence[str] | None
) -> Programme:
    """Decide what the night does.

    wanted: the markets to publish (None: all that have orders). ValueError when one of them
    has no order in the snapshot.
    """
    there = sorted(ingested.markets)
    unknown = sorted(set(wanted or ()) - set(there))
    if unknown:
        raise ValueError(
            f"no orders of market {', '.join(unknown)} before {ingested.as_of}; "
            f"there are {', '.join(there)}"
        )
    incumbents: dict[str, Candidate] = {}
    current: dict[str, str | None] = {}
    barred: dict[str, dict[str, str]] = {}
    failed: dict[str, str] = {}
    for market in there:
        incumbents[market], current[market], barred[market] = FIRST_INCUMBENT, None, {}
        try:
            champion = sync_champion(store, market)
            if champion is not None:
                incumbents[market] = champion.plan.candidate()
                current[market] = champion.publication
                barred[market] = champion.barred_evidence()
        except Exception as error:
            failed[market] = f"{type(error).__name__}: {error}"
    candidates = {c.key: c for c in (*SLATE, *incumbents.values())}
    fold_plans = {market: fold_plan(markets, market) for market in there}
    publish = tuple(sorted(wanted)) if wanted else tuple(there)
    return Programme(
        token=_token(ingested, publish, fold_plans),
        as_of=ingested.as_of,
        snapshot=ingested.snapshot,
        publish=publish,
        lines={market: ingested.markets[market].lines for market in there},
        fold_plans=fold_plans,
        candidates=tuple(candidates.values()),
        incumbents=incumbents,
        current=current,
        barred=barred,
        failed=failed,
    )


def fold_plan(markets: Markets, code: str) -> FoldPlan:
    """How a market is split, as it declares."""
    market = markets.of(code)
    return FoldPlan(
        horizon_days=market.horizon_days,
        windows=market.windows,
        item_window_days=market.item_window_days,
        k=market.k,
    )


def _token(ingested: Ingested, publish: Sequence[str], plans: dict[str, FoldPlan]) -> str:
    """The name of the night: the same orders, markets and splits have the same."""
    about = {
        "snapshot": ingested.snapshot.hash,
        "publish": list(publish),
        "slate": [candidate.key for candidate in SLATE],
        "plans": {market: plan.model_dump() for market, plan in plans.items()},
    }
    digest = hashlib.sha256(json.dumps(about, sort_keys=True).encode()).hexdigest()
    return f"{ingested.as_of}-{digest[:12]}"
