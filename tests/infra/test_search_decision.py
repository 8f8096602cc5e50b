"""The end of a search: the nominee has to win again, market by market, on windows of its own."""

import datetime as dt
from collections.abc import Mapping

import numpy as np
import pytest
from contracts.judged import of_quality

from restock.evaluation.evidence import bar_token
from restock.infra.deciding import Cards
from restock.infra.markets import load_markets
from restock.infra.plans import InService, Services
from restock.infra.search_decision import Ruling, decide_plans
from restock.models import Candidate
from restock.models.slate import FIRST_INCUMBENT

pytestmark = pytest.mark.unit

BEFORE = FIRST_INCUMBENT
NOMINEE = Candidate(name="blend", scope="pooled")
OWN = Candidate(name="sar", scope="market")


def cards(qualities: Mapping[str, float], sizes: Mapping[str, int], windows: int = 3) -> Cards:
    """Scorecards of each candidate in each market, on as many windows."""
    found: Cards = {}
    for market, n in sizes.items():
        rng = np.random.default_rng(n)
        base = rng.uniform(-0.05, 0.05, n)
        found[market] = {
            key: [
                of_quality(
                    np.clip(quality + base + 0.01 * rng.normal(size=n), 0, 1),
                    np.ones(n),
                    market=market,
                    window=window,
                )
                for window in range(windows)
            ]
            for key, quality in qualities.items()
        }
    return found


def services(markets: Mapping[str, int], **more: object) -> Services:
    values: dict[str, object] = {
        "plans": dict.fromkeys(markets, InService(plan=BEFORE)),
        "served": {},
        "current": {},
        "barred": {},
        "failed": {},
        **more,
    }
    return Services.model_validate(values)


def decide(
    qualities: Mapping[str, float],
    sizes: Mapping[str, int],
    nominees: Mapping[str, Candidate] | None = None,
    **more: object,
) -> dict[str, Ruling]:
    judged = cards(qualities, sizes)
    chosen = nominees or dict.fromkeys(sizes, NOMINEE)
    return decide_plans(chosen, judged, {}, services(sizes, **more), load_markets())


def test_a_nominee_that_wins_again_is_adopted_and_small_markets_follow_all() -> None:
    rulings = decide({BEFORE.key: 0.3, NOMINEE.key: 0.36}, {"FR": 400, "NO": 20})
    assert {market: one.state for market, one in rulings.items()} == {
        "FR": "adopted",
        "NO": "adopted",
    }
    assert rulings["FR"].basis == "own" and rulings["NO"].basis == "pooled"
    record = rulings["FR"].record(dt.date(2024, 1, 1), "search-1")
    assert record.plan.key == NOMINEE.key and record.previous == BEFORE.key
    assert record.nominee is None and record.evidence
    assert record.lift.value == pytest.approx(0.2, abs=0.05)


def test_a_nominee_that_was_only_lucky_is_kept_out_and_competes() -> None:
    (ruling,) = decide({BEFORE.key: 0.3, NOMINEE.key: 0.3}, {"FR": 400}).values()
    assert ruling.state == "kept" and "not surely better" in ruling.why
    record = ruling.record(dt.date(2024, 1, 1), "search-1")
    assert record.plan.key == BEFORE.key
    assert record.nominee is not None and record.nominee.key == NOMINEE.key


def test_only_the_nominee_of_a_market_may_replace_there() -> None:
    qualities = {BEFORE.key: 0.3, NOMINEE.key: 0.33, OWN.key: 0.4}
    nominees = {"FR": NOMINEE, "DE": OWN}
    rulings = decide(qualities, {"FR": 400, "DE": 400}, nominees)
    assert {market: one.plan.key for market, one in rulings.items()} == {
        "FR": NOMINEE.key,
        "DE": OWN.key,
    }


def test_markets_that_get_no_plan_still_speak_in_the_pool() -> None:
    rulings = decide({BEFORE.key: 0.3, NOMINEE.key: 0.36}, {"FR": 400, "NO": 20}, {"NO": NOMINEE})
    assert set(rulings) == {"NO"} and rulings["NO"].state == "adopted"


def test_what_is_in_service_may_be_what_the_search_chose() -> None:
    (ruling,) = decide({BEFORE.key: 0.3}, {"FR": 400}, {"FR": BEFORE}).values()
    assert ruling.state == "kept" and "is what the search chose too" in ruling.why
    record = ruling.record(dt.date(2024, 1, 1), "search-1")
    assert record.plan.key == BEFORE.key and record.nominee is None


def test_a_plan_that_was_rolled_back_does_not_return_on_the_same_days() -> None:
    judged = cards({BEFORE.key: 0.3, NOMINEE.key: 0.36}, {"FR": 400})
    seen = max(card.end for card in judged["FR"][BEFORE.key])
    bars = {"FR": {NOMINEE.key: bar_token(seen)}}
    (ruling,) = decide({BEFORE.key: 0.3, NOMINEE.key: 0.36}, {"FR": 400}, barred=bars).values()
    assert ruling.state == "kept" and "barred until" in ruling.why


def test_a_market_whose_plan_was_not_judged_fails_alone_and_says_why() -> None:
    judged = cards({BEFORE.key: 0.3, NOMINEE.key: 0.36}, {"FR": 400, "DE": 400})
    del judged["DE"][BEFORE.key]
    skipped = {"DE": {BEFORE.key: "MemoryError: too large"}}
    nominees = dict.fromkeys(judged, NOMINEE)
    rulings = decide_plans(nominees, judged, skipped, services(judged), load_markets())
    assert rulings["FR"].state == "adopted" and rulings["DE"].state == "failed"
    assert "MemoryError: too large" in rulings["DE"].why


def test_a_nominee_that_was_not_judged_in_time_competes() -> None:
    judged = cards({BEFORE.key: 0.3}, {"FR": 400})
    (ruling,) = decide_plans({"FR": NOMINEE}, judged, {}, services(judged), load_markets()).values()
    assert ruling.state == "kept" and "no time to judge" in ruling.why
    assert ruling.record(dt.date(2024, 1, 1), "search-1").nominee is not None


def test_where_the_plan_in_service_came_too_late_it_stays() -> None:
    judged = cards({NOMINEE.key: 0.36}, {"FR": 400})
    (ruling,) = decide_plans({"FR": NOMINEE}, judged, {}, services(judged), load_markets()).values()
    assert ruling.state == "kept" and "no time to judge reorder" in ruling.why
    assert ruling.record(dt.date(2024, 1, 1), "search-1").plan.key == BEFORE.key


def test_where_there_was_no_time_to_judge_anything_that_is_the_reason() -> None:
    late = {("FR", BEFORE.key), ("FR", NOMINEE.key)}
    known = services({"FR": 0})
    (ruling,) = decide_plans({"FR": NOMINEE}, {}, {}, known, load_markets(), late).values()
    assert ruling.state == "kept" and "no time to judge reorder" in ruling.why


def test_a_market_without_a_test_customer_follows_the_others() -> None:
    judged = cards({BEFORE.key: 0.3, NOMINEE.key: 0.36}, {"FR": 400})
    nominees = dict.fromkeys(("FR", "ZZ"), NOMINEE)
    rulings = decide_plans(nominees, judged, {}, services(nominees), load_markets())
    assert rulings["ZZ"].state == "adopted" and rulings["ZZ"].customers == 0
