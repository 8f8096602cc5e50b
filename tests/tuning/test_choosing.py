"""What markets get: noise is not followed, differences are, equals go to the cheaper."""

import random
import time
from typing import Any

import numpy as np
import pytest
from contracts.choosing import alone, brief_for, everywhere, lift, trial
from hypothesis import given, settings
from hypothesis import strategies as st

from restock.models import Candidate
from restock.models.slate import FIRST_INCUMBENT
from restock.tuning.choosing import choose, global_best, naive
from restock.tuning.costs import seconds
from restock.tuning.trials import ALL, Mixture, Outcome, StudyKey, Trial

pytestmark = pytest.mark.unit

FAMILIES = ("sar", "item_knn", "ease", "als")


def world(
    seed: int, customers: dict[str, int], *, differ: float, candidates: int = 6, own: int = 3
) -> tuple[list[Outcome], dict[tuple[str, str], float]]:
    """Outcomes with noise, and the true lift of every trial in every market."""
    random_ = np.random.default_rng(seed)
    sizes = np.array(list(customers.values()), dtype=float)
    noise = 0.6 / np.sqrt(np.maximum(sizes, 1))
    outcomes, truth = [], {}
    for name in FAMILIES:
        usual, here = random_.normal(-0.02, 0.05), random_.normal(0, differ, sizes.size)
        shared = random_.normal(size=sizes.size)
        for at in range(candidates):
            true = usual + here + random_.normal(0, 0.01)
            seen = true + noise * (0.5 * shared + 0.4 * random_.normal(size=sizes.size))
            tried = trial(ALL, name, at)
            outcomes.append(everywhere(tried, seen.tolist(), customers))
            truth |= {(m, tried.key): v for m, v in zip(customers, true, strict=True)}
        for (market, n), base, sd in zip(customers.items(), usual + here, noise, strict=True):
            for at in range(own):
                tried = trial(market, name, at)
                true = base + random_.normal(-0.01, 0.02)
                outcomes.append(alone(tried, true + sd * random_.normal(), n))
                truth[market, tried.key] = true
    return outcomes, truth


def shuffled(outcomes: list[Outcome], seed: int) -> list[Outcome]:
    copy = outcomes[:]
    random.Random(seed).shuffle(copy)
    return copy


# no evidence, no choice of one's own ------------------------------------------------------
@settings(max_examples=30, deadline=None)
@given(values=st.lists(st.floats(-0.15, 0.15), min_size=4, max_size=12), own=st.floats(-0.15, 0.15))
def test_with_next_to_no_customers_everybody_takes_the_pooled_choice(
    values: list[float], own: float
) -> None:
    customers = {"AA": 2000, "BB": 1, "CC": 0}
    outcomes = [
        everywhere(trial(ALL, "sar", at), (0.01 * at, value, 0.0), customers)
        for at, value in enumerate(values)
    ]
    outcomes.append(alone(trial("BB", "sar", 0), own, 1))
    found = choose(outcomes, [], brief_for(customers))
    assert found.pooled is not None
    for market in ("BB", "CC"):
        assert found.markets[market].candidate == found.pooled.candidate
        assert found.markets[market].gain == 0


def test_where_markets_do_not_differ_they_stay_together() -> None:
    customers = {f"M{chr(65 + at)}": 300 for at in range(12)}
    left = 0
    for seed in range(5):
        outcomes, _ = world(seed, customers, differ=0.0, own=0)
        found = choose(outcomes, [], brief_for(customers))
        left += sum(one.gain > 0 for one in found.markets.values())
    assert left <= 6  # of 60


def test_where_markets_differ_they_part_and_are_better_for_it() -> None:
    customers = {f"M{chr(65 + at)}": 400 for at in range(12)}
    chosen, single, naively = [], [], []
    for seed in range(5):
        outcomes, truth = world(seed, customers, differ=0.08)
        found = choose(outcomes, [], brief_for(customers))
        keys = {id(one.trial.candidate): one.trial.key for one in outcomes}

        def value(market: str, candidate: Candidate, keys: Any = keys, truth: Any = truth) -> float:
            return 0.0 if candidate == FIRST_INCUMBENT else truth[market, keys[id(candidate)]]

        best, winners = global_best(outcomes), naive(outcomes, list(customers))
        assert best is not None
        chosen.append(np.mean([value(m, c.candidate) for m, c in found.markets.items()]))
        single.append(np.mean([value(m, best) for m in customers]))
        naively.append(np.mean([value(m, c) for m, c in winners.items()]))
    assert np.mean(chosen) > np.mean(single) + 0.03
    assert np.mean(chosen) >= np.mean(naively) - 0.002


def test_a_flattered_winner_of_many_is_not_followed() -> None:
    """200 candidates that are all as good as the pooled choice, in a market of 250 customers."""
    customers = {"AA": 5000, "BB": 250}
    outcomes = [everywhere(trial(ALL, "sar", 0), (0.05, 0.05), customers)]
    noise = np.random.default_rng(5).normal(size=200) * 0.6 / 250**0.5 * 0.5
    outcomes += [
        everywhere(trial(ALL, "item_knn", at), (0.045, 0.045 + z), customers)
        for at, z in enumerate(noise.tolist())
    ]
    found = choose(outcomes, [], brief_for(customers)).markets["BB"]
    assert found.candidate == outcomes[0].trial.candidate or found.gain < 0.02
    flattered = naive(outcomes, ["BB"])["BB"]
    assert flattered != outcomes[0].trial.candidate


