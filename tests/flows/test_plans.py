"""What a search decided, in the nights after it: published, rolled back, damaged."""

import datetime as dt
import json
from pathlib import Path

import pytest
from contracts.nights import MARKETS, night_of, states

from restock.infra.local_store import LocalStore
from restock.infra.night import Estimate
from restock.infra.plans import PlanRecord, write_plan
from restock.infra.publications import current
from restock.infra.records import Plan
from restock.models import Candidate
from restock.models.slate import FIRST_INCUMBENT

pytestmark = pytest.mark.platform

PLAN = Candidate(name="blend", scope="pooled")
AS_OF = dt.date(2011, 12, 10)


def adopted(store: LocalStore, market: str) -> None:
    """A search of all orders chose a plan for a market."""
    record = PlanRecord(
        market=market,
        plan=Plan.of(PLAN),
        adopted=True,
        previous=FIRST_INCUMBENT.key,
        lift=Estimate(value=0.1, low=0.05, high=0.15),
        evidence=f"{AS_OF}:digest",
        why="blend won on later windows",
        as_of=AS_OF,
        search="search-1",
        made=dt.datetime(2011, 12, 10, tzinfo=dt.UTC),
    )
    write_plan(store, record)


def test_a_plan_is_published_by_the_next_night_and_is_barred_once_it_was_rolled_back(
    restock, after_a_night, store: LocalStore, orders: Path
) -> None:
    after_a_night("--as-of", "2011-11-01")
    adopted(store, "FR")
    done = restock("retrain", "--orders", str(orders), "--json", "--accept-changes")
    assert done.returncode == 0, done.stderr[-3000:]
    by_market = {one["market"]: one for one in night_of(done)["markets"]}
    assert by_market["FR"]["champion"] == PLAN.label and by_market["FR"]["replaced"]
    assert by_market["FR"]["search"] == "search-1" and not by_market["DE"]["search"]
    assert by_market["FR"]["verdict"] == "blend won on later windows"
    assert not by_market["DE"]["replaced"]
    again = restock("retrain", "--orders", str(orders), "--json", "--accept-changes")
    assert states(again)["FR"] == "unchanged"

    assert restock("rollback", "--market", "FR").returncode == 0
    after = restock("retrain", "--orders", str(orders), "--json", "--accept-changes")
    (france,) = [one for one in night_of(after)["markets"] if one["market"] == "FR"]
    assert france["champion"] != PLAN.label
    pointer = current(store, "FR")
    assert pointer is not None and pointer.plan.key != PLAN.key


def test_a_damaged_plan_fails_its_market_alone_and_says_what_to_do(
    restock, store: LocalStore, orders: Path
) -> None:
    store.put("plans/DE.json", json.dumps({"market": "DE"}).encode())
    done = restock("retrain", "--orders", str(orders), "--json")
    assert done.returncode == 1
    assert states(done) == dict.fromkeys(MARKETS, "published") | {"DE": "failed"}
    (reason,) = [one["reason"] for one in night_of(done)["markets"] if one["market"] == "DE"]
    assert "plans/DE.json" in reason and "Remove it" in reason
