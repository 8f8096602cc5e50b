"""What a log must be, and how it says what is wrong with it."""

import numpy as np
import pytest

from restock.evaluation.ope import BadLog, Logged, LoggedLists

pytestmark = pytest.mark.unit

ONES = np.ones(4)


def test_each_row_is_its_own_customer_when_nobody_says() -> None:
    assert Logged(ONES, ONES, ONES).cluster.tolist() == [0, 1, 2, 3]
    table = np.ones((3, 2))
    assert LoggedLists(table, table, table).cluster.tolist() == [0, 1, 2]


def test_whole_numbers_become_floats() -> None:
    log = Logged(np.array([1, 0]), np.array([1, 1]), np.array([0, 1]), np.array([5, 5], np.int32))
    assert log.reward.dtype == log.propensity.dtype == log.target.dtype == np.float64
    assert log.cluster.dtype == np.int64


def test_weights_go_down_the_list_and_pass_over_empty_places() -> None:
    propensity = np.array([[0.5, 0.5, 0.25]])
    target = np.array([[0.25, 1.0, 1.0]])
    there = np.array([[True, False, True]])
    assert LoggedLists(propensity, propensity, target).weight.tolist() == [[0.5, 1.0, 4.0]]
    assert LoggedLists(propensity, propensity, target, there).weight.tolist() == [[0.5, 0.5, 2.0]]


@pytest.mark.parametrize(
    ("change", "message"),
    [
        ({"propensity": [1, 0, 1, 1]}, "propensity at 1 is 0 .1 such values.: a choice that was"),
        ({"propensity": [1, 1, 1, 1.1]}, "propensity at 3 is 1.1"),
        ({"target": [1, -0.5, 1, -1]}, "target at 1 is -0.5 .2 such values.: a probability lies"),
        ({"target": [1.5, 1, 1, 1]}, "target at 0 is 1.5"),
        ({"reward": [1, np.nan, 1, 1]}, "reward at 1 is nan .1 such values.: give finite numbers"),
        ({"target": [1, 1, 1]}, "target is .3,., reward .4,.: give one value a choice"),
        ({"reward": [[1, 1, 1, 1]]}, "one dimension, not 2"),
        ({"cluster": np.array([1, 2])}, "cluster is int64 .2,.: give the 4 rows' customers"),
        ({"cluster": ONES}, "cluster is float64 .4,.: .* as whole numbers"),
        ({"expected_logged": ONES}, "gives expected_logged and expected_target, not one alone"),
        ({"expected_logged": ONES, "expected_target": ONES * np.inf}, "target at 0 is inf"),
    ],
)  # fmt: skip
def test_a_bad_log_names_the_field_the_place_and_the_remedy(change, message: str) -> None:
    good = {"reward": ONES, "propensity": ONES, "target": ONES}
    with pytest.raises(BadLog, match=message):
        Logged(**good | change)


@pytest.mark.parametrize(
    ("change", "message"),
    [
        ({"reward": ONES}, "two dimensions .lists × places., not 1"),
        ({"propensity": [[1, 1], [1, 0]]}, "propensity at 1, 1 is 0"),
        ({"there": [[True], [True]]}, "there is .2, 1., reward .2, 2.: give one flag a place"),
        ({"target": [[1], [1]]}, "target is .2, 1., reward .2, 2.: give one value a choice"),
        ({name: np.ones((2, 0)) for name in ("reward", "propensity", "target")}, "no places"),
    ],
)
def test_so_does_a_bad_log_of_lists(change, message: str) -> None:
    good = {name: np.ones((2, 2)) for name in ("reward", "propensity", "target")}
    with pytest.raises(BadLog, match=message):
        LoggedLists(**good | change)


def test_a_probability_may_be_above_1_by_rounding() -> None:
    assert Logged(ONES, ONES + 1e-12, ONES + 1e-12).n == 4
