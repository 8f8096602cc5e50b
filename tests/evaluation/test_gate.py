"""The gate: who replaces whom, on whose customers, and what keeps a challenger out."""

import datetime as dt
import math
from collections.abc import Mapping, Sequence
from typing import Any

import numpy as np
import pytest
from contracts.judged import START, of_quality

from restock.evaluation import Decision, GatePolicy, Objective, Scorecard, bar_token, compare, gate
from restock.evaluation.evidence import evidence_token, seen_until
from restock.evaluation.pool import shrunk_lift

pytestmark = pytest.mark.unit

Judged = dict[str, list[Scorecard]]
POLICY = GatePolicy(resamples=200)


def judged(
    lifts: Mapping[str, float | Sequence[float]],
    n: int = 400,
    *,
    market: str = "FR",
    windows: int = 3,
    first: int = 0,
    noise: float = 0.03,
    currency: float = 1.0,
) -> Judged:
    """Candidates that catch ``lift`` more than the base, overall or window by window."""
    rng = np.random.default_rng(sum(map(ord, market)) + n)
    base, spend = rng.beta(2, 4, n), currency * rng.lognormal(0, 0.5, n)
    table: Judged = {}
    for key, lift in lifts.items():
        by_window = [lift] * windows if isinstance(lift, int | float) else lift
        table[key] = [
            of_quality(
                np.clip((1 + gain) * base + noise * rng.normal(size=n), 0, 1),
                spend,
                market=market,
                window=first + window,
            )
            for window, gain in enumerate(by_window)
        ]
    return table


def decide(
    cards: Mapping[str, Judged],
    incumbents: Mapping[str, str] | None = None,
    policy: GatePolicy = POLICY,
    objective: Objective | None = None,
    **rest: Any,
) -> dict[str, Decision]:
    incumbents = incumbents or dict.fromkeys(cards, "plan")
    objectives = dict.fromkeys(incumbents, objective or Objective())
    return gate(cards, incumbents, objectives, policy, **rest)


def why(decision: Decision) -> str:
    return " | ".join(
        [*decision.reasons, *(r for v in decision.verdicts.values() for r in v.reasons)]
    )


def test_a_better_plan_replaces_the_incumbent() -> None:
    decision = decide({"FR": judged({"plan": 0, "better": 0.1})})["FR"]
    assert decision.replaced and decision.chosen == "better" and decision.incumbent == "plan"
    assert decision.basis == "own" and decision.n_customers == 400
    assert decision.verdicts["better"].promoted
    assert "better replaces plan" in why(decision)


def test_an_equal_or_worse_plan_does_not() -> None:
    decision = decide({"FR": judged({"plan": 0, "equal": 0, "worse": -0.1})})["FR"]
    assert not decision.replaced and decision.chosen == "plan"
    assert not any(verdict.promoted for verdict in decision.verdicts.values())
    assert "plan stays" in why(decision)


def test_of_several_better_ones_the_best_is_chosen() -> None:
    cards = {"FR": judged({"good": 0.1, "plan": 0, "best": 0.2, "fair": 0.08})}
    assert decide(cards)["FR"].chosen == "best"


def test_only_those_named_may_replace_but_all_speak_in_the_pool() -> None:
    lifts = {"plan": 0.0, "good": 0.2, "better": 0.3}
    cards = {"FR": judged(lifts), "NO": judged(lifts, 20, market="NO")}
    named = {"FR": ["good"], "NO": ["better"]}
    decisions = decide(cards, challengers=named)
    assert {market: one.chosen for market, one in decisions.items()} == {
        "FR": "good",
        "NO": "better",  # on the evidence of France, which may not choose it
    }
    assert set(decisions["FR"].verdicts) == {"good"}
    assert decisions["NO"].basis == "pooled"


def test_an_identical_copy_of_the_incumbent_changes_nothing() -> None:
    cards = judged({"plan": 0})
    decision = decide({"FR": {**cards, "copy": cards["plan"]}})["FR"]
    assert not decision.replaced and decision.verdicts["copy"].p_value == 1


# how sure is sure ----------------------------------------------------------------------------


def test_a_look_spends_its_part_of_the_yearly_budget() -> None:
    assert GatePolicy().alpha == pytest.approx(0.1 / 365)
    assert GatePolicy(looks_per_year=52, false_replacements_per_year=0.52).alpha == pytest.approx(
        0.01
    )


