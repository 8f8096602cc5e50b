"""Realised performance: a planted fall is found, dated and measured; without one there is quiet."""

import datetime as dt

import numpy as np
import pandas as pd
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from restock.monitoring.performance import (
    LEARNING_DAYS,
    LEAST_ORDERS,
    Watch,
    check_performance,
    watch,
)
from restock.monitoring.policy import DriftPolicy

pytestmark = pytest.mark.unit

START = dt.date(2024, 1, 8)
POLICY = DriftPolicy(chance_alarms=0.05)  # what the rates below are held against


def day(at: int) -> dt.date:
    return START + dt.timedelta(days=at)


def ledger(
    days: int = 200,
    per_day: float = 300,
    fall: float = 0.0,
    since: int = 150,
    seed: int = 0,
    weekday: float = 0.0,
    shaken: float = 0.0,
    season: float = 0.0,
) -> pd.DataFrame:
    """Days with orders drawn from one distribution of ndcg, mean 0.36 and sd 0.23.

    fall: the share of orders from day ``since`` on whose list has no hit. weekday: how much lower
    Mondays are, as a share. shaken: sd of what moves all orders of a day, as a share.
    season: how much lower orders are around day 270 of each 365, at most, as a share.
    """
    random = np.random.default_rng(seed)
    rows = []
    for at in range(days):
        orders = 0 if day(at).weekday() == 5 else int(random.poisson(per_day))
        ndcg = random.beta(1.2, 2.1, orders)
        ndcg *= (1 - weekday * (day(at).weekday() == 0)) * (1 + shaken * random.normal())
        ndcg *= 1 - season * max(0.0, 1 - abs(at % 365 - 270) / 50)
        if at >= since:
            ndcg[random.random(orders) < fall] = 0.0
        rows.append((day(at), orders, ndcg.sum(), np.square(ndcg).sum(), int((ndcg > 0).sum())))
    table = pd.DataFrame(rows, columns=["day", "orders", "ndcg", "ndcg_squared", "taken"])
    table["day"] = pd.to_datetime(table["day"]).astype("datetime64[ms]")
    return table.assign(spend=table["orders"] * 10.0, captured=table["ndcg"] * 10.0, mature=True)


def alarms(table: pd.DataFrame) -> np.ndarray:
    return Watch.of(table[table["orders"] > 0].reset_index(drop=True), POLICY).path.alarms


def test_a_fall_is_found_dated_and_measured() -> None:
    found = check_performance(ledger(fall=0.1, days=162), "FR", day(162), POLICY)
    (finding,) = found.findings
    assert finding.severity == "alarm" and finding.action == "retrain"
    assert finding.kind == finding.cause == "performance"
    assert finding.since is not None and abs((finding.since - day(150)).days) <= 5
    assert finding.low is not None and finding.value < finding.low < (finding.high or 0)
    assert "ndcg" in finding.evidence and "orders" in finding.evidence
    assert {one.name for one in found.measures} == {"ndcg", "captured", "taken", "ndcg_cusum"}


def test_the_size_of_a_fall_is_in_its_interval() -> None:
    held = []
    for seed in range(25):
        watched = watch(ledger(fall=0.15, days=175, seed=seed), day(175), POLICY)
        assert watched is not None and watched.path.alarms[-1]
        fall = watched.fall()
        held.append(fall.low <= 0.15 <= fall.high)
    assert np.mean(held) >= 0.85


@pytest.mark.thorough
def test_without_a_fall_there_is_quiet() -> None:
    """At least as quiet as the policy says, in markets of all sizes and with lively Mondays."""
    loud = [
        alarms(ledger(days=331, per_day=per_day, seed=seed, weekday=weekday)).any()
        for per_day in (8, 50, 300)
        for weekday in (0.0, 0.1)
        for seed in range(7)
    ]
    assert np.mean(loud) <= 0.1


def test_a_season_that_comes_again_is_no_fall() -> None:
    table = ledger(days=720, season=0.12)
    at = (table["day"][table["orders"] > 0] - pd.Timestamp(START)).dt.days.to_numpy()
    found = alarms(table)
    assert found[at <= 365].any()  # nobody could know
    assert not found[at > 365].any()
    fallen = alarms(ledger(days=720, season=0.12, fall=0.12, since=420))
    assert fallen[(at >= 420) & (at < 440)].any()


def test_days_that_differ_by_more_than_chance_are_allowed_for() -> None:
    loud = [alarms(ledger(days=331, seed=seed, shaken=0.05)).any() for seed in range(12)]
    assert np.mean(loud) <= 0.15


def days_late(fall: float, per_day: float) -> float:
    """Median over markets of the days from a fall to its alarm."""
    found = []
    for seed in range(6):
        table = ledger(days=230, per_day=per_day, fall=fall, seed=seed)
        table = table[table["orders"] > 0].reset_index(drop=True)
        late = np.flatnonzero(alarms(table) & (table["day"] >= pd.Timestamp(day(150))))
        found.append((table["day"][late[0]].date() - day(150)).days if late.size else np.inf)
    return float(np.median(found))