# what a market gets -----------------------------------------------------------------------
def test_a_sure_gain_of_its_own_is_taken_and_explained() -> None:
    customers = {"AA": 3000, "BB": 2000}
    outcomes = [
        everywhere(trial(ALL, "item_knn", 0), (0.05, 0.02), customers),
        alone(trial("BB", "item_knn", 0), 0.12, 2000),
    ]
    found = choose(outcomes, [], brief_for(customers))
    choice = found.markets["BB"]
    assert choice.candidate == outcomes[1].trial.candidate
    assert 0.05 < choice.gain < 0.10
    assert choice.lift == pytest.approx(choice.runners_up[0].lift + choice.gain)
    assert choice.raw == outcomes[1].lift
    assert "this market alone" in choice.why
    assert found.markets["AA"].candidate == outcomes[0].trial.candidate


def test_a_hopeless_family_does_not_hide_what_a_good_one_gains() -> None:
    """Every market gains a little alone with one family and loses much with three others."""
    customers = {f"M{chr(65 + at)}": 1500 for at in range(8)}
    gains = np.random.default_rng(3).normal(0.03, 0.03, len(customers)).tolist()
    outcomes = [everywhere(trial(ALL, "item_knn", 0), [0.05] * len(customers), customers)]
    for market, gain in zip(customers, gains, strict=True):
        outcomes.append(alone(trial(market, "item_knn", 0), 0.05 + gain, customers[market]))
    good = choose(outcomes, [], brief_for(customers)).markets
    assert max(one.gain for one in good.values()) > 0.01
    outcomes += [
        alone(trial(market, name, 0), -0.2, customers[market])
        for market in customers
        for name in ("sar", "ease", "als")
    ]
    beside = choose(outcomes, [], brief_for(customers)).markets
    assert {m: (one.candidate, one.gain) for m, one in beside.items()} == {
        m: (one.candidate, one.gain) for m, one in good.items()
    }


def test_ties_go_to_the_cheaper() -> None:
    customers = {"AA": 3000, "BB": 3000}
    outcomes = [
        everywhere(trial(ALL, "ease", 0), (0.0505, 0.0505), customers),
        everywhere(trial(ALL, "item_knn", 0), (0.0500, 0.0500), customers),
        alone(trial("BB", "ease", 0), 0.153, 3000),
        alone(trial("BB", "item_knn", 0), 0.150, 3000),
    ]
    brief = brief_for(customers)
    dear, cheap = (outcomes[at].trial.candidate for at in (0, 1))
    assert seconds(cheap, brief.size(ALL)) < seconds(dear, brief.size(ALL))
    found = choose(outcomes, [], brief)
    assert found.markets["AA"].candidate == cheap
    assert found.markets["BB"].candidate == outcomes[3].trial.candidate
    assert "cheapest of 2" in found.markets["BB"].why
    strict = choose(outcomes, [], brief_for(customers, tie=0.0))
    assert strict.markets["AA"].candidate == dear


def test_nobody_is_left_below_the_yardstick() -> None:
    customers = {"AA": 3000, "BB": 1000}
    outcomes = [everywhere(trial(ALL, "sar", 0), (0.05, -0.15), customers)]
    outcomes += [everywhere(trial(ALL, "sar", 1), (0.04, -0.16), customers)]
    found = choose(outcomes, [], brief_for(customers))
    assert found.markets["AA"].candidate == outcomes[0].trial.candidate
    assert found.markets["BB"].candidate == FIRST_INCUMBENT
    bad = [everywhere(trial(ALL, "sar", 0), (-0.1, -0.1), customers)]
    assert choose(bad, [], brief_for(customers)).markets["AA"].candidate == FIRST_INCUMBENT


def test_where_nothing_succeeded_the_plan_in_service_stays() -> None:
    customers = {"AA": 10, "BB": 10}
    service = Candidate(name="sar")
    brief = brief_for(customers).model_copy(update={"service": {"AA": service}})
    failed = Outcome(trial=trial(ALL, "sar", 0), rung=2, windows=(3,), failure="error")
    found = choose([failed], [], brief)
    assert found.pooled is None
    assert found.markets["AA"].candidate == service
    assert found.markets["BB"].candidate == FIRST_INCUMBENT


def test_lower_rungs_do_not_count() -> None:
    customers = {"AA": 3000, "BB": 3000}
    low = everywhere(trial(ALL, "sar", 1), (0.9, 0.9), customers, rung=1)
    top = everywhere(trial(ALL, "sar", 0), (0.05, 0.05), customers)
    assert choose([low, top], [], brief_for(customers)).markets["AA"].candidate == (
        top.trial.candidate
    )
    assert global_best([low, top]) == top.trial.candidate