def test_what_passes_one_look_does_not_pass_the_nightly_one() -> None:
    cards = {"FR": judged({"plan": 0, "maybe": 0.02}, n=250, noise=0.06)}
    nightly = decide(cards)["FR"]
    p = nightly.p_values["maybe"]
    assert POLICY.alpha < p < 0.02, "the example must lie between"
    assert not nightly.replaced and "a look may spend" in why(nightly)
    yearly = GatePolicy(looks_per_year=1, false_replacements_per_year=0.02, resamples=200)
    assert decide(cards, policy=yearly)["FR"].replaced


def test_holm_makes_many_challengers_dearer() -> None:
    pair = judged({"plan": 0, "maybe": 0.02}, n=250, noise=0.06)
    p = decide({"FR": pair})["FR"].p_values["maybe"]
    policy = GatePolicy(looks_per_year=1, false_replacements_per_year=1.5 * p, resamples=200)
    assert decide({"FR": pair}, policy=policy)["FR"].replaced
    copies = {f"worse{i}": pair["plan"] for i in range(4)}
    crowd = decide({"FR": {**pair, **copies}}, policy=policy)["FR"]
    assert crowd.p_values["maybe"] == pytest.approx(5 * p)
    assert crowd.verdicts["maybe"].p_value == pytest.approx(p)
    assert not crowd.replaced


def test_false_discoveries_are_controlled_over_markets() -> None:
    """One market in forty at p = .01 is what chance gives; in all forty it is not."""
    maybe = judged({"plan": 0, "maybe": 0.02}, n=250, noise=0.06, market="FR")
    p = decide({"FR": maybe})["FR"].p_values["maybe"]
    assert 0.05 / 40 < p < 0.02
    policy = GatePolicy(looks_per_year=1, false_replacements_per_year=0.02, resamples=100)
    markets = [f"M{chr(65 + i // 26)}{chr(65 + i % 26)}" for i in range(39)]
    nothing = {m: {"plan": judged({"plan": 0}, n=250, market=m)["plan"]} for m in markets}
    alone = decide({"FR": maybe, **nothing}, policy=policy)
    assert not alone["FR"].replaced and "discoveries" in why(alone["FR"])
    alike = decide(dict.fromkeys(("FR", *markets), maybe), policy=policy)
    assert all(decision.replaced for decision in alike.values())


def test_a_lift_too_small_to_matter_changes_nothing() -> None:
    cards = {"FR": judged({"plan": 0, "hair": 0.004}, n=3000, noise=0.001)}
    decision = decide(cards)["FR"]
    assert decision.p_values["hair"] < 1e-9
    assert not decision.replaced and "shrunk lift +0.4" in why(decision)
    assert decide(cards, policy=GatePolicy(min_lift=0.001, resamples=200))["FR"].replaced


def test_one_lucky_window_is_not_enough() -> None:
    decision = decide({"FR": judged({"plan": [0, 0, 0], "once": [0.9, -0.01, -0.01]})})["FR"]
    assert decision.p_values["once"] < 1e-6
    assert not decision.replaced and "ahead in 1 windows, 2 are needed" in why(decision)
    twice = decide({"FR": judged({"plan": [0, 0, 0], "twice": [0.5, 0.4, -0.01]})})["FR"]
    assert twice.replaced
    young = decide({"FR": judged({"plan": 0, "better": 0.1}, windows=1)})["FR"]
    assert young.replaced  # a young market has one window, and may learn from it


def test_a_broken_guardrail_keeps_the_challenger_out() -> None:
    cards = judged({"plan": 0, "better": 0.1})
    column = [card.values for card in cards["better"]]
    at = 6  # revenue_capture_at_10
    for values in column:
        values[:, at] *= 0.8
    decision = decide({"FR": cards})["FR"]
    assert not decision.replaced and decision.p_values["better"] < 1e-6
    assert "a guardrail breaks" in why(decision) and "revenue_capture_at_10" in why(decision)
    lenient = Objective(guardrails={"revenue_capture_at_10": 0.5})
    assert decide({"FR": cards}, objective=lenient)["FR"].replaced


# small markets and the pool ------------------------------------------------------------------


def test_small_markets_follow_the_pooled_choice() -> None:
    large = judged({"plan": 0, "better": 0.1}, n=600)
    small = judged({"plan": 0, "better": -0.2}, n=40, market="DE")  # its own data says no
    tiny = judged({"plan": 0, "better": 0.0}, n=1, market="PT")
    decisions = decide({"FR": large, "DE": small, "PT": tiny})
    for market, n in (("DE", 40), ("PT", 1)):
        assert decisions[market].basis == "pooled" and decisions[market].chosen == "better"
        assert decisions[market].n_customers == n
        assert f"{n} test customers, fewer than 200" in why(decisions[market])
        assert decisions[market].verdicts["better"].n_customers == 641
    assert decisions["FR"].basis == "own"


