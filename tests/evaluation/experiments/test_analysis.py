"""What is said of an experiment: tea-tasting's numbers, what must not matter, and what follows."""

import numpy as np
import pandas as pd
import pytest
import tea_tasting as tt
from contracts.experimented import by_store, units
from hypothesis import given, settings
from hypothesis import strategies as st

from restock.evaluation.experiments import Analysis, Effect, Metric, analyze

pytestmark = pytest.mark.unit

SHARES = {"a": 0.5, "b": 0.5}
REVENUE = Metric(name="revenue", numerator="revenue", role="primary")
ORDERS = Metric(name="orders", numerator="orders", role="secondary")
LINES = Metric(name="lines", numerator="lines", role="guardrail", margin=0.1)
PER_ORDER = Metric(name="per_order", numerator="revenue", denominator="orders")
ALL = (REVENUE, ORDERS, LINES, PER_ORDER)
FEW = settings(max_examples=4, deadline=None)
BOTH = (REVENUE, PER_ORDER)
RELATIVE = ("relative", "low", "high", "p_value", "anytime_low", "anytime_high")


def analyzed(frame: pd.DataFrame, *metrics: Metric, **options: object) -> Analysis:
    return analyze(frame, metrics or ALL, control="a", shares=SHARES, **options)  # type: ignore[arg-type]


def effect_of(frame: pd.DataFrame, metric: Metric, **options: object) -> Effect:
    return analyzed(frame, metric, **options).effects[0]


def same(effect: Effect, found: object) -> None:
    """The effect has tea-tasting's numbers."""
    for mine, theirs in (
        ("control", "control"),
        ("treatment", "treatment"),
        ("relative", "rel_effect_size"),
        ("low", "rel_effect_size_ci_lower"),
        ("high", "rel_effect_size_ci_upper"),
        ("p_value", "pvalue"),
    ):
        assert getattr(effect, mine) == pytest.approx(getattr(found, theirs), rel=1e-9), mine


def test_means_ratios_and_cuped_are_those_of_tea_tasting() -> None:
    frame = units(2000, seed=0, lift=0.1)
    plain = frame.drop(columns=["revenue_before", "orders_before"])
    for data, metric, test in (
        (plain, REVENUE, tt.Mean("revenue")),
        (plain, PER_ORDER, tt.RatioOfMeans("revenue", "orders")),
        (frame, REVENUE, tt.Mean("revenue", "revenue_before")),
        (frame, PER_ORDER, tt.RatioOfMeans("revenue", "orders", "revenue_before", "orders_before")),
        (frame, LINES, tt.Mean("lines")),
    ):
        same(effect_of(data, metric), test.analyze(data, "a", "b", "arm"))


def test_clusters_are_tea_tasting_on_sums_of_clusters() -> None:
    frame = by_store(units(2000, seed=1))
    sums = frame.assign(customers=1.0, as_many=1.0).groupby(["store", "arm"]).sum().reset_index()
    test = tt.RatioOfMeans("revenue", "customers", "revenue_before", "as_many")
    found = effect_of(frame, REVENUE, cluster="store")
    same(found, test.analyze(sums, "a", "b", "arm"))
    assert found.n_control + found.n_treatment == frame["store"].nunique()


def test_customers_of_a_cluster_who_act_alike_are_one_piece_of_evidence() -> None:
    frame = by_store(units(4000, seed=2))
    factor = np.exp(np.random.default_rng(0).standard_normal(500))
    frame["orders"] *= factor[frame["store"]]
    plain = frame.drop(columns=["orders_before"])
    alone, together = (effect_of(plain, ORDERS, cluster=one).error for one in (None, "store"))
    assert alone is not None and together is not None
    assert together > 1.5 * alone


