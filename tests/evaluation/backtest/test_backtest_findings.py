"""What a backtest says of its scorecards: right on what is known, whatever order it came in."""

import math
from collections.abc import Sequence

import numpy as np
import pytest
from contracts.judged import of_quality, scorecard
from hypothesis import given
from hypothesis import strategies as st

from restock.evaluation import Objective, Scorecard, compare
from restock.evaluation.backtest.ranks import mean_ranks
from restock.evaluation.backtest.significance import all_pairs
from restock.evaluation.backtest.stability import list_stability, stability
from restock.evaluation.backtest.staleness import staleness
from restock.evaluation.backtest.what_if import captured, together

pytestmark = pytest.mark.unit


def cards(seed: int, gain: float, *, windows: int = 3, n: int = 200) -> list[Scorecard]:
    rng = np.random.default_rng(seed)
    taste = np.random.default_rng(7).beta(2, 3, n)
    return [
        of_quality(np.clip(taste + rng.normal(gain, 0.1, n), 0, 1), np.full(n, 20.0), window=window)
        for window in range(windows)
    ]


def listing(rows: Sequence[Sequence[int]], window: int, who: Sequence[int]) -> Scorecard:
    values = {"ndcg_at_10": np.zeros(len(rows))}
    return scorecard(values, lists=rows, window=window, customers=who, k=10)


def test_stability_is_the_share_that_stays() -> None:
    first = listing([[*range(10)], [*range(10)], [*range(8), -1, -1]], 0, [1, 2, 3])
    later = listing([[*range(5, 15)], [*range(10)][::-1], [*range(50, 60)]], 1, [1, 2, 9])
    assert list_stability(first, later).value == pytest.approx(0.75)  # 5 of 10, and 10 of 10
    assert math.isnan(list_stability(first, listing([[*range(10)]], 1, [8])).value)
    assert math.isnan(stability([first]).value)


@given(st.lists(st.permutations(range(12)), min_size=2, max_size=6))
def test_stability_lies_between_nothing_and_all(rows: list[list[int]]) -> None:
    who = list(range(len(rows)))
    first = listing([row[:10] for row in rows], 0, who)
    later = listing([row[2:] for row in rows], 1, who)
    found = list_stability(first, later)
    assert 0 <= found.low <= found.value <= found.high <= 1
    same = listing([row[:10][::-1] for row in rows], 1, who)
    assert list_stability(first, same).value == 1


def test_staleness_is_the_ratio_on_common_folds() -> None:
    fresh, aged = cards(1, 0.1), cards(2, -0.1)[1:]
    found = staleness(fresh, aged, "ndcg_at_10")
    plain = np.mean([card.mean()["ndcg_at_10"] for card in aged]) / np.mean(
        [card.mean()["ndcg_at_10"] for card in fresh[1:]]
    )
    assert found.windows == 2
    assert found.ratio.value == pytest.approx(plain, rel=0.04)  # shrunk a little
    assert found.ratio.low < found.ratio.value < found.ratio.high < 1
    assert staleness(fresh, fresh, "ndcg_at_10").ratio == pytest.approx((1, 1, 1))
    assert staleness(fresh, [], "ndcg_at_10").windows == 0


def test_every_pair_is_compared_once_and_as_compare_does() -> None:
    sides = {"a": cards(1, 0.05), "b": cards(2, 0.0), "c": cards(3, 0.0)}
    found = {(one.one, one.other): one for one in all_pairs(sides, Objective())}
    assert list(found) == [("a", "b"), ("a", "c"), ("b", "c")]
    for (one, other), pair in found.items():
        lift = compare(sides[one], sides[other], Objective(), resamples=0).lift
        assert pair.lift.value == pytest.approx(lift, abs=1e-9)
    assert found["a", "b"].p_value < 0.01 < found["b", "c"].p_value
    assert found["a", "b"].lift.low > 0 > found["b", "c"].lift.low


