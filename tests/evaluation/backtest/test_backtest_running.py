"""What is fitted when, and judged where: like the nights where it is fresh, blind to the rest."""

import datetime as dt

import numpy as np
import pytest
from contracts.judged import START, Line, catalogue, interactions

from restock.dataset import Interactions
from restock.evaluation import Scorecard
from restock.evaluation.backtest.grid import FitUnit, Grid
from restock.evaluation.backtest.running import AgedJudgement, run_unit
from restock.evaluation.contest import FoldPlan, Unit, judge
from restock.models import Candidate, FitContext

pytestmark = pytest.mark.unit

REORDER = Candidate(name="reorder", scope="market")
KNN = Candidate(name="item_knn", scope="pooled")
PLAN = FoldPlan(windows=3, horizon_days=14)
DAYS = 120


def orders(future: int | None = None) -> Interactions:
    """Two markets of weekly shoppers. future: day from which everything is different."""
    rng = np.random.default_rng(1)
    lines: dict[tuple[int, int, int], Line] = {}
    for customer in range(24):
        for day in range(customer % 7, DAYS, 7):
            for item in rng.integers(0, 30, 3).tolist():
                changed = future is not None and day >= future
                code = (item * 7 + 3) % 30 if changed else item
                lines[customer, code, day] = (customer, code, day, 1.0, 5.0 + item)
    home = [customer % 2 for customer in range(24)]
    ids = catalogue(24, 30, markets=("DE", "FR"), home=home)
    return interactions(list(lines.values()), ids, DAYS)


def grid(ages: tuple[int, ...] = (0, 14), contenders: tuple[Candidate, ...] = (REORDER, KNN)):
    keys = tuple(one.key for one in contenders)
    return Grid(
        as_of=START + dt.timedelta(days=DAYS),
        fold_plans={"DE": PLAN, "FR": PLAN},
        ages=ages,
        contenders={"DE": keys, "FR": keys},
    )


def unit(candidate: Candidate, made: Grid, *markets: str) -> FitUnit:
    return FitUnit(
        scope="pooled" if candidate.pooled else "market",
        markets=markets,
        days=tuple(made.days()),
        candidates=(candidate,),
    )


def cards(found: list[AgedJudgement], age: int) -> dict[tuple[str, dt.date, str], Scorecard]:
    return {
        (one.judgement.market, one.judgement.cutoff, key): card
        for one in found
        if one.age_days == age
        for key, card in one.judgement.scorecards.items()
    }


def same(one: Scorecard, other: Scorecard) -> bool:
    return bool(
        one.fold_hash == other.fold_hash
        and np.array_equal(one.lists, other.lists)
        and np.array_equal(one.values, other.values, equal_nan=True)
    )


def test_a_model_one_window_old_is_the_fit_of_the_window_before() -> None:
    made = grid((0, 14))
    newest = made.cutoff("FR", 0)
    days = made.days()
    assert list(days) == [newest - dt.timedelta(days=14 * n) for n in (3, 2, 1, 0)]
    ages = {(one.window, one.age_days) for one in days[made.cutoff("FR", 1)]}
    assert ages == {(1, 0), (0, 14)}
    assert len(grid((0, 7)).days()) == 6


@pytest.mark.parametrize("candidate", [REORDER, KNN])
def test_a_fresh_model_is_judged_as_in_the_nights(candidate: Candidate) -> None:
    made, lines = grid(), orders()
    scope = "pooled" if candidate.pooled else "market"
    markets = ("DE", "FR") if candidate.pooled else ("FR",)
    mine = cards(run_unit(lines, unit(candidate, made, *markets), made, FitContext()), 0)
    night = Unit(scope=scope, markets=markets, windows=(0, 1, 2), candidates=(candidate,))
    theirs = {
        (one.market, one.cutoff, key): card
        for one in judge(lines, night, made.fold_plans, FitContext())
        for key, card in one.scorecards.items()
    }
    assert mine.keys() == theirs.keys() and len(mine) == 3 * len(markets)
    assert all(same(mine[key], theirs[key]) for key in mine)


def test_an_older_model_sees_nothing_after_its_day() -> None:
    """Everything between the fit and the cut-off is changed: its lists stay."""
    made = grid((0, 14))
    cutoff = made.cutoff("FR", 0)
    fitted = (cutoff - dt.timedelta(days=14) - START).days
    work = unit(REORDER, made, "FR")
    before = cards(run_unit(orders(), work, made, FitContext()), 14)
    after = cards(run_unit(orders(fitted), work, made, FitContext()), 14)
    key = ("FR", cutoff, REORDER.key)
    assert np.array_equal(before[key].lists, after[key].lists)
    fresh = cards(run_unit(orders(), work, made, FitContext()), 0)
    again = cards(run_unit(orders(fitted), work, made, FitContext()), 0)
    assert not np.array_equal(fresh[key].lists, again[key].lists)


def test_ages_are_judged_on_the_same_folds() -> None:
    made = grid((0, 7, 14))
    found = run_unit(orders(), unit(REORDER, made, "FR"), made, FitContext())
    hashes = {
        age: {card.cutoff: card.fold_hash for card in cards(found, age).values()}
        for age in (0, 7, 14)
    }
    assert hashes[0] == hashes[7] == hashes[14] and len(hashes[0]) == 3


def test_a_day_before_the_first_order_is_skipped_with_its_reason() -> None:
    made = grid((0, 84))
    found = run_unit(orders(), unit(REORDER, made, "FR"), made, FitContext())
    reasons = [
        reason for one in found if one.age_days == 84 for reason in one.judgement.skipped.values()
    ]
    assert reasons and all("no order before" in reason for reason in reasons)
    assert len(cards(found, 0)) == 3


def test_a_candidate_that_is_no_contender_is_not_judged() -> None:
    made = grid(contenders=(REORDER,))
    assert not cards(run_unit(orders(), unit(KNN, made, "FR"), made, FitContext()), 0)