def test_the_time_before_takes_noise_away_and_moves_nothing() -> None:
    frame = units(20_000, seed=3, lift=0.1)
    with_before, without = (
        effect_of(frame, REVENUE),
        effect_of(frame.drop(columns=["revenue_before"]), REVENUE),
    )
    assert with_before.variance_reduction == pytest.approx(
        1 - (with_before.error / without.error) ** 2,
        abs=0.02,  # type: ignore[operator]
    )
    assert with_before.variance_reduction > 0.15  # type: ignore[operator]
    assert without.variance_reduction is None
    assert with_before.low < 0.1 < with_before.high  # type: ignore[operator]


@FEW
@given(seed=st.integers(0, 10_000))
def test_the_order_of_rows_does_not_matter(seed: int) -> None:
    frame = units(300, seed=4)
    moved = frame.sample(frac=1, random_state=seed)
    for one, other in zip(
        analyzed(frame, *BOTH).effects, analyzed(moved, *BOTH).effects, strict=True
    ):
        for name in RELATIVE:
            assert getattr(one, name) == pytest.approx(getattr(other, name), rel=1e-6, abs=1e-9), (
                name
            )


@FEW
@given(scale=st.floats(1e-3, 1e3))
def test_relative_effects_need_no_currency(scale: float) -> None:
    frame = units(300, seed=5)
    dear = frame.assign(
        revenue=frame["revenue"] * scale, revenue_before=frame["revenue_before"] * scale
    )
    for one, other in zip(
        analyzed(frame, *BOTH).effects, analyzed(dear, *BOTH).effects, strict=True
    ):
        for name in RELATIVE:
            assert getattr(one, name) == pytest.approx(getattr(other, name), rel=1e-6, abs=1e-9), (
                name
            )


@FEW
@given(seed=st.integers(0, 10_000), lift=st.floats(-0.5, 1))
def test_swapping_the_arms_turns_the_effect_round(seed: int, lift: float) -> None:
    frame = units(300, seed, lift)
    turned = frame.assign(arm=frame["arm"].map({"a": "b", "b": "a"}))
    for one, other in zip(
        analyzed(frame, *BOTH).effects, analyzed(turned, *BOTH).effects, strict=True
    ):
        assert 1 + one.relative == pytest.approx(1 / (1 + other.relative))  # type: ignore[operator]
        assert 1 + one.low == pytest.approx(1 / (1 + other.high))  # type: ignore[operator]
        assert (
            1 + one.anytime_low == pytest.approx(1 / (1 + other.anytime_high))
            if (one.anytime_low is not None and other.anytime_high is not None)
            else one.anytime_low is other.anytime_high
        )
        assert one.p_value == pytest.approx(other.p_value)


@FEW
@given(seed=st.integers(0, 10_000), lift=st.floats(-0.9, 2))
def test_numbers_stay_in_their_bounds(seed: int, lift: float) -> None:
    for one in analyzed(units(300, seed, lift), *BOTH).effects:
        assert 0 <= one.p_value <= one.p_adjusted <= 1
        assert -1 < one.low <= one.relative <= one.high  # type: ignore[operator]
        if one.anytime_low is not None and one.anytime_high is not None:
            assert one.anytime_low <= one.low <= one.high <= one.anytime_high  # type: ignore[operator]


def test_holm_counts_primary_and_secondary_metrics_of_all_arms_and_no_guardrail() -> None:
    frame = units(3000, seed=6, arms=("a", "b", "c"))
    shares = {"a": 1.0, "b": 1.0, "c": 1.0}
    found = analyze(frame, (REVENUE, ORDERS, LINES), control="a", shares=shares)
    p = sorted(one.p_value for one in found.effects if one.role != "guardrail")
    smallest = min(found.effects, key=lambda one: (one.role == "guardrail", one.p_value))
    assert smallest.p_adjusted == pytest.approx(min(1.0, 4 * p[0]))
    assert all(one.p_adjusted == one.p_value for one in found.effects if one.role == "guardrail")


def test_arms_without_their_share_make_everything_invalid() -> None:
    frame = units(6000, seed=7, lift=0.5)
    lost = frame.drop(frame.index[frame["arm"] == "b"][:600])
    assert analyzed(frame, REVENUE).decision == "launch"
    found = analyzed(lost, REVENUE)
    assert found.decision == "invalid" and not found.winner
    assert found.sample_ratio_p < 0.001
    assert "shares" in found.reasons[0]
    assert found.effects[0].relative is not None  # shown all the same


