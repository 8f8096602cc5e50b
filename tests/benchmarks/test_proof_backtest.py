"""The figures of backtests are what their names say."""

import math

import pytest

from restock.benchmarks.proof_backtest_run import SIZES, exponent

pytestmark = pytest.mark.unit


@pytest.mark.parametrize("power", [0.5, 1.0, 1.7])
def test_the_exponent_does_not_count_what_a_start_costs(power: float) -> None:
    seconds = [20 + 3 * size**power for size in SIZES]
    assert exponent(SIZES, seconds) == pytest.approx(power)


def test_without_growth_there_is_no_exponent() -> None:
    assert math.isnan(exponent(SIZES, [5.0, 4.0, 6.0, 7.0]))
