"""The bound that holds at every look."""

import math

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st

from restock.evaluation.experiments import Mixture

pytestmark = pytest.mark.unit

VARIANCES = st.floats(1e-6, 1e6)
ALPHAS = st.floats(0.001, 0.5)


@given(h=VARIANCES, alpha=ALPHAS)
def test_the_bound_is_that_of_the_mixture(h: float, alpha: float) -> None:
    """On the bound, Robbins' mixture of likelihood ratios is 1 / alpha (Ville's inequality)."""
    for v in (h / 10, h, 10 * h):
        x = float(Mixture(h, alpha).half_width(v))
        mixture = math.sqrt(h / (v + h)) * math.exp(x**2 / (2 * (v + h)))
        assert mixture == pytest.approx(1 / alpha)


@given(planned=VARIANCES, alpha=ALPHAS, factor=st.floats(0.05, 20))
def test_it_is_tightest_where_it_was_planned(planned: float, alpha: float, factor: float) -> None:
    here = float(Mixture.tightest_at(planned, alpha).half_width(planned))
    assert here <= float(Mixture.tightest_at(planned * factor, alpha).half_width(planned)) + 1e-9


@given(planned=VARIANCES, alpha=ALPHAS)
def test_it_is_wider_than_the_interval_of_one_look_and_grows(planned: float, alpha: float) -> None:
    from scipy.stats import norm

    looks = planned * np.linspace(0.01, 2, 50)
    widths = Mixture.tightest_at(planned, alpha).half_width(looks)
    assert (np.diff(widths) > 0).all()
    assert (widths > norm.isf(alpha / 2) * np.sqrt(looks)).all()


def test_all_looks_at_once_are_what_each_alone_is() -> None:
    mixture = Mixture.tightest_at(3.0)
    looks = np.linspace(0.1, 5, 20)
    np.testing.assert_array_equal(
        mixture.half_width(looks), [float(mixture.half_width(v)) for v in looks]
    )


@pytest.mark.parametrize("days_are_alike", [0.0, 0.5])
def test_few_of_many_runs_ever_leave_it(days_are_alike: float) -> None:
    """Independent days stay within 5 %; days that resemble each other within less."""
    generator = np.random.default_rng(0)
    days = generator.standard_normal((4000, 100))
    sums = (days + days_are_alike * generator.standard_normal((4000, 1))).cumsum(axis=1)
    t = np.arange(1, 101)
    variance = t + (days_are_alike * t) ** 2
    bound = Mixture.tightest_at(float(variance[-1])).half_width(variance)
    assert (np.abs(sums) > bound).any(axis=1).mean() < (0.06 if days_are_alike == 0 else 0.04)
    naive = (np.abs(sums) > 1.96 * np.sqrt(variance)).any(axis=1).mean()
    assert naive > (0.3 if days_are_alike == 0 else 0.06)


def test_mistakes_are_named() -> None:
    with pytest.raises(ValueError, match="variance must be above 0, not 0"):
        Mixture.tightest_at(0.0)
    with pytest.raises(ValueError, match=r"alpha lies in \(0, 1\), not 5"):
        Mixture.tightest_at(1.0, 5)