def test_a_mixture_sought_for_a_market_is_weighed_as_what_it_is_and_explained() -> None:
    customers = {"AA": 3000, "BB": 2000, "CC": 60}
    mixture = Candidate(name="blend", scope="pooled")
    study = StudyKey(where=ALL, family="blend")
    tried = Trial(study=study, index=0, origin="hybrid", candidate=mixture)
    outcomes = [
        everywhere(trial(ALL, "sar", 0), (0.12, 0.05, 0.05), customers),
        everywhere(tried, (0.02, 0.15, 0.15), customers),
    ]
    asked = [Mixture(market="BB", candidate=mixture, gain=0.1)]
    found = choose(outcomes, asked, brief_for(customers)).markets
    assert found["BB"].candidate == mixture
    assert "mixed for this market" in found["BB"].why
    assert found["CC"].gain == 0  # too small to tell
    plain = choose(outcomes, [], brief_for(customers)).markets
    assert {m: one.candidate for m, one in plain.items()} == {
        m: one.candidate for m, one in found.items()
    }


def test_the_steps_are_of_all_markets_best_plain_family_best_model_choice() -> None:
    customers = {"AA": 3000, "BB": 3000}
    blend = Trial(
        study=StudyKey(where=ALL, family="blend"),
        index=0,
        origin="hybrid",
        candidate=Candidate(name="blend", scope="pooled"),
    )
    outcomes = [
        everywhere(trial(ALL, "sar", 0, "default"), (0.02, 0.02), customers),
        everywhere(trial(ALL, "item_knn", 0, "default"), (0.01, 0.01), customers),
        everywhere(trial(ALL, "item_knn", 1), (0.04, 0.04), customers),
        everywhere(blend, (0.07, 0.07), customers),
    ]
    steps = choose(outcomes, [], brief_for(customers)).pooled_steps
    assert steps == tuple(outcomes[at].trial.candidate for at in (0, 2, 3))


# invariants -------------------------------------------------------------------------------
@settings(max_examples=10, deadline=None)
@given(seed=st.integers(0, 10_000))
def test_the_order_of_outcomes_does_not_matter(seed: int) -> None:
    customers = {"AA": 900, "BB": 400, "CC": 60, "DD": 5}
    outcomes, _ = world(seed, customers, differ=0.05)
    brief = brief_for(customers)
    assert choose(shuffled(outcomes, seed), [], brief) == choose(outcomes, [], brief)


@settings(max_examples=10, deadline=None)
@given(seed=st.integers(0, 10_000), less=st.lists(st.floats(0.0, 0.3), min_size=5, max_size=5))
def test_a_dominated_candidate_that_joins_changes_nothing(seed: int, less: list[float]) -> None:
    customers = {"AA": 900, "BB": 800, "CC": 700, "DD": 300, "EE": 5}
    outcomes, _ = world(seed, customers, differ=0.08)
    brief = brief_for(customers)
    before = choose(outcomes, [], brief)
    one = outcomes[seed % 6]
    worse = [lift.value - by for lift, by in zip(one.markets.values(), less, strict=True)]
    # the same configuration as another's but its index: it costs the same
    more = everywhere(trial(ALL, one.trial.study.family, 90), worse, customers)
    whole = one.lift.value - 1e-9 if one.lift else 0.0
    more = more.model_copy(update={"lift": lift(whole, sum(customers.values()))})
    mine = next(o for o in outcomes if o.trial.study.where == "AA")
    own = alone(trial("AA", "sar", 91), (mine.lift.value if mine.lift else 0) - 1e-9, 900)
    after = choose([*outcomes, more, own], [], brief)
    for market, choice in before.markets.items():
        assert after.markets[market].candidate == choice.candidate
        assert after.markets[market].gain == choice.gain


@pytest.mark.thorough
@settings(max_examples=10, deadline=None)
@given(seed=st.integers(0, 10_000))
def test_nobody_takes_what_is_worse_than_pooled_as_far_as_was_measured(seed: int) -> None:
    customers = {f"M{chr(65 + at)}": 20 * at + 5 for at in range(10)}
    outcomes, _ = world(seed, customers, differ=0.05)
    found = choose(outcomes, [], brief_for(customers))
    assert found.pooled is not None
    reference = next(
        (o.markets for o in outcomes if o.trial.candidate == found.pooled.candidate), None
    )
    for market, choice in found.markets.items():
        assert choice.gain >= 0
        if choice.gain and choice.raw:
            theirs = reference[market].value if reference else 0.0
            assert choice.raw.value > theirs


def test_five_hundred_candidates_in_forty_one_markets_are_a_matter_of_a_moment() -> None:
    customers = {f"{chr(65 + at // 26)}{chr(65 + at % 26)}": 4000 // (at + 1) for at in range(41)}
    outcomes, _ = world(1, customers, differ=0.03, candidates=125, own=0)
    brief = brief_for(customers)
    start = time.process_time()
    choose(outcomes, [], brief)
    # an order of magnitude above what it takes; a loop over pairs of candidates takes minutes
    assert time.process_time() - start < 10
