"""A backtest is planned the same every time, asks nothing of the future, and finds its pieces."""

import datetime as dt
import math
from pathlib import Path

import pytest
from contracts.backtested import EVIL

from restock.dataset import simulate
from restock.evaluation.backtest.running import run_unit
from restock.infra import backtest_store, tracking
from restock.infra.backtest_analysis import conclude
from restock.infra.backtest_plan import plan_backtest
from restock.infra.backtest_report import render
from restock.infra.backtest_result import BacktestResult
from restock.infra.backtest_run import BacktestRun
from restock.infra.backtest_summary import summary_rows
from restock.infra.backtest_tracking import backtest_record
from restock.infra.backtest_wishes import MODELS, Wishes, read_model
from restock.infra.feed import Feed
from restock.infra.ingestion import ingest
from restock.infra.local_store import LocalStore
from restock.infra.markets import load_markets
from restock.infra.settings import Settings
from restock.infra.snapshots import open_snapshot
from restock.infra.store import Store
from restock.infra.tracking_records import TrackedJob
from restock.models import Candidate, FitContext
from restock.tasks import backtest as tasks

pytestmark = pytest.mark.unit

WISHES = Wishes(
    models=tuple(read_model(name) for name in ("popular", "item_knn")),
    windows=2,
    ages=(28,),
    instead=read_model("item_knn"),
)


@pytest.fixture(scope="module")
def store(tmp_path_factory: pytest.TempPathFactory) -> LocalStore:
    return LocalStore(tmp_path_factory.mktemp("store"))


@pytest.fixture(scope="module")
def feed(store: LocalStore, tmp_path_factory: pytest.TempPathFactory) -> Feed:
    orders = simulate(customers={"FR": 90, "DE": 60}, items=60, days=250, seed=2).orders
    path = tmp_path_factory.mktemp("orders") / "orders.parquet"
    orders.to_parquet(path, index=False)
    return Feed(ingest(store, str(path)), None)


def planned(store: LocalStore, feed: Feed, **wishes: object) -> BacktestRun:
    return plan_backtest(store, feed, load_markets(), WISHES.model_copy(update=wishes))


def test_the_same_command_has_the_same_name_and_another_has_another(
    store: LocalStore, feed: Feed
) -> None:
    run = planned(store, feed)
    assert planned(store, feed) == run
    others = [
        planned(store, feed, windows=3),
        planned(store, feed, ages=()),
        planned(store, feed, models=MODELS),
        planned(store, feed, since=dt.date(2011, 6, 1)),
    ]
    assert len({run.token, *(one.token for one in others)}) == 5


def test_every_model_is_fitted_on_every_day_of_every_market_once(
    store: LocalStore, feed: Feed
) -> None:
    run = planned(store, feed)
    units = run.units()
    fits = [
        (market if unit.scope == "market" else "all", day, one.key)
        for unit in units
        for market in (unit.markets if unit.scope == "market" else ("all",))
        for day in unit.days
        for one in unit.candidates
    ]
    assert len(fits) == len(set(fits))
    # two windows and one of an age that is a window: three days; the plan in service is there
    assert len(fits) == 3 * (1 + 2 * len(("popular", "reorder")))
    packed = [unit for batch in run.batches(units, 2) for unit in batch]
    assert sorted(packed, key=repr) == sorted(units, key=repr)


def test_pieces_come_back_as_they_were_and_give_the_record(
    store: LocalStore, feed: Feed, tmp_path: Path
) -> None:
    run = planned(store, feed)
    interactions = open_snapshot(
        run.ingested.snapshot, Settings(home=tmp_path, storage=str(store.root))
    )
    found = {}
    for unit in run.units():
        found[backtest_store.unit_id(unit)] = run_unit(interactions, unit, run.grid, FitContext())
        backtest_store.put_done(store, run.token, unit, found[backtest_store.unit_id(unit)])
    assert backtest_store.finished(store, run.token) == found.keys()
    came = list(backtest_store.get_done(store, run.token, run.units()))
    direct = [one for pieces in found.values() for one in pieces]
    result = conclude(run, came, [], load_markets())
    assert result == conclude(run, direct[::-1], [], load_markets())

    assert {one.market for one in result.markets} == {"FR", "DE"}
    assert result.pooled.customers == sum(one.customers for one in result.markets)
    assert {one.age_days for one in result.pooled.ages} == {28}
    assert len(result.windows) == 2 and all(one.in_service for one in result.markets)
    assert result.what_if is not None
    total = result.what_if.total
    assert total.captured == pytest.approx(sum(one.captured for one in result.what_if.markets))
    assert math.isclose(total.instead - total.captured, total.difference.value or 0.0)

    assert "item_knn (pooled)" in render(result) and EVIL not in render(result)
    assert len(summary_rows(result)) == 3
    record = backtest_record(result)
    assert TrackedJob.validate_json(record.model_dump_json()) == record
    assert {part.labels["model"] for part in record.parts} >= {"item_knn (pooled)"}


def test_one_that_is_killed_once_its_record_is_there_is_tracked_all_the_same(
    store: LocalStore, feed: Feed, monkeypatch: pytest.MonkeyPatch
) -> None:
    """Nobody works on it again: the next job finds it in the spool."""
    monkeypatch.setenv("RESTOCK_STORAGE", str(store.root))
    run, put = planned(store, feed), backtest_store.put_result

    def killed(store: Store, result: BacktestResult) -> None:
        put(store, result)
        raise KeyboardInterrupt

    monkeypatch.setattr(backtest_store, "put_result", killed)
    with pytest.raises(KeyboardInterrupt):
        tasks.finish.fn(run, [], [], tasks.Clocks.now())
    assert tasks.known_result(run) is not None
    (waiting,) = store.list(tracking.FOLDER)
    record = TrackedJob.validate_json(store.get(waiting.key).data)
    assert record.run_token == run.token and record.tags["report"].endswith(".html")


def test_a_failed_unit_fails_its_markets_and_leaves_the_others(
    store: LocalStore, feed: Feed
) -> None:
    run = planned(store, feed)
    lost = next(unit for unit in run.units() if unit.markets == ("DE",))
    result = conclude(run, [], [(lost, "KilledWorker: gone")], load_markets())
    assert result.failed == {"DE": "KilledWorker: gone"}
    assert [one.market for one in result.markets] == ["FR"]
    assert result.markets[0].note


def test_what_is_unknown_is_named(store: LocalStore) -> None:
    for token in ("2011-12-10-000000000000", "../champions/FR", ""):
        with pytest.raises(ValueError, match="there is no backtest"):
            backtest_store.get_run(store, token)
    with pytest.raises(ValueError, match="blend"):
        read_model("blnd")
    assert read_model("reorder") == Candidate(name="reorder", scope="market")
    assert read_model("sar") == Candidate(name="sar", scope="pooled")
    with pytest.raises(ValueError, match="greater than or equal"):
        Wishes(ages=(-7,))  # fitted after the cut-off
