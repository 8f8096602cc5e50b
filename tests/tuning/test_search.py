"""The state machine: any order of arrival, any number of workers, the same choices."""

import random
from collections import Counter

import pytest
from contracts.searching import brief_of, come
from hypothesis import given, settings
from hypothesis import strategies as st

from restock.models import Candidate
from restock.tuning.brief import Brief
from restock.tuning.search import Search, Work
from restock.tuning.trials import ALL, Mix, Step

pytestmark = pytest.mark.unit


def drive(brief: Brief, *, workers: int = 1, seed: int = 0) -> tuple[Search, list[Work]]:
    """Do the work as ``workers`` would: so many pieces on their way, ended in any order."""
    search, given = Search(brief), []
    flying: list[Work] = []
    shuffle = random.Random(seed)
    while not search.done:
        ready = search.ready()
        given += ready
        flying += ready
        if not flying:
            continue
        at = shuffle.randrange(min(len(flying), workers))
        piece = flying.pop(at)
        search.tell(piece, come(piece, brief))
    return search, given


@pytest.mark.parametrize("workers", [2, 4, 7])
def test_choices_do_not_depend_on_workers_or_arrival(workers: int) -> None:
    brief = brief_of(trials=60)
    one, _ = drive(brief)
    other, _ = drive(brief, workers=workers, seed=workers)
    assert other.outcomes == one.outcomes
    assert other.choices == one.choices
    assert {o.trial.key for o in other.reported} == {o.trial.key for o in one.reported}


def test_the_budget_of_trials_is_kept() -> None:
    search, _ = drive(brief_of(trials=60))
    assert search.status()["planned"] >= search.status()["trials"]
    asked = {o.trial.key for o in search.outcomes if o.trial.origin in ("asked", "default")}
    assert 30 <= len(asked) <= 60


def with_markets(brief: Brief, customers: dict[str, int]) -> Brief:
    """The same search in other markets."""
    size = brief.sizes["AA"]
    plan, objective = (getattr(brief.setting, name)["AA"] for name in ("fold_plans", "objectives"))
    setting = brief.setting.model_copy(
        update={
            "fold_plans": dict.fromkeys(customers, plan),
            "objectives": dict.fromkeys(customers, objective),
        }
    )
    sizes = {m: size.model_copy(update={"customers": n}) for m, n in customers.items()}
    return brief.model_copy(
        update={"markets": tuple(customers), "sizes": sizes, "setting": setting}
    )


SMALL = {f"S{letter}": 20 + at for at, letter in enumerate("ABCDEFGHIJKLMNOPQRSTUVWXYZ")}


@pytest.mark.thorough
@given(
    st.integers(1, 150),
    st.sampled_from([{}, {"LA": 900}, {"LA": 900, "LB": 500, "LC": 300}]),
    st.sampled_from([{}, SMALL]),
    st.integers(1, 7),
)
@settings(max_examples=25, deadline=None)
def test_no_more_trials_run_than_were_asked_for_and_most_of_them_do(
    trials: int, large: dict[str, int], small: dict[str, int], workers: int
) -> None:
    service = {"LA": Candidate(name="sar"), "SA": Candidate(name="popular", scope="pooled")}
    warm = {ALL: (Candidate(name="item_knn", scope="pooled", config={"neighbours": 7}),)}
    brief = with_markets(brief_of(trials=trials, patience=99), {**large, **small, "SZ": 46})
    brief = brief.model_copy(update={"service": service, "warm": warm})
    search, _ = drive(brief, workers=workers, seed=trials)
    ran = {o.trial.key for o in search.outcomes}
    assert len(ran) == search.status()["trials"] <= trials
    assert search.status()["planned"] == trials
    assert len(ran) >= 0.7 * trials
    assert search.choices is not None
    again, _ = drive(brief)
    assert again.choices == search.choices