@pytest.mark.thorough
def test_larger_falls_and_larger_markets_are_found_sooner() -> None:
    assert days_late(0.2, 300) < days_late(0.1, 300) < days_late(0.05, 300)
    assert days_late(0.1, 600) < days_late(0.1, 100)


@given(st.integers(60, 199), st.integers(0, 3))
@settings(max_examples=15, deadline=None)
def test_what_was_told_stays_told(cut: int, seed: int) -> None:
    """Later days change nothing of earlier ones: a replay is what was seen at the time."""
    table = ledger(fall=0.1, seed=seed, per_day=60)
    whole = watch(table, day(200), POLICY)
    early = watch(table, day(cut), POLICY)
    assert whole is not None and early is not None
    n = len(early.periods)
    assert early.path.value == pytest.approx(whole.path.value[:n])
    assert early.forecasts.z == pytest.approx(whole.forecasts.z[:n])


@given(st.randoms(use_true_random=False))
@settings(max_examples=5, deadline=None)
def test_rows_may_come_in_any_order_and_a_day_in_parts(random: object) -> None:
    table = ledger(days=120, per_day=50)
    half = table.assign(orders=table["orders"] // 2, ndcg=table["ndcg"] / 4, taken=0)
    other = table.assign(
        orders=table["orders"] - half["orders"],
        ndcg=table["ndcg"] - half["ndcg"],
        **dict.fromkeys(["ndcg_squared", "captured", "spend"], 0.0),
    )
    rows = list(range(2 * len(table)))
    random.shuffle(rows)  # type: ignore[attr-defined]
    parts = pd.concat([half, other], ignore_index=True).iloc[rows]
    one = check_performance(table, "FR", day(120), POLICY)
    two = check_performance(parts, "FR", day(120), POLICY)
    for ours, theirs in zip(one.measures, two.measures, strict=True):
        if ours.name != "taken":
            assert [p.value for p in ours.points] == pytest.approx([p.value for p in theirs.points])


def test_what_is_better_is_soon_usual_so_that_its_loss_is_found() -> None:
    table = ledger(days=170, fall=0.15, since=0)
    better = ledger(days=170, seed=1)
    table.loc[100:129] = better.loc[100:129]  # better lists for a month, then the old ones
    at = (table["day"][table["orders"] > 0] - pd.Timestamp(START)).dt.days.to_numpy()
    found = alarms(table)
    assert not found[at < 130].any()
    assert found[(at >= 130) & (at < 142)].any()


def test_days_with_few_orders_are_pooled_and_none_is_lost() -> None:
    table = ledger(days=150, per_day=7)
    watched = watch(table, day(150), POLICY)
    assert watched is not None
    orders, last = watched.periods["orders"], watched.periods["last"].iloc[-1]
    whole = table["day"].to_numpy().astype("datetime64[D]").astype(int) <= last
    assert (orders >= LEAST_ORDERS).all()
    assert orders.sum() == table["orders"][whole].sum()
    assert table["orders"][~whole].sum() < LEAST_ORDERS


def test_a_young_ledger_is_learning() -> None:
    found = check_performance(ledger(days=LEARNING_DAYS - 1), "FR", day(300), POLICY)
    assert not found.findings and "learning" in found.note
    assert found.measures[0].points[-1].low is None
    old = check_performance(ledger(days=LEARNING_DAYS + 10), "FR", day(300), POLICY)
    assert not old.note and old.measures[0].points[-1].low is not None


def test_days_that_are_not_final_or_not_known_yet_say_nothing() -> None:
    table = ledger(fall=0.9, since=150, days=160)
    before = check_performance(table.head(150), "FR", day(160), POLICY)
    table["mature"] = table["day"] < pd.Timestamp(day(150))
    assert check_performance(table, "FR", day(160), POLICY) == before
    assert check_performance(table.assign(mature=True), "FR", day(150), POLICY).measures == (
        before.measures
    )
    assert not check_performance(table.head(0), "FR", day(160), POLICY).findings


def test_lists_that_nobody_takes_from_say_nothing() -> None:
    table = ledger(days=120).assign(ndcg=0.0, ndcg_squared=0.0)
    found = check_performance(table, "FR", day(120), POLICY)
    assert not found.findings and found.note


def test_an_alarm_ends_when_what_fell_is_up_again() -> None:
    table = ledger(days=230, fall=0.2, since=150)
    well = ledger(days=230, seed=1)
    table.loc[170:] = well.loc[170:]
    found = alarms(table)
    at = table["day"][table["orders"] > 0].to_numpy()
    assert found[at == np.datetime64(day(169))].all()
    assert not found[at >= np.datetime64(day(185))].any()
