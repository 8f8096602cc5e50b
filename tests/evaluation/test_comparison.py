"""Comparisons: the same folds only, customers as clusters, guardrails, invariances."""

import dataclasses
import math

import numpy as np
import pytest
from contracts.judged import of_quality, scorecard

from restock.evaluation import Objective, Scorecard, Verdict, compare
from restock.evaluation.comparison import compare_all

pytestmark = pytest.mark.unit

OBJECTIVE = Objective()


def pair(
    lift: float = 0.0, n: int = 300, windows: int = 1, seed: int = 0, noise: float = 0.05
) -> tuple[list[Scorecard], list[Scorecard]]:
    """(challenger, champion): the challenger catches ``lift`` more, give or take noise."""
    rng = np.random.default_rng(seed)
    spend = rng.lognormal(0, 1, n)
    base = rng.beta(2, 4, n)
    sides = []
    for gain in (1 + lift, 1.0):
        cards = []
        for window in range(windows):
            quality = np.clip(gain * base + noise * rng.normal(size=n), 0, 1)
            cards.append(of_quality(quality, spend, window=window))
        sides.append(cards)
    return sides[0], sides[1]


def same(one: Verdict, other: Verdict, **tolerance: float) -> None:
    assert one.lift == pytest.approx(other.lift, **tolerance)
    assert one.interval == pytest.approx(other.interval, **tolerance)
    assert one.p_value == pytest.approx(other.p_value, **tolerance)
    assert one.promoted == other.promoted


def test_a_better_challenger_is_promoted_and_a_worse_one_is_not() -> None:
    better, champion = pair(0.1)
    verdict = compare(better, champion, OBJECTIVE)
    assert verdict.promoted and verdict.p_value < 1e-4 and verdict.probability > 0.999
    assert verdict.interval[0] < verdict.lift < verdict.interval[1]
    assert verdict.interval[0] > 0.05 and verdict.n_customers == 300
    back = compare(champion, better, OBJECTIVE)
    assert not back.promoted and back.p_value > 0.999 and back.lift < 0


def test_the_lift_is_that_of_the_objective() -> None:
    challenger, champion = pair(0.1, n=4000)
    verdict = compare(challenger[0], champion[0], OBJECTIVE)
    expected = OBJECTIVE.utility(challenger[0].mean(), champion[0].mean()) - 1
    assert verdict.lift == pytest.approx(expected, rel=0.01)
    row = verdict.metrics["ndcg_at_10"]
    assert row.challenger == pytest.approx(challenger[0].mean()["ndcg_at_10"])
    assert row.low < row.ratio < row.high
    assert row.ratio == pytest.approx(row.challenger / row.champion, rel=0.01)


def test_the_p_value_weighs_the_metrics_as_the_objective_does() -> None:
    rng = np.random.default_rng(0)
    quality, spend = rng.uniform(0.2, 0.6, 400), rng.lognormal(0, 0.5, 400)

    def side(ndcg: float, captured: float) -> Scorecard:
        noise = rng.normal(1, 0.1, 400)
        columns = {"ndcg_at_10": ndcg * quality * noise, "spend": spend}
        return scorecard({**columns, "captured_at_10": captured * quality * noise * spend})

    challenger, champion = side(1.1, 0.9), side(1.0, 1.0)

    def p(ndcg: float, share: float) -> float:
        weights = {"ndcg_at_10": ndcg, "revenue_share_at_10": share}
        return compare(challenger, champion, Objective(weights=weights, guardrails={})).p_value

    assert p(0.9, 0.1) < 1e-6 and p(0.1, 0.9) > 1 - 1e-6


@pytest.mark.thorough
def test_the_interval_covers_as_declared() -> None:
    """Repeated samples of one world: 90 % intervals hold the true lift 90 % of the time."""
    covered = 0
    for seed in range(200):
        challenger, champion = pair(0.05, n=150, seed=seed, noise=0.1)
        verdict = compare(challenger, champion, OBJECTIVE, confidence=0.9, resamples=300)
        covered += verdict.interval[0] <= 0.05 <= verdict.interval[1]
    assert 0.83 <= covered / 200 <= 0.96


def test_scorecards_of_different_folds_are_refused() -> None:
    challenger, champion = pair(windows=2)
    with pytest.raises(ValueError, match="only scorecards of the same folds"):
        compare(challenger, champion[:1], OBJECTIVE)
    other = [dataclasses.replace(card, fold_hash=f"x{card.fold_hash}") for card in champion]
    with pytest.raises(ValueError, match="only scorecards of the same folds"):
        compare(challenger, other, OBJECTIVE)
    with pytest.raises(ValueError, match="only scorecards of the same folds"):
        compare(challenger, [champion[0], champion[0]], OBJECTIVE)