def test_better_and_no_guardrail_in_danger_is_launched() -> None:
    found = analyzed(units(6000, seed=8, lift=0.3), REVENUE, LINES)
    assert (found.decision, found.winner) == ("launch", "b")


def test_a_guardrail_that_may_have_lost_more_than_its_margin_stops_a_launch() -> None:
    frame = units(6000, seed=8, lift=0.3)
    worse = frame.assign(lines=frame["lines"] * np.where(frame["arm"] == "b", 0.9, 1.0))
    found = analyzed(worse, REVENUE, LINES)
    assert found.decision == "keep"
    assert any("lines may be worse than its margin" in reason for reason in found.reasons)


def test_nothing_found_at_the_end_keeps_the_control() -> None:
    assert analyzed(units(3000, seed=9), REVENUE).decision == "keep"


def test_while_it_runs_only_the_anytime_interval_decides() -> None:
    seen_once, surely = units(6000, seed=10, lift=0.045), units(6000, seed=10, lift=0.5)
    assert analyzed(seen_once, REVENUE).decision == "launch"
    assert analyzed(seen_once, REVENUE, looks="anytime").decision == "continue"
    assert analyzed(surely, REVENUE, looks="anytime").decision == "launch"
    harm = units(6000, seed=10, lift=-0.4)
    assert analyzed(harm, REVENUE, looks="anytime").decision == "keep"


def test_without_the_time_before_no_early_decision_is_made() -> None:
    frame = units(6000, seed=10, lift=0.5).drop(columns=["revenue_before"])
    found = analyzed(frame, REVENUE, looks="anytime")
    assert found.decision == "continue"
    assert found.effects[0].anytime_low is None
    assert "time before" in found.reasons[0]


def test_more_arms_share_the_chance_of_a_false_alarm() -> None:
    frame = units(6000, seed=11, arms=("a", "b", "c"))
    thirds = {"a": 1.0, "b": 1.0, "c": 1.0}
    three = analyze(frame, (REVENUE,), control="a", shares=thirds).effects[0]
    two = effect_of(frame[frame["arm"] != "c"], REVENUE)
    width = lambda one: np.log1p(one.anytime_high) - np.log1p(one.anytime_low)  # noqa: E731
    assert width(three) / three.error > 1.05 * width(two) / two.error


def test_an_arm_without_sales_is_no_error() -> None:
    frame = units(400, seed=12)
    frame.loc[frame["arm"] == "b", "revenue"] = 0.0
    found = analyzed(frame, REVENUE, looks="anytime")
    assert found.decision == "continue"
    assert found.effects[0].relative is None


def test_mistakes_are_named() -> None:
    frame = units(400, seed=13)
    with pytest.raises(ValueError, match=r"'a'.*no declared share|'b'.*no declared share"):
        analyze(frame, (REVENUE,), control="x", shares={"x": 1.0, "y": 1.0})
    with pytest.raises(ValueError, match="no column 'margin'"):
        analyzed(frame, Metric(name="margin", numerator="margin"))
    with pytest.raises(ValueError, match=r"cluster \d+ has customers in 2 arms"):
        analyzed(frame, REVENUE, cluster="store")
    with pytest.raises(ValueError, match="a value that is no number"):
        analyzed(frame.assign(revenue=np.nan), REVENUE)
    with pytest.raises(ValueError, match="'revenue_before' has a value that is no number"):
        analyzed(frame.assign(revenue_before=[np.nan, *frame["revenue_before"][1:]]), REVENUE)
    alone = by_store(units(400, seed=13)).assign(store=lambda rows: rows["store"].astype(object))
    alone.loc[:99, "store"] = None
    with pytest.raises(ValueError, match="100 customers have no 'store'"):
        analyzed(alone, REVENUE, cluster="store")
