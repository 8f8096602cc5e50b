"""The leak test finds what knows the future, says where, and keeps quiet about what does not."""

import datetime as dt
from dataclasses import replace
from typing import Any

import numpy as np
import pandas as pd
import pytest

from restock.benchmarks.clean_builds import Backtested, BacktestedLists
from restock.benchmarks.planted_leaks import KINDS, Planted
from restock.benchmarks.planted_shop import CUTOFF, make_world
from restock.dataset import Interactions, simulate
from restock.evaluation import evaluate, rolling_folds
from restock.evaluation.backtest import running
from restock.evaluation.leak_changes import changes
from restock.evaluation.leaks import ListsOf, World, by_metric, find_leaks
from restock.models import Candidate

unit = pytest.mark.unit

FAST = ("tie_at_cutoff", "home_market", "returns_netted")


@pytest.fixture(scope="module")
def shop() -> World:
    return make_world(customers=25, items=30)


@pytest.fixture(scope="module")
def world() -> World:
    orders = simulate(customers={"FR": 40, "DE": 30}, items=40, days=300, seed=3).orders
    return World(orders)


@pytest.mark.thorough
@unit
@pytest.mark.parametrize("kind", FAST)
def test_a_planted_mistake_is_found_and_its_twin_is_not(shop: World, kind: str) -> None:
    assert find_leaks(Planted(kind), shop, CUTOFF)
    assert find_leaks(Planted(kind, leaky=False), shop, CUTOFF) == ()


@unit
def test_every_change_keeps_the_past_and_brings_another_future(shop: World) -> None:
    labelled = shop.orders.assign(item_name="a", category="b", unit_cost=1.0)
    world = replace(shop, orders=labelled)
    found = changes(world)
    assert len(found) == 13
    orders_stay = ("rows in another order", "what tables say from the cut-off on changed")
    for name, change in found.items():
        other = change(world, CUTOFF, np.random.default_rng(0))
        assert _side(world, True) == _side(other, True), name
        assert (_side(world, False) == _side(other, False)) is (name in orders_stay)
        for table in world.tables:
            known = [_told(one, table) for one in (world, other)]
            assert known[0] == known[1], (name, table)


def _side(world: World, before: bool) -> list[tuple[object, ...]]:
    """The lines of one side of the cut-off in one order; and later orders under any name."""
    rows = world.orders[world.before(CUTOFF) == before]
    named = list(rows if before else rows.drop(columns="order_id"))
    return sorted(rows[named].astype(str).itertuples(index=False, name=None))


def _told(world: World, table: str) -> list[tuple[object, ...]]:
    rows = world.tables[table]
    known = rows[(rows["known_at"] < pd.Timestamp(CUTOFF)).to_numpy()]
    return sorted(known.itertuples(index=False, name=None))


@unit
def test_there_are_twenty_kinds_each_with_its_story() -> None:
    assert len(KINDS) == 20
    assert all(build.__doc__ for build in KINDS.values())


@unit
@pytest.mark.parametrize("name", ["reorder", "item_knn", "ease"])
def test_shipped_models_do_not_leak(world: World, name: str) -> None:
    assert find_leaks(ListsOf(Candidate(name=name)), world, CUTOFF) == ()


@pytest.mark.platform
def test_what_is_kept_between_calls_is_found_from_another_process(shop: World) -> None:
    build = Planted("stale_cache")
    assert find_leaks(build, shop, CUTOFF) == ()  # every call finds what the first one kept
    (leak,) = find_leaks(build, shop, CUTOFF, fresh=True)
    assert "another process" in leak.change


@unit
def test_what_cannot_be_sent_to_another_process_is_refused(world: World) -> None:
    with pytest.raises(ValueError, match="define it in a module"):
        find_leaks(lambda there, day: _spend(there, day), world, CUTOFF, fresh=True)


def _spend(world: World, cutoff: dt.date) -> dict[str, float]:
    past = world.orders[(world.orders["timestamp"] < pd.Timestamp(cutoff)).to_numpy()]
    return dict(past.sort_values(list(past)).groupby("customer_id")["quantity"].sum())


@unit
def test_a_leak_says_what_was_changed_and_shows_the_first_difference(world: World) -> None:
    def everything(world: World, cutoff: dt.date) -> dict[str, float]:
        return {"units": float(world.orders["quantity"].sum())}

    found = {leak.change: leak for leak in find_leaks(everything, world, CUTOFF)}
    leak = found["amounts and prices of later orders changed"]
    assert (leak.differing, leak.compared) == (1, 1)
    before = float(world.orders["quantity"].sum())
    assert f"units: {before} became " in str(leak)
    assert "items of later orders exchanged" not in found
    assert find_leaks(_spend, world, CUTOFF) == ()


