"""The programme of a night: every fold of every candidate once, whatever the batches."""

import datetime as dt
from collections import Counter
from pathlib import Path

import pytest

from restock.evaluation.contest import Unit
from restock.infra.ingestion import Ingested, MarketSize
from restock.infra.local_store import LocalStore
from restock.infra.markets import load_markets
from restock.infra.night import Estimate
from restock.infra.plans import PlanRecord, write_plan
from restock.infra.programme import Programme, plan_night
from restock.infra.records import Plan
from restock.infra.snapshots import SnapshotRef
from restock.models import Candidate
from restock.models.candidate import Scope
from restock.models.slate import FALLBACK, FIRST_INCUMBENT, SLATE

pytestmark = pytest.mark.unit

PLAN = Candidate(name="sar", config={"half_life_days": 60.0}, scope="market")
POOLED = Candidate(name="rerank", scope="pooled")
SIZES = {"GB": 700_000, "FR": 13_000, "DE": 15_000, "NO": 1_200, "ZZ": 3}


def ingested(snapshot: str = "a" * 64) -> Ingested:
    return Ingested(
        snapshot=SnapshotRef(store="file:///nowhere", hash=snapshot),
        as_of=dt.date(2024, 1, 1),
        markets={
            m: MarketSize(lines=n, orders=n, customers=max(n // 130, 1), items=min(n, 4000))
            for m, n in SIZES.items()
        },
        lines_read=1,
        lines_kept=1,
        set_aside={},
        quarantine="",
    )


def programme(tmp_path: Path, wanted: list[str] | None = None, **more: str) -> Programme:
    return plan_night(LocalStore(tmp_path), ingested(**more), load_markets(), wanted)


def judged(batches: list[list[Unit]]) -> Counter[tuple[str, int, str]]:
    return Counter(
        (market, window, candidate.key)
        for batch in batches
        for unit in batch
        for market in unit.markets
        for window in unit.windows
        for candidate in unit.candidates
    )


@pytest.mark.parametrize("workers", [1, 2, 8])
def test_every_candidate_is_judged_once_on_every_fold_of_every_market(
    tmp_path: Path, workers: int
) -> None:
    night = programme(tmp_path)
    expected = {(m, w, c.key) for m in SIZES for w in range(6) for c in night.candidates}
    assert judged(night.judging(workers)) == Counter(expected)


def test_a_large_market_is_split_by_window_and_small_ones_share_a_task(tmp_path: Path) -> None:
    units = [unit for batch in programme(tmp_path).judging(2) for unit in batch]
    own = [unit for unit in units if unit.scope == "market"]
    of_gb = sorted(unit.title for unit in own if "GB" in unit.markets)
    assert of_gb == [f"GB-w{w}" for w in range(6)]
    assert len([unit for unit in own if "FR" in unit.markets]) == 1


@pytest.mark.parametrize("scope", ["pooled", "prior"])
def test_a_pooled_plan_is_refitted_once_for_all_its_markets(tmp_path: Path, scope: Scope) -> None:
    night = programme(tmp_path)
    pooled = Candidate(name="blend", scope=scope)
    chosen = dict.fromkeys(SIZES, pooled) | {"GB": FIRST_INCUMBENT}
    units = [u for batch in night.refitting(chosen, {"FR": "seen"}, 2) for u in batch]
    together = [unit for unit in units if unit.candidate == pooled]
    assert len(together) == 1 and set(together[0].markets) == set(SIZES) - {"GB"}
    assert together[0].evidence["FR"] == "seen"


def test_a_plan_with_a_prior_is_judged_with_the_pooled_ones(tmp_path: Path) -> None:
    prior = Candidate(name="item_knn", scope="prior")
    night = programme(tmp_path)
    candidates = (*night.candidates, prior)
    contenders = dict.fromkeys(SIZES, tuple(candidate.key for candidate in candidates))
    night = night.model_copy(update={"candidates": candidates, "contenders": contenders})
    units = [unit for batch in night.judging(2) for unit in batch if prior in unit.candidates]
    assert {unit.scope for unit in units} == {"pooled"}
    assert {unit.windows for unit in units} == {(at,) for at in range(6)}
    expected = {(m, w, c.key) for m in SIZES for w in range(6) for c in night.candidates}
    assert judged(night.judging(2)) == Counter(expected)


def test_a_plan_with_a_prior_is_written_down_and_read_again() -> None:
    prior = Candidate(name="item_knn", config={"neighbours": 50}, scope="prior")
    again = Plan.parse(Plan.of(prior).bytes(), "a plan").candidate()
    assert again.key == prior.key and again.scope == "prior"


def test_the_first_plan_in_service_is_judged_with_the_slate(tmp_path: Path) -> None:
    night = programme(tmp_path)
    assert all(plan == FIRST_INCUMBENT for plan in night.incumbents.values())
    assert {c.key for c in night.candidates} == {c.key for c in SLATE}


def test_the_night_is_named_by_what_goes_in(tmp_path: Path) -> None:
    token = programme(tmp_path).token
    assert programme(tmp_path).token == token
    assert programme(tmp_path, snapshot="b" * 64).token != token
    assert programme(tmp_path, ["FR"]).token != token


def test_a_market_without_orders_is_named(tmp_path: Path) -> None:
    with pytest.raises(ValueError, match=r"no orders of market IT before 2024-01-01"):
        programme(tmp_path, ["FR", "IT"])


def test_a_record_that_cannot_be_read_fails_its_market_alone(tmp_path: Path) -> None:
    LocalStore(tmp_path).put("publications/FR/current.json", b"{")
    night = programme(tmp_path)
    assert set(night.failed) == {"FR"} and "current.json" in night.failed["FR"]


def planned(
    tmp_path: Path, market: str, plan: Candidate, nominee: Candidate | None = None
) -> PlanRecord:
    """A search chose this plan for a market, or kept it and would rather have the nominee."""
    return write_plan(
        LocalStore(tmp_path),
        PlanRecord(
            market=market,
            plan=Plan.of(plan),
            adopted=nominee is None,
            nominee=Plan.of(nominee) if nominee else None,
            previous=FIRST_INCUMBENT.key,
            lift=Estimate(value=0.1),
            evidence="2024-01-01:digest",
            why="a search says so",
            as_of=dt.date(2024, 1, 1),
            search="search-1",
            made=dt.datetime(2024, 1, 1, tzinfo=dt.UTC),
        ),
    )


def judged_in(night: Programme, market: str) -> dict[str, list[int]]:
    """Name of a model → the windows on which it is judged in a market."""
    found: dict[str, list[int]] = {}
    for at, window, key in judged(night.judging(2)):
        if at == market:
            found.setdefault(night.candidate(key).name, []).append(window)
    return {name: sorted(windows) for name, windows in found.items()}


def test_a_plan_of_a_search_takes_the_place_of_the_incumbent_and_of_the_slate(
    tmp_path: Path,
) -> None:
    planned(tmp_path, "FR", PLAN)
    night = programme(tmp_path)
    assert night.incumbents["FR"].key == PLAN.key and night.rivals["FR"] == ()
    assert night.incumbents["DE"] == FIRST_INCUMBENT
    own = {name: windows for name, windows in judged_in(night, "FR").items() if name != "item_knn"}
    assert own.pop("sar") == own.pop(FALLBACK.name) == [0, 1]
    assert all(windows == [0, 1] for windows in own.values())  # pooled ones that others need
    assert "sar" not in judged_in(night, "DE")
    assert set(judged_in(night, "DE")["reorder"]) == set(range(6))


def test_when_every_market_has_its_plan_only_these_are_judged(tmp_path: Path) -> None:
    for market in SIZES:
        planned(tmp_path, market, POOLED if market != "FR" else PLAN)
    night = programme(tmp_path)
    assert judged_in(night, "FR") == {"sar": [0, 1], "popular": [0, 1], "rerank": [0, 1]}
    assert judged_in(night, "ZZ") == {"popular": [0, 1], "rerank": [0, 1]}


def test_a_nominee_competes_on_the_windows_it_was_not_chosen_on(tmp_path: Path) -> None:
    planned(tmp_path, "FR", FIRST_INCUMBENT, nominee=PLAN)
    night = programme(tmp_path)
    assert night.rivals["FR"] == (PLAN.key,)
    assert judged_in(night, "FR")["sar"] == judged_in(night, "FR")["reorder"] == [0, 1, 2]


def test_the_plans_belong_to_the_name_of_the_night(tmp_path: Path) -> None:
    before = programme(tmp_path).token
    planned(tmp_path, "FR", PLAN)
    with_plan = programme(tmp_path).token
    assert with_plan != before and programme(tmp_path).token == with_plan


@pytest.mark.parametrize("damage", [b"{", b'{"market": "FR"}'])
def test_a_damaged_plan_fails_its_market_alone(tmp_path: Path, damage: bytes) -> None:
    LocalStore(tmp_path).put("plans/FR.json", damage)
    night = programme(tmp_path)
    assert set(night.failed) == {"FR"} and "plans/FR.json" in night.failed["FR"]


def test_a_plan_of_a_model_that_is_not_here_fails_its_market_and_says_so(tmp_path: Path) -> None:
    record = planned(tmp_path, "FR", PLAN)
    odd = record.model_copy(update={"plan": record.plan.model_copy(update={"name": "sra"})})
    LocalStore(tmp_path).put("plans/FR.json", odd.bytes())
    night = programme(tmp_path)
    assert set(night.failed) == {"FR"} and "sra" in night.failed["FR"]


def test_what_takes_long_is_not_in_one_batch_with_its_like(tmp_path: Path) -> None:
    night = programme(tmp_path)
    slow = night.model_copy(
        update={
            "candidates": (POOLED,),
            "contenders": dict.fromkeys(night.fold_plans, (POOLED.key,)),
        }
    )
    batches = slow.judging(2)
    assert [len(batch) for batch in batches if batch[0].scope == "pooled"] == [1] * 6