def test_few_trials_go_to_all_markets_first_then_to_the_large_one() -> None:
    search, _ = drive(with_markets(brief_of(trials=20), {"LA": 900, **SMALL}))
    where = Counter(o.trial.study.where for o in search.outcomes if o.rung == 2)
    ran = Counter(key.split("/")[0] for key in {o.trial.key for o in search.outcomes})
    small = sum(count for code, count in ran.items() if code in SMALL)
    assert where[ALL] >= 3  # every family
    assert ran["all"] > ran["LA"] >= small > 0
    assert max(ran[code] for code in SMALL) == 1  # by turns, the largest first
    assert {code for code in SMALL if ran[code]} == set(sorted(SMALL)[-small:])
    assert any(o.trial.origin == "hybrid" for o in search.outcomes)


def test_many_trials_leave_every_small_market_its_versions_of_the_best() -> None:
    search, _ = drive(with_markets(brief_of(trials=1000), {"LA": 900, **SMALL}))
    ran = Counter(key.split("/")[0] for key in {o.trial.key for o in search.outcomes})
    assert len({ran[code] for code in SMALL}) == 1 and ran["SA"] >= 3


def test_every_family_has_its_line_at_the_top() -> None:
    brief = brief_of(trials=60)
    search, _ = drive(brief)
    top = len(brief.setting.policy.rungs) - 1
    families = {o.trial.study.family for o in search.outcomes if o.rung == top}
    assert set(brief.families) <= families


def test_selection_never_sees_the_report_windows() -> None:
    brief = brief_of(trials=60)
    search, given = drive(brief)
    for outcome in search.outcomes:
        assert not set(outcome.windows) & set(brief.report)
    for outcome in search.reported:
        assert set(outcome.windows) <= set(brief.report)
    for piece in given:
        if isinstance(piece, Mix):
            assert piece.windows == brief.selection


def test_what_is_chosen_and_what_is_in_service_are_reported() -> None:
    service = {"AA": Candidate(name="sar"), "BB": Candidate(name="popular", scope="pooled")}
    brief = brief_of(trials=60, service=service)
    search, _ = drive(brief)
    assert search.choices is not None
    there = {(o.trial.study.where, o.trial.candidate.key) for o in search.reported}
    for market, choice in search.choices.markets.items():
        where = ALL if choice.candidate.pooled else market
        assert (where, choice.candidate.key) in there
    assert ("AA", service["AA"].key) in there
    assert (ALL, service["BB"].key) in there


def test_markets_without_a_plan_speak_on_the_report_windows() -> None:
    brief = brief_of(trials=30).model_copy(update={"markets": ("CC",)})
    everywhere = {market: Candidate(name="reorder") for market in brief.sizes}
    brief = brief.model_copy(update={"service": everywhere})
    search, _ = drive(brief)
    assert search.choices is not None
    assert set(search.choices.markets) == {"CC"}
    judged = {o.trial.study.where for o in search.reported if o.trial.study.where != ALL}
    assert judged == set(brief.sizes)


def test_small_markets_do_not_search_on_their_own() -> None:
    search, _ = drive(brief_of(trials=60))
    asked = {o.trial.study.where for o in search.outcomes if o.trial.origin == "asked"}
    assert "CC" not in asked  # 40 customers
    assert {"AA", "BB", ALL} <= asked


def test_a_family_that_fails_does_not_stop_the_others() -> None:
    brief = brief_of(trials=60, fails=("item_knn",))
    search, _ = drive(brief)
    assert search.choices is not None
    assert set(search.choices.markets) == set(brief.markets)
    assert all(choice.candidate.name != "item_knn" for choice in search.choices.markets.values())


def test_where_everything_fails_the_plan_in_service_stays() -> None:
    brief = brief_of(trials=20, fails=("reorder", "item_knn", "popular"))
    search, _ = drive(brief)
    assert search.choices is not None
    assert {choice.candidate.name for choice in search.choices.markets.values()} == {"reorder"}


def test_a_budget_of_seconds_that_is_spent_ends_at_once() -> None:
    brief = brief_of(seconds=100.0)
    search = Search(brief)
    while not search.done:
        for piece in search.ready(seconds_left=0.0):
            assert isinstance(piece, Step)
            assert set(piece.windows) <= set(brief.report)  # only the plans in service are left
            search.tell(piece, come(piece, brief))
    assert not search.outcomes
    assert search.choices is not None