@unit
def test_one_bit_is_a_difference(world: World) -> None:
    def nearly(world: World, cutoff: dt.date) -> object:
        lines = len(world.orders)
        return {**_spend(world, cutoff), "all": np.array([1.0, np.nextafter(1.0, lines % 7)])}

    changes = {leak.change for leak in find_leaks(nearly, world, CUTOFF)}
    assert changes and "rows in another order" not in changes


@unit
def test_who_is_answered_for_counts_unless_the_future_decides_it(world: World) -> None:
    def who_returns(world: World, cutoff: dt.date) -> object:
        later = world.orders[~world.before(cutoff)]["customer_id"]
        return {who: units for who, units in _spend(world, cutoff).items() if who in set(later)}

    assert find_leaks(who_returns, world, CUTOFF)
    assert find_leaks(who_returns, world, CUTOFF, common=True) == ()


@unit
def test_newcomers_may_be_answered_for(world: World) -> None:
    def everybody(world: World, cutoff: dt.date) -> object:
        return dict.fromkeys(world.orders["customer_id"].unique(), "popular") | {
            "known": _spend(world, cutoff)
        }

    assert find_leaks(everybody, world, CUTOFF) == ()


@unit
def test_a_build_that_never_changes_or_always_does_is_told(world: World) -> None:
    calls: list[int] = []

    def unsteady(world: World, cutoff: dt.date) -> object:
        calls.append(1)
        return len(calls)

    (leak,) = find_leaks(unsteady, world, CUTOFF)
    assert leak.change == "the same call again"
    (leak,) = find_leaks(lambda world, cutoff: 1, world, CUTOFF)
    assert leak.change == "another past, which changed nothing"


@unit
def test_a_build_that_fails_on_another_future_leaks(world: World) -> None:
    def needs_it(world: World, cutoff: dt.date) -> object:
        world.orders["timestamp"].iloc[int((~world.before(cutoff)).nonzero()[0][0])]
        return _spend(world, cutoff)

    (leak,) = find_leaks(needs_it, world, CUTOFF)
    assert leak.change == "everything later removed" and "IndexError" in leak.example


@unit
def test_scorecards_are_as_of_the_end_of_their_window_except_for_costs(world: World) -> None:
    def judged(world: World, cutoff: dt.date) -> object:
        orders = world.interactions.before(cutoff)
        (fold,) = rolling_folds(orders, windows=1, as_of=cutoff)
        model = Candidate(name="reorder").create().fit(fold.train)
        lists = model.recommend(fold.customers, 5, allowed=fold.candidates)
        return by_metric(evaluate(lists, fold, k=5), orders.catalogue)

    (leak,) = find_leaks(judged, world, _end(world))
    assert leak.change == "names, categories and costs in later orders changed"
    without = World(world.orders.drop(columns="unit_cost"))
    assert find_leaks(judged, without, _end(world)) == ()


def _end(world: World) -> dt.date:
    last: pd.Timestamp = world.orders["timestamp"].max()
    return (last - pd.Timedelta(days=40)).date()


@pytest.mark.thorough
@unit
def test_a_backtest_knows_nothing_of_later_days(
    world: World, monkeypatch: pytest.MonkeyPatch
) -> None:
    candidate = Candidate(name="reorder")
    without = World(world.orders.drop(columns="unit_cost"))
    assert find_leaks(Backtested(candidate), without, _end(world)) == ()
    lists = BacktestedLists(candidate)
    assert find_leaks(lists, without, CUTOFF, common=True) == ()

    def on_everything(train: Interactions, places: Any, *others: Any) -> None:
        judge_day(places[0].fold.test, places, *others)

    judge_day = running._judge_day
    monkeypatch.setattr(running, "_judge_day", on_everything)
    assert find_leaks(lists, without, CUTOFF, common=True)


@unit
def test_mistakes_in_asking_are_refused(world: World) -> None:
    for cutoff, side in ((dt.date(2020, 1, 1), "before"), (dt.date(2030, 1, 1), "from")):
        with pytest.raises(ValueError, match=f"no order {side}"):
            find_leaks(_spend, world, cutoff)

    def codes(world: World, cutoff: dt.date) -> Any:
        train = world.interactions.before(cutoff)
        return Candidate(name="popular").create().fit(train).recommend(train.customers, 5)

    with pytest.raises(TypeError, match="by_customer"):
        find_leaks(codes, world, CUTOFF)
    with pytest.raises(TypeError, match="not with set"):
        find_leaks(lambda world, cutoff: {1}, world, CUTOFF)
    with pytest.raises(ValueError, match="raw"):
        _ = World(world.orders, raw=True).interactions
