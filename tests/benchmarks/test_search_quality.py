"""The figures say what they claim: none where nothing differs, the sign where something does."""

from functools import cache
from typing import Any

import numpy as np
import pytest

from restock.benchmarks import search_quality
from restock.benchmarks.figures import Figure
from restock.benchmarks.search_quality import (
    Arms,
    on_later_windows,
    on_true_futures,
    searched,
    together,
    tried,
)
from restock.benchmarks.search_world import Differing
from restock.models import Candidate
from restock.models.slate import FIRST_INCUMBENT
from restock.tuning.choosing import top_rung
from restock.tuning.trials import ALL, Lift, Outcome, StudyKey, Trial

pytestmark = pytest.mark.unit

GOOD, BAD = Candidate(name="reorder", scope="pooled"), Candidate(name="popular", scope="pooled")


@cache
def world() -> Differing:
    return Differing.make(2, 250, items=250, days=300, seed=1)


def arms(**changed: Any) -> Arms:
    markets = tuple(world().group)
    outcomes = [
        Outcome(
            trial=Trial(
                study=StudyKey(where=ALL, family=one.name), index=0, origin="asked", candidate=one
            ),
            rung=2,
            windows=(3, 4, 5),
            lift=Lift(value=0.0, error=0.1, customers=100),
            markets={market: Lift(value=0.0, error=0.1, customers=50) for market in markets},
        )
        for one in (GOOD, BAD)
    ]
    usual: dict[str, Any] = {
        "outcomes": outcomes,
        "plans": dict.fromkeys(markets, GOOD),
        "pooled": GOOD,
        "best": GOOD,
        "naive": dict.fromkeys(markets, GOOD),
    }
    return Arms(**usual | changed)


def by_name(figures: Any) -> dict[str, Figure]:
    return {one.figure: one for one in figures}


def test_who_takes_the_best_everywhere_has_no_regret() -> None:
    found = by_name(on_true_futures(world(), arms(), 4))
    assert found["regret"].value <= 0.02  # GOOD and the yardstick are nearly alike
    assert found["lift_vs_global"].value == found["lift_vs_naive"].value == 0
    assert found["own_plans"].value == 0
    assert found["least_customers"].value == 50


def test_who_takes_the_worst_regrets_it_and_is_below_all_others() -> None:
    plans = dict.fromkeys(world().group, BAD)
    found = by_name(on_true_futures(world(), arms(plans=plans), 4))
    assert found["regret"].value > 0.1
    assert found["lift_vs_global"].value < -0.1
    assert found["lift_vs_naive"].high is not None
    assert found["lift_vs_naive"].high < 0
    assert found["own_plans"].value == 2


def test_later_windows_tell_a_bad_plan() -> None:
    orders = world().orders
    alike = by_name(on_later_windows(orders, arms()))
    assert alike["online_retail.lift_vs_global"].value == 0
    assert alike["online_retail.markets_worse_than_pooled"].value == 0
    plans = dict.fromkeys(world().group, BAD)
    worse = by_name(on_later_windows(orders, arms(plans=plans)))
    assert worse["online_retail.lift_vs_global"].value < -0.1
    assert worse["online_retail.markets_worse_than_pooled"].value == 2


def test_a_search_gives_every_market_a_plan_and_what_it_is_compared_with(
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    monkeypatch.setattr(search_quality, "FAMILIES", ("reorder", "item_knn"))
    orders = world().orders
    found = searched(orders, orders, trials=8)
    markets = set(world().group)
    assert set(found.plans) == set(found.naive) == markets
    assert found.outcomes == top_rung(found.outcomes)
    given = {(m, one.key) for one, where in tried(found) for m in where}
    assert {(m, FIRST_INCUMBENT.key) for m in markets} <= given
    for choice in (found.plans, found.naive, dict.fromkeys(markets, found.best)):
        assert {(market, one.key) for market, one in choice.items()} <= given


def test_worlds_count_alike_and_more_of_them_say_more() -> None:
    one = Figure("lift_vs_naive", 0.02, "share", 0.01, 0.03, peer="naive")
    alone, four = together([one]), together([one] * 4)
    assert (alone.value, alone.low, alone.high) == pytest.approx((0.02, 0.01, 0.03), abs=1e-4)
    assert four.value == pytest.approx(0.02)
    assert four.low is not None
    assert four.high is not None
    assert four.high - four.low == pytest.approx(0.01, rel=0.01)
    other = Figure("lift_vs_naive", -0.02, "share", -0.03, -0.01)
    assert together([one, other]).value == pytest.approx(0.0, abs=3e-4)
    regret = together([Figure("regret", 0.01, "share"), Figure("regret", 0.03, "share")])
    assert regret.value == pytest.approx(0.02, abs=1e-4)
    assert regret.low is None
    assert together([Figure("least_customers", n, "") for n in (300, 200)]).value == 200
    assert together([Figure("own_plans", n, "of 12 markets") for n in (3, 2)]).value == 5


def test_futures_are_of_the_markets_own_customers_and_differ_by_draw() -> None:
    market = next(iter(world().group))
    future = world().future(market, range(3))
    assert np.isin(future.relevance.customer, future.train.customers).all()
    first, second = (fold.relevance.item for fold in future.folds[:2])
    assert first.tolist() != second.tolist()


def test_markets_of_different_groups_have_different_habits() -> None:
    first, second = world().group
    assert world().group[first] != world().group[second]
    alone = world().simulations[0].interactions(everyone=True)
    assert len(world().orders.of_market(first)) == len(alone.of_market(first))
    assert len(world().orders.of_market(second)) != len(alone.of_market(second))
