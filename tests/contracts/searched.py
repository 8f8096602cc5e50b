"""The record of a search that nobody ran: every part of it is there."""

import datetime as dt
from typing import Any

from restock.infra.night import Estimate
from restock.infra.records import Plan
from restock.infra.search_result import (
    Budget,
    Failed,
    FamilyEffort,
    Gain,
    MarketResult,
    Point,
    SearchResult,
    Standing,
    StudyResult,
)
from restock.models import Candidate

REORDER = Candidate(name="reorder")
PLAN = Candidate(name="rerank", scope="pooled")
SAR = Candidate(name="sar", config={"half_life_days": 60.0}, scope="pooled")
EVIL = "<script>alert(1)</script>"


def estimate(value: float, half: float = 0.02) -> Estimate:
    return Estimate(value=value, low=value - half, high=value + half)


def standing(candidate: Candidate, selection: float, mark: str = "") -> Standing:
    return Standing(
        candidate=candidate.key,
        label=candidate.label,
        family=candidate.name,
        scope=candidate.scope,
        selection=estimate(selection),
        report=estimate(selection * 0.8),
        metrics={"ndcg_at_10": 0.37, "map_at_10": 0.2},
        seconds=3.2,
        trial=f"all/{candidate.name}/0",
        mark=mark,
    )


def market(code: str, customers: int, **more: Any) -> MarketResult:
    values = {
        "market": code,
        "name": f"Name of {code} {EVIL}",
        "state": "adopted",
        "why": f"rerank replaces reorder {EVIL}",
        "plan": Plan.of(PLAN),
        "before": Plan.of(REORDER),
        "lift": estimate(0.061),
        "optimistic": estimate(0.083),
        "basis": "own",
        "customers": customers,
        "chosen": "the choice of all markets",
        "evidence": "2011-12-10:digest",
        "leaderboard": (
            standing(PLAN, 0.083, "chosen"),
            standing(SAR, 0.04),
            standing(REORDER, 0.0, "service"),
        ),
        **more,
    }
    return MarketResult(**values)


def searched(**more: Any) -> SearchResult:
    """Three markets: one has a new plan, one keeps its own, one failed."""
    gains = (
        Gain(part="family", log_lift=0.02, label="up_cf (pooled)", windows="report"),
        Gain(part="tuning", log_lift=0.018, label="up_cf (pooled, k=100)", windows="report"),
        Gain(part="scope", log_lift=-0.003, label="up_cf (prior, k=100)", windows="report"),
        Gain(part="hybrid", log_lift=0.03, label=PLAN.label, windows="report"),
    )
    values = {
        "token": "2011-12-10-1a2b3c4d",
        "as_of": dt.date(2011, 12, 10),
        "snapshot": "a" * 64,
        "seed": 7,
        "budget": Budget(seconds=600.0),
        "seconds": 588.1,
        "trials": 212,
        "families": (
            FamilyEffort(family="sar", trials=(40, 14, 5), seconds=41.0, workers=("a", "b")),
            FamilyEffort(family="rerank", trials=(9, 3, 2), failed=1, seconds=301.5),
        ),
        "markets": (
            market("FR", 400, gains=gains),
            market("NO", 12, state="kept", lift=estimate(0.004), why="not surely better"),
            market("DE", 90, state="failed", why="no such model", plan=None, leaderboard=()),
        ),
        "left_out": {"als": "no worker offers SPARK"},
        "notes": ("wide_deep is trained on CPUs: no worker offers a GPU",),
        "failures": (
            Failed(family="rerank", kind="memory", reason=EVIL, count=2, example="all/rerank/3"),
        ),
        "studies": (
            StudyResult(
                where="all",
                family="sar",
                trials=40,
                failed=0,
                seconds=41.0,
                best=(standing(SAR, 0.04),),
                importance={"half_life_days": 0.7, "similarity": 0.3},
            ),
        ),
        "curve": (
            Point(trials=0, lift=0.0),
            Point(trials=4, lift=0.02),
            Point(trials=60, lift=0.035),
            Point(trials=212, lift=0.065),
        ),
        "gains": gains,
        **more,
    }
    return SearchResult(**values)