def test_an_objective_of_another_k_is_refused() -> None:
    challenger, champion = pair()
    with pytest.raises(ValueError, match=r"Objective\.at\(10\)"):
        compare(challenger, champion, Objective.at(5))


def test_the_order_of_folds_does_not_matter() -> None:
    challenger, champion = pair(0.03, windows=3)
    same(compare(challenger[::-1], champion, OBJECTIVE), compare(challenger, champion, OBJECTIVE))


def test_a_customer_in_many_folds_is_one_piece_of_evidence() -> None:
    """Six copies of a window say no more than one; six windows of others say much more."""
    challenger, champion = pair(0.03, n=200, noise=0.15, seed=5)
    one = compare(challenger, champion, OBJECTIVE)
    copies = [
        [dataclasses.replace(side[0], fold_hash=f"w{w}") for w in range(6)]
        for side in (challenger, champion)
    ]
    same(compare(*copies, OBJECTIVE), one, rel=1e-9)
    others = [
        [
            dataclasses.replace(card, customer=card.customer + np.int32(1000 * w))
            for w, card in enumerate(side)
        ]
        for side in copies
    ]
    wide = compare(*others, OBJECTIVE)
    assert wide.n_customers == 1200
    width, narrow = (v.interval[1] - v.interval[0] for v in (one, wide))
    assert narrow < 0.6 * width and wide.p_value < one.p_value


def test_codes_of_two_markets_are_two_customers() -> None:
    sides = [
        [
            of_quality([0.5] * 4, [1.0] * 4, market=market, fold_hash=market)
            for market in ("FR", "DE")
        ]
        for _ in range(2)
    ]
    assert compare(*sides, OBJECTIVE).n_customers == 8


def test_the_currency_does_not_matter() -> None:
    challenger, champion = pair(0.03, windows=2)
    yen = [[card.in_currency({"FR": 160.0}) for card in side] for side in (challenger, champion)]
    same(compare(*yen, OBJECTIVE), compare(challenger, champion, OBJECTIVE), rel=1e-9)


def test_other_challengers_and_the_seed() -> None:
    challenger, champion = pair(0.03)
    other, _ = pair(0.2, seed=9)
    both = compare_all({"a": challenger, "b": other}, champion, OBJECTIVE)
    same(both["a"], compare(challenger, champion, OBJECTIVE))
    again = compare(challenger, champion, OBJECTIVE, seed=1)
    assert again.p_value == both["a"].p_value
    assert again.interval != both["a"].interval
    assert again.interval == pytest.approx(both["a"].interval, abs=0.01)


def test_equal_sides_are_equal() -> None:
    _, champion = pair()
    verdict = compare(champion, champion, OBJECTIVE)
    assert verdict.lift == 0 and verdict.interval == (0, 0) and verdict.p_value == 1
    assert verdict.probability == 0.5 and not verdict.promoted


def test_windows_won_are_counted_by_cut_off() -> None:
    spend = np.ones(50)
    champion = [of_quality([0.4] * 50, spend, window=w) for w in range(3)]
    challenger = [of_quality([q] * 50, spend, window=w) for w, q in enumerate((0.5, 0.3, 0.6))]
    verdict = compare(challenger, champion, OBJECTIVE)
    assert (verdict.windows, verdict.windows_won) == (3, 2)


# guardrails ----------------------------------------------------------------------------------


def guarded(metric: str, delta: float) -> Objective:
    return Objective(weights={"ndcg_at_10": 1}, guardrails={metric: delta})


def card_with(ndcg: float, n: int = 400, **columns: float) -> Scorecard:
    rng = np.random.default_rng(1)
    values = {name: np.clip(value * rng.normal(1, 0.3, n), 0, 1) for name, value in columns.items()}
    return scorecard(
        {"ndcg_at_10": np.clip(ndcg * rng.normal(1, 0.1, n), 0, 1), "spend": np.ones(n), **values}
    )


@pytest.mark.parametrize(
    ("metric", "column"),
    [
        ("revenue_capture_at_10", "revenue_capture_at_10"),
        ("hit_rate_at_10", "hit_rate_at_10"),
        ("ndcg_at_10_new", "ndcg_at_10_new"),
        ("novelty_at_10", "novelty_at_10"),
    ],
)
def test_a_guardrail_breaks_when_its_lower_bound_falls(metric: str, column: str) -> None:
    champion = card_with(0.30, **{column: 0.5})
    kept = compare(card_with(0.36, **{column: 0.5}), champion, guarded(metric, 0.1))
    assert kept.promoted and kept.guarded
    lost = compare(card_with(0.36, **{column: 0.4}), champion, guarded(metric, 0.1))
    assert not lost.promoted and not lost.guarded and lost.p_value < 1e-6
    assert any(f"guardrail {metric}" in reason for reason in lost.reasons)


