"""The check of a refit: not worse than popularity, everybody has a list, nothing absurd."""

import numpy as np
import pyarrow as pa
import pytest
from contracts.judged import of_quality

from restock.evaluation import Objective, RefreshCheck, RefreshPolicy, Scorecard, refresh_check
from restock.evaluation.refresh import list_churn

pytestmark = pytest.mark.unit


def cards(quality: float, n: int = 300, seed: int = 0) -> list[Scorecard]:
    rng = np.random.default_rng(seed)
    spend = np.ones(n)
    return [
        of_quality(np.clip(quality + 0.05 * rng.normal(size=n), 0, 1), spend, window=window)
        for window in range(2)
    ]


def lists(customers: int = 20, k: int = 5, shift: int = 0, scores: object = None) -> pa.Table:
    """Customer c is offered items shift … shift + k - 1."""
    rows = [
        (f"C{c}", f"I{shift + place}", k - place) for c in range(customers) for place in range(k)
    ]
    table = pa.table(
        {
            "customer_id": [row[0] for row in rows],
            "item_id": [row[1] for row in rows],
            "score": pa.array([float(row[2]) for row in rows], pa.float32()),
        }
    )
    if scores is not None:
        table = table.set_column(2, "score", pa.array(np.broadcast_to(scores, len(rows))))
    return table


def check(
    champion: list[Scorecard] | None = None,
    fallback: list[Scorecard] | None = None,
    *,
    published: pa.Table | None = None,
    **rest: object,
) -> RefreshCheck:
    return refresh_check(
        cards(0.4) if champion is None else champion,
        cards(0.3, seed=1) if fallback is None else fallback,
        Objective(),
        published=lists() if published is None else published,
        customers=20,
        **rest,  # type: ignore[arg-type]
    )


def test_a_good_refit_is_published() -> None:
    assert check() == RefreshCheck(True, ())
    assert check(previous=lists(shift=1)) == RefreshCheck(True, ())


def test_a_refit_as_good_as_popularity_is_published_and_a_worse_one_is_not() -> None:
    assert check(champion=cards(0.3)).ok
    worse = check(champion=cards(0.27))
    assert not worse.ok and "not as good as popularity" in worse.reasons[0]
    assert check(champion=cards(0.27), policy=RefreshPolicy(margin=0.2)).ok


def test_the_lower_end_must_be_above_the_margin() -> None:
    """The same estimate, a little below popularity, is accepted with many customers only."""
    rng = np.random.default_rng(3)
    for n, accepted in ((250, False), (6000, True)):
        base, noise = rng.uniform(0.1, 0.9, n), rng.normal(0, 0.25, n)
        noise -= noise.mean() + 0.01 * base.mean()
        champion = [of_quality(base + noise, np.ones(n))]
        fallback = [of_quality(base, np.ones(n))]
        assert check(champion, fallback).ok == accepted


def test_few_customers_ask_the_pool() -> None:
    few = {"champion": cards(0.2, n=30), "fallback": cards(0.3, n=30, seed=1)}
    pooled = (cards(0.4), cards(0.3, seed=1))
    found = check(**few, pooled=pooled)
    assert found.ok and "30 test customers" in found.reasons[0]
    assert not check(**few, pooled=pooled[::-1]).ok
    enough = {"champion": cards(0.2, n=200), "fallback": cards(0.3, n=200, seed=1)}
    assert not check(**enough, pooled=pooled).ok


def test_few_customers_without_a_pool_fail_only_when_surely_worse() -> None:
    rng = np.random.default_rng(0)
    base = rng.uniform(0.1, 0.9, 6)
    unsure = [of_quality(np.clip(base + rng.normal(-0.02, 0.4, 6), 0, 1), np.ones(6))]
    assert check(unsure, [of_quality(base, np.ones(6))]).ok
    assert not check([of_quality(0.2 * base, np.ones(6))], [of_quality(base, np.ones(6))]).ok


def test_without_test_customers_only_the_lists_are_checked() -> None:
    found = check([], [])
    assert found.ok and "only the lists were checked" in found.reasons[0]
    assert not check([], [], published=lists(customers=3)).ok


def test_customers_without_a_list_stop_it() -> None:
    found = check(published=lists(customers=19))
    assert not found.ok and "19 of 20 customers have a list" in found.reasons
    assert check(published=lists(customers=19), policy=RefreshPolicy(min_coverage=0.9)).ok


@pytest.mark.parametrize("bad", [np.nan, np.inf, -np.inf])
def test_scores_must_be_finite(bad: float) -> None:
    scores = np.arange(100.0)
    scores[7] = bad
    found = check(published=lists(scores=scores))
    assert not found.ok and "1 scores are not finite" in found.reasons


def test_scores_must_say_something() -> None:
    found = check(published=lists(scores=0.5))
    assert not found.ok and "all scores are equal" in found.reasons[0]


def test_lists_must_not_change_altogether() -> None:
    found = check(previous=lists(shift=5))
    assert not found.ok and "100% of the listed items changed" in found.reasons[0]
    assert check(previous=lists(shift=4)).ok  # one of five stays: 80 %
    assert not check(previous=lists(shift=4), policy=RefreshPolicy(max_churn=0.7)).ok


def test_churn_is_the_mean_share_that_is_gone() -> None:
    now = pa.table({"customer_id": ["a", "a", "b", "b", "d"], "item_id": ["1", "2", "3", "4", "1"]})
    then = pa.table(
        {"customer_id": ["a", "a", "b", "b", "c"], "item_id": ["2", "3", "5", "6", "9"]}
    )
    assert list_churn(now, then) == pytest.approx((0.5 + 1.0) / 2)  # c has left, d has joined
    assert list_churn(now, now) == 0 and list_churn(now, then.slice(0, 0)) == 0


def test_all_that_is_wrong_is_said() -> None:
    found = check(
        champion=cards(0.1), published=lists(customers=3, scores=1.0), previous=lists(shift=9)
    )
    assert len(found.reasons) == 4
