"""Resampling, the robust test, and corrections for many looks."""

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from scipy import stats

from restock.evaluation import significance
from restock.evaluation.significance import (
    advantage_p_value,
    benjamini_hochberg,
    holm,
    resampled_sums,
)

pytestmark = pytest.mark.unit

RNG = np.random.default_rng


def test_resampled_sums_have_the_moments_of_a_bootstrap() -> None:
    rows = RNG(0).lognormal(size=(50, 2))
    sums = resampled_sums(rows, 20_000, seed=1)
    np.testing.assert_allclose(sums.mean(axis=0), rows.sum(axis=0), rtol=0.01)
    np.testing.assert_allclose(sums.var(axis=0), 50 * rows.var(axis=0), rtol=0.05)


def test_columns_see_the_same_draws_and_samples_have_full_size() -> None:
    rows = np.column_stack([np.ones(30), np.arange(30.0), 2 * np.arange(30.0)])
    sums = resampled_sums(rows, 100, seed=0)
    assert (sums[:, 0] == 30).all()
    np.testing.assert_array_equal(2 * sums[:, 1], sums[:, 2])
    assert np.unique(sums[:, 1]).size > 50


def test_memory_blocks_do_not_change_the_draws(monkeypatch: pytest.MonkeyPatch) -> None:
    rows = RNG(0).random((40, 3))
    whole = resampled_sums(rows, 60, seed=7)
    monkeypatch.setattr(significance, "CELLS_PER_BLOCK", 170)
    np.testing.assert_allclose(resampled_sums(rows, 60, seed=7), whole, rtol=1e-12)


def test_nothing_to_resample() -> None:
    assert resampled_sums(np.empty((0, 2)), 5, seed=0).tolist() == [[0, 0]] * 5


def test_the_p_value_is_that_of_the_documented_statistic() -> None:
    d = np.array([3.0, 1.0, -0.5, 2.0, 1.0])
    t = (d.sum() - 3) / np.sqrt((d**2).sum() + 9)
    assert advantage_p_value(d) == pytest.approx(stats.norm.sf(t))
    assert advantage_p_value(1e-6 * d) == pytest.approx(stats.norm.sf(t))
    assert advantage_p_value(np.zeros(5)) == advantage_p_value(np.array([])) == 1.0


def test_one_customer_proves_nothing() -> None:
    assert advantage_p_value(np.array([1e9])) == 0.5
    rest = np.full(300, 1e-6)
    assert advantage_p_value(np.append(rest, 1e9)) > 0.4


def test_a_consistent_advantage_is_found() -> None:
    d = RNG(0).normal(0.3, 1.0, 1000)
    assert advantage_p_value(d) < 1e-8
    assert advantage_p_value(-d) > 0.999


def symmetric(rng: np.random.Generator, n: int) -> np.ndarray:
    """Two equal plans that catch different parts of heavy-tailed spends."""
    spend = rng.lognormal(0, 1.8, (8_000, n))
    return spend * (rng.beta(0.6, 2, spend.shape) - rng.beta(0.6, 2, spend.shape))


def against_large_ones(rng: np.random.Generator, n: int) -> np.ndarray:
    """A gain of 5 % with most, a loss with the largest 3 %, none on the whole."""
    shape = (8_000, n)
    spend, share = rng.lognormal(0, 1.8, shape), rng.beta(0.6, 2, shape)
    limit, of_large = np.exp(1.8 * stats.norm.ppf(0.97)), stats.norm.cdf(1.8 - stats.norm.ppf(0.97))
    gain = np.where(spend > limit, -0.05 * (1 - of_large) / of_large, 0.05)
    revenue = spend * share * (gain + rng.normal(0, 0.05, shape)) / (np.exp(1.8**2 / 2) * 0.23)
    return 0.4 * revenue + 0.6 * rng.normal(0, 0.1, shape) / 0.33


@pytest.mark.thorough
@pytest.mark.parametrize("n", [200, 500])
@pytest.mark.parametrize("world", [symmetric, against_large_ones])
def test_errors_are_rare_where_a_gate_decides(world: object, n: int) -> None:
    """Spends of a lognormal of sigma 1.8, few customers: the rates at alpha = .025 and .001."""
    d = world(RNG(n), n)  # type: ignore[operator]
    p = np.array([advantage_p_value(row) for row in d])
    assert (p <= 0.025).mean() <= 0.025 * 1.5
    assert (p <= 0.001).mean() <= 0.001 * 3
    wald = stats.norm.sf(d.mean(axis=1) / (d.std(axis=1) / np.sqrt(n)))  # the usual test
    if world is against_large_ones:
        assert (wald <= 0.001).mean() > 2 * (p <= 0.001).mean()


p_values = st.dictionaries(st.text("abcdefgh", min_size=1, max_size=2), st.floats(0, 1), max_size=8)


@given(p_values)
@settings(max_examples=200, deadline=None)
def test_holm_is_the_closed_bonferroni_test(given_p: dict[str, float]) -> None:
    """Adjusted p = the largest, over all sets that contain the key, of size × smallest p."""
    adjusted = holm(given_p)
    keys = sorted(given_p, key=lambda key: (given_p[key], key))
    for at, key in enumerate(keys):
        # of all sets with this key and smallest member j, the largest is {j, j + 1, …}
        bounds = [(len(keys) - j) * given_p[keys[j]] for j in range(at + 1)]
        assert adjusted[key] == pytest.approx(min(1.0, max(bounds)))


def test_holm_by_hand() -> None:
    assert holm({"a": 0.01, "b": 0.04, "c": 0.03}) == pytest.approx(
        {"a": 0.03, "b": 0.06, "c": 0.06}
    )
    assert holm({}) == {}


@given(p_values, st.floats(0.01, 0.5))
@settings(max_examples=200, deadline=None)
def test_benjamini_hochberg_is_the_largest_set_that_is_consistent(
    given_p: dict[str, float], rate: float
) -> None:
    """The largest r such that r p-values are at most rate·r/m; they are rejected."""
    sizes = [
        r for r in range(1, len(given_p) + 1)
        if sum(p <= rate * r / len(given_p) for p in given_p.values()) >= r
    ]  # fmt: skip
    rejected = benjamini_hochberg(given_p, rate)
    assert len(rejected) == max(sizes, default=0)
    assert all(given_p[a] <= given_p[b] for a in rejected for b in given_p.keys() - rejected)


def test_benjamini_hochberg_by_hand() -> None:
    p = {"a": 0.001, "b": 0.012, "c": 0.014, "d": 0.2}
    assert benjamini_hochberg(p, 0.02) == {"a", "b", "c"}  # c pulls b in
    assert benjamini_hochberg(p, 0.004) == {"a"}
    assert benjamini_hochberg({}, 0.05) == set()
