"""Mixtures: better than their members where these complete each other, and not where not."""

from collections.abc import Callable, Mapping
from functools import cache
from typing import Any

import numpy as np
import pytest

from restock.dataset import Interactions, simulate
from restock.evaluation import Objective
from restock.evaluation.contest import FoldPlan
from restock.evaluation.folds import Fold
from restock.models import Candidate, FitContext
from restock.tuning.ensemble import mix, votes
from restock.tuning.policy import SearchPolicy
from restock.tuning.running import run
from restock.tuning.setting import Ballot, Kept, Setting
from restock.tuning.trials import ALL, Mix, Mixture, Step, StudyKey, Trial

pytestmark = pytest.mark.unit

WINDOWS = (0, 1)
Belongs = Callable[[Fold], Any]


@cache
def orders() -> Interactions:
    """Two markets; small enough to fit in a moment, large enough to tell."""
    return simulate(markets=2, customers=(500, 300), items=150, days=400, seed=3).interactions()


def setting(**policy: Any) -> Setting:
    markets = orders().catalogue.markets
    return Setting(
        fold_plans=dict.fromkeys(markets, FoldPlan(windows=2, k=5)),
        objectives=dict.fromkeys(markets, Objective.at(5)),
        policy=SearchPolicy(**{"least_customers": 20, "half_way": 10.0, **policy}),
    )


def knows(belongs: Belongs, seed: int) -> Kept:
    """A member that lists first what is bought, for the customers who are its own; the rest by
    chance. One who knows nothing of a customer is less sure of its choices, but not silent."""
    random, ballots = np.random.default_rng(seed), []
    chosen = setting()
    for market in chosen.markets:
        for fold in chosen.fold_plans[market].folds(orders().of_market(market), WINDOWS):
            n, own = fold.customers.size, belongs(fold)
            items = np.array([random.permutation(orders().n_items)[:12] for _ in range(n)])
            scores = np.linspace(1, 0.8, 12) * np.ones((n, 1))
            for row in np.flatnonzero(own):
                bought = fold.relevance.item[slice(*fold.relevance.indptr[row : row + 2])][:6]
                others = [item for item in items[row] if item not in bought]
                items[row] = [*bought, *others][:12]
                scores[row] = [1.0] * len(bought) + [0.3] * (12 - len(bought))
            ballots.append(
                Ballot(
                    market,
                    fold.cutoff,
                    fold.customers,
                    items.astype(np.int32),
                    scores.astype(np.float32),
                )
            )
    return Kept([], ballots)


def mix_of(members: Mapping[str, Kept], where: str = ALL, **policy: Any) -> list[Mixture]:
    scope: Any = "pooled" if where == ALL else "market"
    trials = [
        Trial(
            study=StudyKey(where=where, family=name),
            index=0,
            origin="asked",
            candidate=Candidate(name=name, scope=scope),
        )
        for name in members
    ]
    asked = Mix(
        where=where,
        windows=WINDOWS,
        members=tuple(trials),
        kept=tuple(members),
        markets=setting().markets,
    )
    return mix(asked, members.__getitem__, orders(), setting(**policy))


def weights(mixture: Mixture) -> dict[str, float]:
    return {one["name"]: one["weight"] for one in mixture.candidate.config["members"]}


def even(fold: Fold) -> Any:
    return fold.customers % 2 == 0


def odd(fold: Fold) -> Any:
    return fold.customers % 2 == 1


@pytest.mark.thorough
def test_two_that_complete_each_other_are_mixed_and_better_than_each() -> None:
    members = {"sar": knows(even, 1), "als": knows(odd, 2), "popular": knows(lambda f: [], 3)}
    whole = mix_of(members)[0]
    assert (whole.market, whole.candidate.name, whole.candidate.scope) == (ALL, "blend", "pooled")
    found = weights(whole)
    assert set(found) == {"sar", "als"}
    assert min(found.values()) >= 0.5
    assert whole.gain > 0.1


def test_a_member_that_adds_nothing_makes_no_mixture() -> None:
    knowing = knows(lambda fold: fold.customers >= 0, 1)
    assert mix_of({"sar": knowing, "als": knows(lambda f: [], 2)}) == []
    assert mix_of({"sar": knowing, "als": knowing}) == []
    assert mix_of({"sar": knowing}) == []


