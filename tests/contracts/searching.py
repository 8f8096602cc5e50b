"""A search without models: outcomes that follow from the candidate alone, at once."""

import datetime as dt
import hashlib
import math
from collections.abc import Mapping
from pathlib import Path
from typing import Any

from restock.evaluation import Objective
from restock.evaluation.contest import FoldPlan
from restock.infra.ingestion import Ingested, MarketSize
from restock.infra.placement import Placements
from restock.infra.search_store import SearchRun
from restock.infra.snapshots import SnapshotRef
from restock.models import Candidate
from restock.tuning.brief import Brief
from restock.tuning.costs import Size
from restock.tuning.policy import SearchPolicy
from restock.tuning.running import drawn
from restock.tuning.search import Work
from restock.tuning.setting import Setting
from restock.tuning.trials import ALL, Lift, Mix, Mixture, Outcome, Step, Trial

FAMILIES = ("reorder", "item_knn", "popular")
CUSTOMERS = {"AA": 1000, "BB": 400, "CC": 40}
_BASE = {"reorder": 0.0, "item_knn": -0.05, "popular": -0.8, "sar": -0.1, "blend": 0.02}


def brief_of(
    *,
    trials: int | None = None,
    seconds: float | None = None,
    service: Mapping[str, Candidate] | None = None,
    fails: tuple[str, ...] = (),
    **policy: Any,
) -> Brief:
    """Three markets, one of them small. Families of ``fails`` fail in every trial."""
    FAILING.clear()
    FAILING.update(fails)
    plan = FoldPlan(windows=6)
    return Brief(
        markets=tuple(CUSTOMERS),
        sizes={code: Size(lines=40 * n, customers=n, items=500) for code, n in CUSTOMERS.items()},
        families=FAMILIES,
        setting=Setting(
            fold_plans=dict.fromkeys(CUSTOMERS, plan),
            objectives=dict.fromkeys(CUSTOMERS, Objective()),
            policy=SearchPolicy(engine="random", **policy),
        ),
        service=dict(service or {}),
        trials=trials,
        seconds=seconds,
    )


FAILING: set[str] = set()


def come(work: Work, brief: Brief) -> list[Outcome] | list[Mixture]:
    """What a piece of work comes to."""
    if isinstance(work, Mix):
        votes = [{"name": "reorder"}, {"name": "item_knn", "weight": 0.3}]
        pooled = work.where == ALL
        candidate = Candidate(
            name="blend", config={"members": votes}, scope="pooled" if pooled else "market"
        )
        return [Mixture(market=work.where, candidate=candidate, gain=0.01)]
    return [_outcome(trial, work, brief) for trial in drawn(work, brief.setting)]


def _outcome(trial: Trial, step: Step, brief: Brief) -> Outcome:
    about: dict[str, Any] = {"trial": trial, "rung": step.rung, "windows": step.windows}
    if trial.candidate.name in FAILING:
        return Outcome(**about, failure="error", reason="ValueError: no")
    where = trial.study.where
    markets = {}
    if where == ALL:
        markets = {m: _lift(trial.candidate, m, brief.sizes[m].customers) for m in brief.markets}
    total = brief.size(where).customers
    return Outcome(
        **about,
        lift=_lift(trial.candidate, where, total),
        markets=markets,
        seconds=0.01,
        kept=trial.key if step.keep else "",
    )


def _lift(candidate: Candidate, where: str, customers: int) -> Lift:
    """Every place has its own best half-life; the rest is a hash of the configuration."""
    best = {"AA": 30.0, "BB": 300.0}.get(where, 90.0)
    days = candidate.resolved.get("half_life_days") or 90.0
    noise = int(hashlib.sha256(f"{candidate.key}{where}".encode()).hexdigest()[:6], 16) / 0xFFFFFF
    value = _BASE[candidate.name] - 0.05 * abs(math.log(days / best)) + 0.01 * (noise - 0.5)
    return Lift(value=value, error=0.2 / math.sqrt(customers), customers=customers)


def run_of(folder: Path, token: str = "2011-12-10-abcd") -> SearchRun:
    """A search that was started; its snapshot would be in a store in the folder."""
    return SearchRun(
        token=token,
        ingested=Ingested(
            snapshot=SnapshotRef(store=str(folder), hash="0" * 64),
            as_of=dt.date(2011, 12, 10),
            markets={"AA": MarketSize(lines=1, orders=1, customers=1, items=1)},
            lines_read=1,
            lines_kept=1,
            set_aside={},
            quarantine="",
        ),
        brief=brief_of(trials=30, service={"AA": Candidate(name="reorder")}),
        placements=Placements(where={"sar": "CPU"}, skipped={"als": "no Java"}),
    )