def test_a_small_market_cannot_choose_on_its_own() -> None:
    large = judged({"plan": 0, "other": 0.0}, n=600)
    small = judged({"plan": 0, "other": 0.5}, n=190, market="DE")
    decisions = decide({"FR": large, "DE": small})
    assert decisions["DE"].basis == "pooled"
    enough = judged({"plan": 0, "other": 0.5}, n=200, market="DE")
    assert decide({"FR": large, "DE": enough})["DE"].basis == "own"


def test_a_market_is_compared_with_its_own_incumbent_in_the_pool() -> None:
    large = judged({"old": -0.1, "plan": 0, "better": 0.1}, n=600)
    small = {m: judged({"old": 0, "plan": 0, "better": 0}, n=20, market=m) for m in ("DE", "ES")}
    decisions = decide({"FR": large, **small}, {"FR": "better", "DE": "old", "ES": "better"})
    assert decisions["DE"].chosen == "better" and decisions["DE"].lifts["better"] > 0.15
    assert not decisions["ES"].replaced and decisions["ES"].chosen == "better"


def test_followers_of_any_incumbent_see_the_comparison_over_all_markets() -> None:
    plans = {"a": 0, "b": 0.05, "c": -0.05}
    small = ("DE", "ES", "PT")
    cards = {"FR": judged(plans, n=300), **{m: judged(plans, n=50, market=m) for m in small}}
    decisions = decide(cards, {"FR": "a", **dict(zip(small, plans, strict=True))})
    for market, incumbent in zip(small, plans, strict=True):
        found = decisions[market].verdicts
        assert found.keys() == plans.keys() - {incumbent}
        for key, verdict in found.items():
            sides = (
                [card for m in sorted(cards) for card in cards[m][k]] for k in (key, incumbent)
            )
            expected = compare(*sides, Objective(), resamples=POLICY.resamples)
            assert verdict.lift == pytest.approx(expected.lift)
            assert verdict.interval == pytest.approx(expected.interval)
            assert verdict.windows_won == expected.windows_won


def test_too_few_customers_everywhere_changes_nothing() -> None:
    cards = {m: judged({"plan": 0, "better": 0.5}, n=60, market=m) for m in ("DE", "ES")}
    for decision in decide(cards).values():
        assert not decision.replaced and decision.verdicts == {}
        assert "120 test customers in all markets, too few" in why(decision)


def test_a_market_without_any_test_customer_still_gets_a_decision() -> None:
    large = judged({"plan": 0, "better": 0.1}, n=600)
    empty = judged({"plan": 0, "better": 0.1}, n=0, market="MT")
    decisions = decide({"FR": large, "MT": empty}, {"FR": "plan", "MT": "plan", "CY": "plan"})
    for market in ("MT", "CY"):  # CY is too young to have a fold at all
        assert decisions[market].n_customers == 0 and decisions[market].chosen == "better"
    alone = decide({}, {"CY": "plan"})["CY"]
    assert not alone.replaced and alone.chosen == "plan" and "nothing to follow" in why(alone)
    nobody = decide({"MT": empty})["MT"]
    assert not nobody.replaced


def test_markets_pool_with_those_of_the_same_horizon_and_k() -> None:
    large = judged({"plan": 0, "better": 0.1}, n=600)
    card = of_quality([0.4] * 30, [1.0] * 30, market="DE", horizon_days=7)
    weekly = {"plan": [card], "better": [card]}
    decision = decide({"FR": large, "DE": weekly})["DE"]
    assert not decision.replaced and "30 test customers in all markets" in why(decision)


def test_pooled_revenue_is_in_one_currency() -> None:
    """Yen must not outvote euros: in euros the Japanese market is the small one."""
    euros = judged({"plan": 0, "better": 0.1}, n=500, market="FR")
    yen = judged({"plan": 0, "better": -0.1}, n=100, market="JP", currency=1000.0)
    revenue = Objective(weights={"revenue_share_at_10": 1}, guardrails={})
    cards = {"FR": euros, "JP": yen}
    raw = decide(cards, objective=revenue)["JP"].lifts["better"]
    converted = decide(cards, objective=revenue, rates={"JP": 0.001})["JP"].lifts["better"]
    assert raw < -0.05 < 0.03 < converted