def test_light_and_regular_customers_get_blends_of_their_own_where_that_pays() -> None:
    def past(fold: Fold) -> Any:
        table = fold.train.features.read("customer", fold.train)
        return table.values[fold.customers, table.names.index("orders")]

    middle = float(np.ceil(np.median(np.concatenate([past(fold) for fold in _folds()]))))
    light = knows(lambda fold: past(fold) < middle, 1)
    regular = knows(lambda fold: past(fold) >= middle, 2)
    (switch,) = [
        one for one in mix_of({"sar": light, "als": regular}) if one.candidate.name == "switch"
    ]
    first, second = switch.candidate.config["members"]
    assert (first["feature"], first["below"]) == ("orders", middle)
    heaviest = [one["config"]["members"][0]["name"] for one in (first, second)]
    assert heaviest == ["sar", "als"]
    nobody = mix_of({"sar": light, "als": regular}, least_customers=10_000)
    assert all(one.candidate.name != "switch" for one in nobody)


def test_a_market_that_differs_gets_its_own_mixture_the_more_the_larger() -> None:
    large, small = setting().markets
    if orders().of_market(large).customers.size < orders().of_market(small).customers.size:
        large, small = small, large

    def of(market: str, rest: int) -> Belongs:
        code = orders().catalogue.markets.index(market)
        own = orders().catalogue.customer_market == code
        return lambda fold: own[fold.customers] & (fold.customers % 2 == rest)

    members = {
        "sar": knows(of(large, 0), 1),
        "ease": knows(of(large, 1), 2),
        "als": knows(of(small, 0), 3),
        "up_cf": knows(of(small, 1), 4),
    }
    trusting = {one.market: one for one in mix_of(members, half_way=1.0)}
    assert set(list(weights(trusting[small]))[:2]) == {"als", "up_cf"}
    wary = {one.market: one for one in mix_of(members, half_way=1e9)}
    assert small not in wary  # no other than that of all


def test_the_gain_foretold_is_near_that_of_the_blend_itself() -> None:
    kept: dict[str, Kept] = {}

    def keep(trial: Trial, left: Kept) -> str:
        kept[trial.key] = left
        return trial.key

    def judged(*candidates: Candidate) -> list[Any]:
        steps = [
            Step(
                study=StudyKey(where=ALL, family=one.name),
                rung=2,
                windows=WINDOWS,
                trials=(
                    Trial(
                        study=StudyKey(where=ALL, family=one.name),
                        index=at,
                        origin="asked",
                        candidate=one,
                    ),
                ),
                keep=True,
            )
            for at, one in enumerate(candidates)
        ]
        return run(orders(), steps, setting(), FitContext(), keep=keep)

    names = ("reorder", "item_knn", "popular", "tifu_knn")
    told = judged(*(Candidate(name=name, scope="pooled") for name in names))
    asked = Mix(
        where=ALL,
        windows=WINDOWS,
        members=tuple(one.trial for one in told),
        kept=tuple(one.kept for one in told),
        markets=(),
    )
    found = mix(asked, kept.__getitem__, orders(), setting())
    assert found
    (exact,) = judged(found[0].candidate)
    best = max(one.lift.value for one in told)
    assert exact.lift.value - best == pytest.approx(found[0].gain, abs=0.005)
    assert found[0].gain > 0.005


def test_equal_models_are_added_up_and_blends_opened() -> None:
    def trial(index: int, candidate: Candidate) -> Trial:
        study = StudyKey(where=ALL, family=candidate.name)
        return Trial(study=study, index=index, origin="asked", candidate=candidate)

    inner = [{"name": "sar", "weight": 3.0}, {"name": "reorder", "weight": 1.0}]
    members = [
        trial(0, Candidate(name="sar", scope="pooled")),
        trial(0, Candidate(name="blend", config={"members": inner}, scope="pooled")),
        trial(1, Candidate(name="sar", scope="prior")),
        trial(0, Candidate(name="als", scope="pooled")),
    ]
    found = votes(members, np.array([0.25, 0.4, 0.345, 0.005]))
    assert [(one["name"], one["weight"]) for one in found] == [
        ("sar", 1.0),
        ("market_prior", round(0.345 / 0.55, 4)),
        ("reorder", round(0.1 / 0.55, 4)),
    ]
    mixed = Candidate(name="blend", config={"members": found}, scope="pooled")
    assert mixed.resolved["members"][1]["config"]["member"]["name"] == "sar"


def test_ballots_of_other_customers_are_refused() -> None:
    kept = knows(even, 1)
    wrong = [
        Ballot(b.market, b.cutoff, b.customer[1:], b.items[1:], b.scores[1:]) for b in kept.ballots
    ]
    with pytest.raises(ValueError, match="other customers"):
        mix_of({"sar": kept, "als": Kept([], wrong)})


def _folds() -> list[Fold]:
    chosen = setting()
    return [
        fold
        for market in chosen.markets
        for fold in chosen.fold_plans[market].folds(orders().of_market(market), WINDOWS)
    ]