def test_a_guardrail_breaks_on_uncertainty_alone() -> None:
    """The ratio is above 1 - delta, its lower bound is not: too few customers to know."""
    rng = np.random.default_rng(4)
    for n, kept in ((30, False), (3000, True)):
        quality = rng.uniform(0.2, 0.6, n)
        noisy = np.clip(quality + rng.normal(0, 0.2, n), 0, 1)
        common = {"spend": np.ones(n)}
        champion = scorecard({"ndcg_at_10": quality, "hit_rate_at_10": quality, **common})
        challenger = scorecard({"ndcg_at_10": 1.2 * quality, "hit_rate_at_10": noisy, **common})
        verdict = compare(challenger, champion, guarded("hit_rate_at_10", 0.05))
        assert verdict.metrics["hit_rate_at_10"].ratio > 0.95
        assert verdict.guarded == kept


def test_coverage_is_guarded_by_its_ratio() -> None:
    lists = np.arange(200).reshape(20, 10)
    few = np.tile(np.arange(10), (20, 1))
    quality = np.linspace(0.2, 0.5, 20)
    champion = of_quality(quality, np.ones(20), lists=lists, n_candidates=300)
    challenger = of_quality(1.2 * quality, np.ones(20), lists=few, n_candidates=300)
    verdict = compare(challenger, champion, guarded("coverage_at_10", 0.5))
    assert not verdict.guarded
    assert verdict.metrics["coverage_at_10"].ratio == pytest.approx(10 / 200)
    assert compare(champion, champion, guarded("coverage_at_10", 0.5)).guarded


def test_a_guardrail_that_nobody_can_judge_is_broken() -> None:
    challenger, champion = pair(0.1)
    verdict = compare(challenger, champion, guarded("margin_capture_at_10", 0.05))
    assert not verdict.promoted
    assert any("margin_capture_at_10: no customer has a value" in r for r in verdict.reasons)


# what is missing -----------------------------------------------------------------------------


def test_a_weighted_metric_that_nobody_has_decides_nothing() -> None:
    challenger, champion = pair(0.1)
    objective = Objective(weights={"ndcg_at_10": 1, "margin_capture_at_10": 1})
    verdict = compare(challenger, champion, objective)
    assert not verdict.promoted and verdict.p_value == 1 and math.isnan(verdict.lift)
    assert "margin_capture_at_10: no customer has a value" in verdict.reasons[0]


@pytest.mark.parametrize("sides", [([], []), ([of_quality([], [])], [of_quality([], [])])])
def test_no_customer_is_no_evidence(sides: tuple[list[Scorecard], list[Scorecard]]) -> None:
    verdict = compare(*sides, OBJECTIVE)
    assert verdict.n_customers == 0 and not verdict.promoted and verdict.p_value == 1
    assert "no test customer" in verdict.reasons[0]


def test_customers_without_a_value_are_left_out_of_a_metric() -> None:
    rng = np.random.default_rng(0)
    quality = rng.uniform(0.1, 0.9, 200)
    new = np.where(rng.random(200) < 0.5, np.nan, quality)

    def side(gain: float) -> Scorecard:
        return scorecard(
            {"ndcg_at_10": quality, "ndcg_at_10_new": gain * new, "spend": np.ones(200)}
        )

    verdict = compare(side(1.1), side(1.0), guarded("ndcg_at_10_new", 0.1))
    row = verdict.metrics["ndcg_at_10_new"]
    assert row.champion == pytest.approx(np.nanmean(new))
    assert 1.05 < row.ratio < 1.1


def test_a_zero_champion_gives_a_finite_lift() -> None:
    champion = of_quality([0.0] * 5, [1.0] * 5)
    challenger = of_quality([0.0, 0.0, 0.4, 0.0, 0.0], [1.0] * 5)
    verdict = compare(challenger, champion, OBJECTIVE, pooled={"ndcg_at_10": 0.3})
    assert 0 < verdict.lift < 2 and all(math.isfinite(end) for end in verdict.interval)
    assert not verdict.promoted
    assert compare(champion, champion, OBJECTIVE).lift == 0


def test_a_verdict_is_json_and_back() -> None:
    challenger, champion = pair(0.1)
    verdict = compare(challenger, champion, OBJECTIVE)
    assert Verdict.model_validate_json(verdict.model_dump_json()) == verdict
    empty = compare([], [], OBJECTIVE)
    assert Verdict.model_validate_json(empty.model_dump_json()).reasons == empty.reasons
