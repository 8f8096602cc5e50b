"""Log-lifts in closed form: the same as ``compare``, for many candidates and markets at once."""

import math

import numpy as np
import pytest
from contracts.judged import of_quality
from hypothesis import given, settings
from hypothesis import strategies as st

from restock.evaluation import Objective, Scorecard, compare
from restock.evaluation.lift import LogLift, Yardstick, log_lift

pytestmark = pytest.mark.unit

OBJECTIVE = Objective()
OTHER = Objective(weights={"revenue_capture_at_10": 1.0})


def sides(
    seed: int, customers: int, *, market: str = "FR", windows: int = 3, gain: float = 0.02
) -> tuple[list[Scorecard], list[Scorecard]]:
    """A candidate that catches a little more, and the yardstick, on some windows each."""
    rng = np.random.default_rng(seed)
    taste = rng.beta(1, 3, customers)
    mine, theirs = [], []
    for window in range(windows):
        here = np.flatnonzero(rng.random(customers) < 0.7)
        spend = rng.lognormal(3, 1.2, here.size)
        base = np.clip(taste[here] + rng.normal(0, 0.1, here.size), 0, 1)
        better = np.clip(base + rng.normal(gain, 0.1, here.size), 0, 1)
        about = {"market": market, "window": window, "customers": here}
        mine.append(of_quality(better, spend, **about))
        theirs.append(of_quality(base, spend, **about))
    return mine, theirs


def known(lift: LogLift | None) -> LogLift:
    assert lift is not None
    return lift


@given(seed=st.integers(0, 10_000), customers=st.integers(3, 40))
def test_it_is_the_lift_of_compare(seed: int, customers: int) -> None:
    mine, theirs = sides(seed, customers)
    if sum(card.n_customers for card in mine) < 2:
        return
    found = known(log_lift(mine, theirs[::-1], OBJECTIVE))
    verdict = compare(mine, theirs, OBJECTIVE, resamples=0)
    assert found.value == pytest.approx(math.log1p(verdict.lift), abs=1e-12)
    assert found.customers == verdict.n_customers


@pytest.mark.parametrize("seed", range(3))
def test_its_error_is_that_of_the_bootstrap(seed: int) -> None:
    mine, theirs = sides(seed, 300)
    found = known(log_lift(mine, theirs, OBJECTIVE))
    low, high = compare(mine, theirs, OBJECTIVE, resamples=4000).interval
    width = (math.log1p(high) - math.log1p(low)) / (2 * 1.96)
    assert found.error == pytest.approx(width, rel=0.08)


def test_intervals_cover_the_truth_as_often_as_they_say() -> None:
    """Samples of 150 out of many customers: 95 % intervals hold the lift of all of them."""
    mine, theirs = sides(7, 20_000, windows=1)
    truth = known(log_lift(mine, theirs, OBJECTIVE)).value
    rng, covered = np.random.default_rng(1), []
    for _ in range(400):
        chosen = rng.choice(mine[0].customer, 150, replace=False)
        sample = [[card.of_customers(chosen) for card in side] for side in (mine, theirs)]
        found = known(log_lift(*sample, OBJECTIVE))
        covered.append(abs(found.value - truth) < 1.96 * found.error)
    assert 0.91 <= np.mean(covered) <= 0.98


def test_windows_of_a_customer_are_one_piece_of_evidence() -> None:
    """The same window seen four times makes no lift surer."""
    mine, theirs = sides(3, 100, windows=1)

    def again(card: Scorecard, window: int) -> Scorecard:
        table = {n: card.column(n) for n in ("ndcg_at_10", "revenue_capture_at_10", "spend")}
        return of_quality(
            table["ndcg_at_10"], table["spend"], window=window, customers=list(card.customer)
        )

    four = [[again(side[0], window) for window in range(4)] for side in (mine, theirs)]
    once, often = log_lift(mine, theirs, OBJECTIVE), log_lift(*four, OBJECTIVE)
    assert known(often).error == pytest.approx(known(once).error, rel=1e-6)


@settings(max_examples=20)
@given(seed=st.integers(0, 1000))
def test_markets_at_once_are_markets_one_by_one(seed: int) -> None:
    markets = {"DE": 30, "FR": 5, "GB": 60}
    parts = {name: sides(seed + n, n, market=name) for name, n in markets.items()}
    objectives = {"DE": OBJECTIVE, "FR": OTHER, "GB": OBJECTIVE}
    mine = [card for name in reversed(markets) for card in parts[name][0]]
    theirs = [card for name in markets for card in parts[name][1]]
    yardstick = Yardstick(theirs, [OBJECTIVE, OTHER], {"DE": 3.0})
    found = yardstick.measure(mine).lift_by_market(objectives)
    for name, (own, other) in parts.items():
        alone = log_lift(own, other, objectives[name])
        if alone is None:
            assert name not in found
            continue
        assert found[name].customers == alone.customers
        assert found[name].value == pytest.approx(alone.value, abs=1e-12)
        assert found[name].error == pytest.approx(alone.error, abs=1e-12)


def test_money_of_markets_is_added_in_one_currency() -> None:
    rates = {"JP": 0.01}
    parts = [sides(1, 40, market="FR"), sides(2, 40, market="JP", gain=0.2)]
    mine, theirs = ([card for part in parts for card in part[at]] for at in (0, 1))
    measured = Yardstick(theirs, [OBJECTIVE], rates).measure(mine)
    converted = [[card.in_currency(rates) for card in side] for side in (mine, theirs)]
    alike = known(log_lift(*converted, OBJECTIVE))
    assert known(measured.lift(OBJECTIVE)).value == pytest.approx(alike.value, abs=1e-12)
    expected = compare(*converted, OBJECTIVE, resamples=0).metrics["revenue_share_at_10"]
    assert measured.means()["revenue_share_at_10"] == pytest.approx(expected.challenger, rel=1e-12)


def test_without_evidence_there_is_no_lift() -> None:
    nobody = [of_quality([], [])]
    one = [of_quality([0.5], [10.0])]
    unpaid = [of_quality([0.5, 0.4], [0.0, 0.0])]
    for side in (nobody, one, unpaid):
        assert log_lift(side, side, OBJECTIVE) is None
    assert log_lift(unpaid, unpaid, OTHER) == LogLift(0.0, 0.0, 2)


def test_other_folds_and_other_lengths_are_refused() -> None:
    mine, theirs = sides(0, 20)
    with pytest.raises(ValueError, match="same folds"):
        log_lift(mine[:2], theirs, OBJECTIVE)
    with pytest.raises(ValueError, match="judge with k=5"):
        Yardstick(theirs, [Objective.at(5)])