def test_a_large_market_is_shrunk_toward_the_pool() -> None:
    lone = judged({"plan": 0, "other": 0.2}, n=200, market="DE")
    others = judged({"plan": 0, "other": -0.4}, n=3000, market="FR")
    decision = decide({"DE": lone, "FR": others})["DE"]
    own = decision.verdicts["other"].lift
    assert own > 0.15 and decision.p_values["other"] < POLICY.alpha
    assert decision.lifts["other"] < 0.5 * own
    assert not decision.replaced and "shrunk lift" in why(decision)


def test_the_weight_of_a_market_is_n_over_n_plus_200() -> None:
    assert shrunk_lift(0.21, 0.0, 200, 200) == pytest.approx(0.1)
    assert shrunk_lift(0.1, -0.05, 0, 200) == pytest.approx(-0.05)
    assert shrunk_lift(0.1, -0.05, 10**9, 200) == pytest.approx(0.1)
    assert shrunk_lift(0.1, math.nan, 5, 200) == 0.1 and shrunk_lift(math.nan, 0.1, 5, 200) == 0.1


def test_markets_do_not_change_each_other_when_they_agree() -> None:
    """Adding a market leaves the numbers of another's own verdict as they are."""
    large = judged({"plan": 0, "better": 0.1}, n=600)
    alone = decide({"FR": large})["FR"].verdicts["better"]
    joined = decide({"FR": large, "DE": judged({"plan": 0}, n=10, market="DE")})["FR"]
    assert joined.verdicts["better"].p_value == pytest.approx(alone.p_value, rel=0.2)
    assert joined.verdicts["better"].lift == pytest.approx(alone.lift, rel=0.01)


# what was rolled back ------------------------------------------------------------------------


def day(window: int) -> dt.date:
    return START + dt.timedelta(days=28 * window)


def test_a_barred_plan_does_not_come_back_on_the_same_evidence() -> None:
    cards = {"FR": judged({"plan": 0, "better": 0.1})}
    evidence = decide(cards)["FR"].evidence
    assert seen_until(evidence) == day(3)
    decision = decide(cards, barred={"FR": {"better": evidence}})["FR"]
    assert not decision.replaced and "better" not in decision.verdicts
    assert f"barred until a whole window of test days after {day(3)}" in why(decision)


@pytest.mark.parametrize(("new_windows", "returns"), [(1, True), (3, True)])
def test_it_comes_back_on_new_windows_alone(new_windows: int, returns: bool) -> None:
    later = {"FR": judged({"plan": 0, "better": 0.1}, windows=3 + new_windows)}
    decision = decide(later, barred={"FR": {"better": bar_token(day(3))}})["FR"]
    assert decision.replaced == returns
    assert decision.verdicts["better"].windows == new_windows


def test_what_was_seen_before_the_roll_back_never_speaks_again() -> None:
    """Better in all old windows, equal in the new one: it stays out."""
    cards = {"FR": judged({"plan": [0] * 4, "faded": [0.3, 0.3, 0.3, 0.0], "other": [0.0] * 4})}
    assert decide(cards)["FR"].chosen == "faded"
    decision = decide(cards, barred={"FR": {"faded": bar_token(day(3))}})["FR"]
    assert not decision.replaced and decision.verdicts["faded"].windows == 1


def test_a_window_that_straddles_the_roll_back_is_not_new() -> None:
    cards = {"FR": judged({"plan": 0, "better": 0.1}, windows=4)}
    decision = decide(cards, barred={"FR": {"better": bar_token(day(3) + dt.timedelta(days=1))}})
    assert not decision["FR"].replaced and "better" not in decision["FR"].verdicts


def test_a_bar_without_a_day_holds_for_good() -> None:
    lifts = {"plan": 0, "better": 0.1}
    cards = {"FR": judged(lifts), "DE": judged(lifts, n=9, market="DE")}
    for token in ("", "unknown"):
        decisions = decide(cards, barred={market: {"better": token} for market in cards})
        assert not any(decision.replaced for decision in decisions.values())
        assert "names no day" in why(decisions["FR"]) and "names no day" in why(decisions["DE"])


def test_bars_hold_in_followers_too_and_only_there() -> None:
    large = judged({"plan": 0, "better": 0.1}, n=600, windows=4)
    small = judged({"plan": 0, "better": 0.1}, n=20, market="DE", windows=4)
    cards = {"FR": large, "DE": small}
    decisions = decide(cards, barred={"DE": {"better": bar_token(day(4))}})
    assert decisions["FR"].chosen == "better" and not decisions["DE"].replaced
    again = decide(cards, barred={"DE": {"better": bar_token(day(3))}})["DE"]
    assert again.chosen == "better" and again.verdicts["better"].windows == 1