def test_a_pair_turned_round_is_the_same_evidence() -> None:
    one, other = cards(1, 0.05), cards(2, 0.0)
    (ours,) = all_pairs({"a": one, "b": other}, Objective())
    (theirs,) = all_pairs({"b": other, "a": one}, Objective())
    assert (1 + ours.lift.value) * (1 + theirs.lift.value) == pytest.approx(1)
    assert ours.p_value == pytest.approx(theirs.p_value)


@pytest.mark.thorough
def test_equal_models_are_not_told_apart_more_often_than_said() -> None:
    """Three equal models, 300 times: at 5 % some pair is told apart in 5 % at most, Holm."""
    told = 0
    for seed in range(300):
        sides = {name: cards(3 * seed + at, 0.0, n=60) for at, name in enumerate("abc")}
        told += any(pair.p_value < 0.05 for pair in all_pairs(sides, Objective()))
    assert told <= 30  # 15 expected at most: 30 is four standard errors away


def test_ranks_and_distance_are_those_of_the_paper() -> None:
    """Demšar (2006), table 6: four classifiers on 14 data sets, CD 1.25 at 5 %."""
    rng = np.random.default_rng(0)
    values = {f"m{n}": dict(zip("abcd", rng.random(4), strict=True)) for n in range(14)}
    found = mean_ranks(values)
    assert found.distance == pytest.approx(2.569 * math.sqrt(4 * 5 / (6 * 14)), abs=1e-3)
    assert sum(found.ranks.values()) == pytest.approx(10)


def test_markets_that_agree_are_no_chance() -> None:
    agreed = {f"m{n}": {"a": 0.3, "b": 0.2, "c": 0.1} for n in range(5)}
    found = mean_ranks(agreed)
    assert found.ranks == {"a": 1, "b": 2, "c": 3} and found.p_value == 0
    tied = mean_ranks({f"m{n}": {"a": 0.1, "b": 0.1} for n in range(5)})
    assert tied.ranks == {"a": 1.5, "b": 1.5} and tied.p_value == 1
    assert mean_ranks({"m": {"a": 1.0, "b": 0.0}}).distance is None
    with pytest.raises(ValueError, match="same models"):
        mean_ranks({"m": {"a": 1.0}, "n": {"b": 1.0}})


def test_captured_money_is_added_up_and_scales_with_the_currency() -> None:
    before, instead = cards(1, 0.0), cards(2, 0.1)
    found = captured(before, instead[::-1], 2.0)
    money = 2 * sum(card.column("captured_at_10").sum() for card in instead)
    assert found.instead == pytest.approx(money)
    assert found.difference.value == pytest.approx(found.instead - found.before)
    assert sum(day.value for day in found.by_window.values()) == pytest.approx(
        found.difference.value
    )
    once = captured(before, instead)
    assert found.difference == pytest.approx([2 * part for part in once.difference])
    assert captured(before, before).difference == pytest.approx((0, 0, 0))
    with pytest.raises(ValueError, match="same folds"):
        captured(before, instead[:2])


def test_its_interval_covers_what_it_says() -> None:
    """Customers differ by a lot, plans do not: about 95 of 100 intervals hold the truth, 0."""
    held = 0
    for seed in range(300):
        found = captured(cards(2 * seed, 0.0), cards(2 * seed + 1, 0.0)).difference
        held += found.low <= 0 <= found.high
    assert 270 <= held <= 299


def test_markets_together_are_their_sum_with_a_smaller_error_than_the_errors() -> None:
    parts = [captured(cards(seed, 0.0), cards(seed + 50, 0.05)) for seed in (1, 2)]
    whole = together(parts)
    assert whole.difference.value == pytest.approx(sum(one.difference.value for one in parts))
    reach = [one.difference.high - one.difference.value for one in parts]
    assert whole.difference.high - whole.difference.value == pytest.approx(math.hypot(*reach))
