"""Order, sign and calibration of offline figures, with noise taken into account."""

import numpy as np
import pytest
from hypothesis import example, given, settings
from hypothesis import strategies as st
from scipy.stats import kendalltau

from restock.evaluation.link.quality import calibration, kendall, quality

pytestmark = pytest.mark.unit


@settings(max_examples=30, deadline=None)
@given(seed=st.integers(0, 10_000), n=st.integers(2, 20))
def test_without_noise_tau_is_the_plain_one(seed: int, n: int) -> None:
    random = np.random.default_rng(seed)
    figure, lift = random.normal(size=(2, n))
    expected = kendalltau(figure, lift).statistic
    assert kendall(figure, lift, np.full(n, 1e-12)) == pytest.approx(expected, abs=1e-6)


@settings(max_examples=30, deadline=None)
@given(seed=st.integers(0, 10_000), n=st.integers(2, 20), scale=st.floats(0.01, 100))
@example(seed=160, n=5, scale=1.0)  # all agree, and sums round
def test_bounds_and_scale(seed: int, n: int, scale: float) -> None:
    random = np.random.default_rng(seed)
    figure, lift = random.normal(size=(2, n))
    error = random.uniform(0.1, 2, n)
    one, other = quality("a", figure, lift, error), quality("a", scale * figure, lift, error)
    assert one.tau is not None and -1 <= one.tau <= 1
    assert one.sign is not None and 0 <= one.sign <= 1 and 0 <= one.clear <= n
    assert other.tau == pytest.approx(one.tau) and other.sign == one.sign
    assert one.slope is not None and other.slope == pytest.approx(one.slope / scale)
    order = random.permutation(n)
    shuffled = quality("a", figure[order], lift[order], error[order])
    assert shuffled.tau == pytest.approx(one.tau)


def test_a_sign_within_noise_hardly_counts() -> None:
    figure, lift = np.array([1.0, 1.0]), np.array([0.5, -0.001])
    found = quality("a", figure, lift, np.array([0.01, 0.01]))
    assert found.sign is not None and found.sign > 0.9 and found.clear == pytest.approx(1.08, 0.01)


def test_the_line_finds_slope_and_spread() -> None:
    random = np.random.default_rng(0)
    figure, error = random.normal(size=4000), np.full(4000, 0.02)
    for spread in (0.0, 0.05):
        lift = 0.3 * figure + random.normal(size=4000) * np.hypot(0.02, spread)
        slope, slope_error, found = calibration(figure, lift, error)
        assert slope is not None and slope_error is not None and found is not None
        assert abs(slope - 0.3) < 4 * slope_error
        assert found == pytest.approx(spread, abs=0.006)


def test_what_cannot_be_said_is_not_said() -> None:
    nothing = quality("a", np.zeros(3), np.ones(3), np.ones(3))
    assert nothing.slope is None and nothing.tau is None
    alone = quality("a", np.ones(1), np.ones(1), np.ones(1))
    assert alone.slope is None and alone.tau is None and alone.sign == 1.0
