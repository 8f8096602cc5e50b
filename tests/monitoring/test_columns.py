"""The table of column tests, against the libraries that compute the same."""

import numpy as np
import pandas as pd
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from scipy.spatial.distance import jensenshannon
from scipy.stats import ks_2samp

from restock.monitoring.columns import MOST_LEVELS, compare_columns, js_distance, psi

pytestmark = pytest.mark.unit

numbers = st.lists(st.sampled_from([-1.5, 0.0, 0.25, 2.0, 1e9, 3.0]), min_size=1, max_size=40)
counts = st.lists(st.integers(0, 50), min_size=2, max_size=8).filter(lambda c: sum(c) > 0)


@pytest.mark.thorough
@settings(max_examples=100, deadline=None)
@given(numbers, numbers)
def test_the_distance_of_numbers_is_that_of_scipy_ties_and_all(
    one: list[float], other: list[float]
) -> None:
    shift = compare_columns({"x": one}, {"x": other})[0]
    assert shift.value == pytest.approx(ks_2samp(one, other).statistic, abs=1e-12)
    assert shift.value == compare_columns({"x": other}, {"x": one})[0].value


def test_the_p_value_of_many_rows_is_that_of_scipy() -> None:
    rng = np.random.default_rng(0)
    one, other = rng.normal(size=20_000), rng.normal(0.04, 1.0, size=30_000)
    shift = compare_columns({"x": one}, {"x": other})[0]
    assert shift.p_value == pytest.approx(ks_2samp(one, other, method="asymp").pvalue, rel=1e-9)
    assert shift.drifted


@settings(max_examples=50, deadline=None)
@given(
    st.integers(2, 8).flatmap(
        lambda n: st.tuples(*[st.lists(st.integers(0, 50), min_size=n, max_size=n)] * 2)
    )
)
def test_the_distance_of_levels_is_that_of_scipy(pair: tuple[list[int], list[int]]) -> None:
    one, other = (np.array(c, dtype=float) for c in pair)
    if one.sum() and other.sum():
        assert js_distance(one, other) == pytest.approx(jensenshannon(one, other, base=2), abs=1e-9)


def test_the_stability_index_is_its_formula() -> None:
    one, other = np.array([50.0, 30.0, 20.0]), np.array([40.0, 40.0, 20.0])
    p, q = one / 100, other / 100
    assert psi(one, other) == pytest.approx(((q - p) * np.log(q / p)).sum())
    assert np.isfinite(psi(np.array([10.0, 0.0]), np.array([0.0, 10.0])))


def test_rare_levels_are_joined_and_new_ones_count() -> None:
    before = [f"v{n}" for n in range(500) for _ in range(3)]
    same = compare_columns({"item": before}, {"item": before})[0]
    assert same.value == pytest.approx(0)
    rare_only = compare_columns({"item": before}, {"item": before[3 * MOST_LEVELS :]})[0]
    assert rare_only.drifted
    new = compare_columns({"item": ["a", "b"]}, {"item": ["new"] * 1000})[0]
    assert new.drifted and new.js == pytest.approx(1)


def test_missing_values_are_counted_and_left_out() -> None:
    before = pd.DataFrame({"x": [1.0, np.nan, 3.0, 4.0], "c": ["a", None, None, "b"]})
    now = pd.DataFrame({"x": [1.0, 3.0, 4.0], "c": ["a", "b", "b"]})
    number, level = compare_columns(before, now)
    assert number.missing == (0.25, 0.0) and number.value == 0
    assert level.missing == (0.5, 0.0)


def test_times_are_numbers_and_booleans_are_levels() -> None:
    when = pd.date_range("2024-01-01", periods=50)
    before = pd.DataFrame({"when": when, "new": [True, False] * 25})
    now = pd.DataFrame({"when": when + pd.Timedelta(days=50), "new": [True] * 50})
    time, flag = compare_columns(before, now, threads=2)
    assert (time.statistic, time.value, flag.statistic) == ("ks", 1.0, "psi")
    assert flag.drifted


def test_a_column_that_is_not_there_or_empty_is_named() -> None:
    with pytest.raises(ValueError, match="current table has no column 'x'"):
        compare_columns({"x": [1.0]}, {"y": [1.0]})
    with pytest.raises(ValueError, match="'x' has no value"):
        compare_columns({"x": [1.0]}, {"x": [np.nan]})
