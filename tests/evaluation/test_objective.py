"""The objective: what the utility is, and that a bystander never changes the winner."""

import math

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from pydantic import ValidationError

from restock.evaluation import Objective
from restock.evaluation.objective import pareto_front, shrunk_ratio

pytestmark = pytest.mark.unit

NDCG, SHARE = "ndcg_at_10", "revenue_share_at_10"


def means(ndcg: float, share: float) -> dict[str, float]:
    return {NDCG: ndcg, SHARE: share}


def test_utility_is_the_weighted_geometric_mean_of_ratios() -> None:
    objective = Objective(weights={NDCG: 3, SHARE: 1})
    utility = objective.utility(means(0.4, 0.3), means(0.2, 0.1))
    assert utility == pytest.approx(2**0.75 * 3**0.25)
    assert objective.utility(means(0.2, 0.1), means(0.2, 0.1)) == pytest.approx(1.0)
    assert objective.shares == {NDCG: 0.75, SHARE: 0.25}


values = st.floats(0, 1).map(lambda value: round(value, 3))
candidates = st.dictionaries(
    st.sampled_from("abcdef"), st.builds(means, values, values), min_size=2, max_size=6
)


@pytest.mark.thorough
@given(candidates, st.data())
@settings(max_examples=300, deadline=None)
def test_a_dominated_candidate_never_changes_the_winner(
    known: dict[str, dict[str, float]], data: st.DataObject
) -> None:
    objective = Objective()
    incumbent = sorted(known)[0]
    winner = objective.best(known, incumbent)
    better = known[data.draw(st.sampled_from(sorted(known)))]
    worse = means(
        data.draw(st.floats(0, 1)) * better[NDCG], data.draw(st.floats(0, 0.999)) * better[SHARE]
    )
    if worse != better and all(worse[name] <= better[name] for name in worse):
        assert objective.best({**known, "zz": worse}, incumbent) == winner
        assert objective.best({"0": worse, **known}, incumbent) == winner


def test_the_best_has_the_greatest_utility_and_equals_go_by_key() -> None:
    known = {"a": means(0.30, 0.20), "c": means(0.36, 0.18), "b": means(0.36, 0.18)}
    assert Objective().best(known, "a") == "b"  # (1.2 ** .6) · (.9 ** .4) > 1
    assert Objective(weights={SHARE: 1}).best(known, "a") == "a"


@given(candidates)
@settings(max_examples=100, deadline=None)
def test_the_winner_is_on_the_pareto_front(known: dict[str, dict[str, float]]) -> None:
    incumbent = sorted(known)[0]
    winner = Objective().best(known, incumbent)
    assert winner in pareto_front(known, [NDCG, SHARE])


def test_a_min_max_sum_would_change_the_winner() -> None:
    """Why the objective is not one: c is worse than a in everything and still decides."""
    known = {"a": means(0.36, 0.18), "b": means(0.32, 0.21)}
    joined = {**known, "c": means(0.2, 0.18)}

    def min_max_winner(these: dict[str, dict[str, float]]) -> str:
        def scaled(name: str, key: str) -> float:
            column = [row[name] for row in these.values()]
            return (these[key][name] - min(column)) / (max(column) - min(column))

        return max(these, key=lambda key: 0.6 * scaled(NDCG, key) + 0.4 * scaled(SHARE, key))

    assert min_max_winner(known) == "a" and min_max_winner(joined) == "b"
    assert Objective().best(known, "a") == Objective().best(joined, "a")


@given(values, values, st.floats(0.01, 1), st.integers(1, 10_000))
@settings(max_examples=200, deadline=None)
def test_shrinking_keeps_the_side_and_moves_toward_one(
    mine: float, theirs: float, pooled: float, n: int
) -> None:
    ratio = shrunk_ratio(mine, theirs, pooled, n)
    assert math.isfinite(ratio) and ratio > 0
    assert (ratio >= 1) == (mine >= theirs)
    nearer = shrunk_ratio(mine, theirs, pooled, n / 2)
    assert abs(math.log(nearer)) <= abs(math.log(ratio)) + 1e-12


def test_a_zero_in_a_small_market_does_not_blow_up() -> None:
    assert shrunk_ratio(0.3, 0.0, 0.3, 5) == pytest.approx(1.5)  # 5·.3 + 10·.3 over 10·.3
    assert shrunk_ratio(0.0, 0.3, 0.3, 5) == pytest.approx(1 / 1.5)
    assert shrunk_ratio(0.0, 0.0) == 1.0
    assert shrunk_ratio(0.36, 0.30, 0.1, 1e9) == pytest.approx(1.2)


def test_two_windows_of_pareto_dominance() -> None:
    known = {"a": means(0.3, 0.2), "b": means(0.3, 0.1), "c": means(0.2, 0.3), "d": means(0.3, 0.2)}
    assert pareto_front(known, [NDCG, SHARE]) == ["a", "c", "d"]  # equals do not dominate


@pytest.mark.parametrize(
    ("wrong", "message"),
    [
        ({"weights": {}}, "at least one"),
        ({"weights": {"ndgc_at_10": 1}}, "is it ndcg_at_10"),
        ({"weights": {NDCG: 0}}, "above 0"),
        ({"weights": {NDCG: math.nan}}, "above 0"),
        ({"weights": {"coverage_at_10": 1}}, "guard it"),
        ({"weights": {"novelty_at_10": 1}}, "guard it"),
        ({"guardrails": {NDCG: 1.0}}, "must lie in"),
        ({"guardrails": {"gini_at_10": 0.1}}, "guard coverage"),
        ({"guardrails": {"nothing_at_10": 0.1}}, "no metric"),
        ({"weight": {NDCG: 1}}, "Extra inputs"),
    ],
)
def test_wrong_objectives_are_refused(wrong: dict[str, object], message: str) -> None:
    with pytest.raises(ValidationError, match=message):
        Objective(**wrong)  # type: ignore[arg-type]


def test_the_default_follows_k() -> None:
    assert Objective.at(10) == Objective()
    assert set(Objective.at(5).weights) == {"ndcg_at_5", "revenue_share_at_5"}
    assert set(Objective.at(5).guardrails) == {"revenue_capture_at_5"}