def test_evidence_follows_what_was_looked_at() -> None:
    cards = judged({"plan": 0, "better": 0.1})
    token = evidence_token(cards["plan"])
    assert token == evidence_token(cards["plan"][::-1]) == evidence_token(cards["better"])
    assert token != evidence_token(cards["plan"][:2])
    assert seen_until(token) == day(3) and seen_until("x") is None


# what is wrong with the question -------------------------------------------------------------


def test_a_candidate_judged_on_other_folds_is_left_out() -> None:
    cards = judged({"plan": 0, "better": 0.1, "partly": 0.2})
    cards["partly"] = cards["partly"][1:]
    cards["never"] = []
    decision = decide({"FR": cards})["FR"]
    assert decision.chosen == "better" and set(decision.verdicts) == {"better"}
    assert "partly: not judged on the folds" in why(decision)


def test_what_is_missing_is_named() -> None:
    cards = {"FR": judged({"better": 0.1})}
    with pytest.raises(ValueError, match="market FR: the plan in service, plan, was not judged"):
        decide(cards)
    with pytest.raises(ValueError, match="FR has no objective"):
        gate(cards, {"FR": "better"}, {})


def test_a_decision_is_json_and_back() -> None:
    decisions = decide({"FR": judged({"plan": 0, "better": 0.1})}, {"FR": "plan", "CY": "plan"})
    for decision in decisions.values():
        assert Decision.model_validate_json(decision.model_dump_json()) == decision


def test_the_same_question_has_the_same_answer() -> None:
    cards = {"FR": judged({"plan": 0, "better": 0.1}), "DE": judged({"plan": 0, "better": 0}, 9)}
    turned = {market: dict(reversed(side.items())) for market, side in reversed(cards.items())}
    assert decide(cards) == decide(turned)


# rates over many nights ----------------------------------------------------------------------


def nights(
    n: int, markets: int, length: int, seed: int, *, lift: float = 0.0
) -> tuple[int, list[int | None]]:
    """(replacements, first night on which "b" is in service) of each simulated market.

    Two plans whose lists differ by fresh noise at every cut-off; six overlapping windows.
    """
    policy = GatePolicy(resamples=100)
    replacements, first = 0, []
    for market in range(markets):
        rng = np.random.default_rng([seed, market])
        base, spend = rng.beta(1, 2, n), rng.lognormal(0, 1.5, n)
        made: dict[tuple[int, str], Scorecard] = {}
        in_service, since = "a", None
        for night in range(length):
            table: Judged = {"a": [], "b": []}
            for key, cards in table.items():
                for j in range(6):
                    cutoff = night - 28 * j
                    if (cutoff, key) not in made:
                        gain = 1 + (lift if key == "b" else 0.0)
                        quality = np.clip(gain * base + 0.15 * rng.normal(size=n), 0, 1)
                        card = of_quality(quality, spend, fold_hash=str(cutoff), window=cutoff)
                        made[cutoff, key] = card
                    cards.append(made[cutoff, key])
            chosen = decide({"FR": table}, {"FR": in_service}, policy)["FR"].chosen
            replacements += chosen != in_service
            in_service = chosen
            if since is None and in_service == "b":
                since = night
        first.append(since)
    return replacements, first


@pytest.mark.thorough
def test_equal_plans_do_not_replace_each_other() -> None:
    """A/A: 5 market-quarters of nights; at most .2 a year may be wrong, so expect none."""
    replacements, _ = nights(n=220, markets=5, length=90, seed=1)
    assert replacements == 0


@pytest.mark.thorough
def test_a_clearly_better_plan_is_in_service_within_four_weeks() -> None:
    _, first = nights(n=500, markets=10, length=28, seed=2, lift=0.06)
    assert sum(night is not None for night in first) >= 8


def test_few_of_many_replacements_are_false() -> None:
    """Thirty markets, a third of them with a better challenger; one night, many worlds."""
    false, true = 0, 0
    for world in range(6):
        cards = {}
        for i in range(30):
            market = f"W{chr(65 + world)}{chr(65 + i)}"
            lift = 0.08 if i % 3 == 0 else 0.0
            cards[market] = judged({"plan": 0, "other": lift}, n=220, market=market, windows=2)
        policy = GatePolicy(looks_per_year=1, false_replacements_per_year=0.5, resamples=100)
        for market, decision in decide(cards, policy=policy).items():
            better = (ord(market[2]) - 65) % 3 == 0
            true += decision.replaced and better
            false += decision.replaced and not better
    assert true >= 55
    assert false / (false + true) <= 0.05
