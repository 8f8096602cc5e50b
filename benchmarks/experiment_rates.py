"""Thousands of experiments at once: what ``analyze`` says of many draws of the arms, in matrices.

``restock.evaluation.experiments.analyze`` makes one analysis in some milliseconds; a rate of 5 %
needs ten thousand. Here an arm is a row of weights (how often each unit is in it), one matrix
product gives the sums of all arms, and the same formulas give all p-values. A test holds both
against each other.
"""

import math
from dataclasses import dataclass
from typing import NamedTuple

import numpy as np
import pandas as pd
from scipy.stats import t as student

from restock.evaluation.experiments.sequential import Mixture
from restock.evaluation.folds import FloatArray


class Terms(NamedTuple):
    """The columns of a metric: above and below the line, and the same of the time before.

    Each float64 (units,). below: ones for a mean. before: None without adjustment.
    """

    above: FloatArray
    below: FloatArray
    before: FloatArray | None = None
    below_before: FloatArray | None = None

    @classmethod
    def of(
        cls, units: pd.DataFrame, numerator: str, denominator: str | None, cuped: bool
    ) -> "Terms":
        """From the columns of ``customer_outcomes``, or of ``clustered``."""

        def column(name: str | None, ending: str) -> FloatArray:
            if name is None:
                return np.ones(len(units))
            return units[name + (ending if name + ending in units else "")].to_numpy(np.float64)

        now = (column(numerator, ""), column(denominator, ""))
        return (
            cls(*now, column(numerator, "_before"), column(denominator, "_before"))
            if cuped
            else cls(*now)
        )

    def matrix(self) -> FloatArray:
        """1, the columns and their products: what all sums follow from (units × 1 + c + c²)."""
        columns = np.column_stack([column for column in self if column is not None])
        products = (columns[:, :, None] * columns[:, None, :]).reshape(len(columns), -1)
        return np.hstack([np.ones((len(columns), 1)), columns, products])


@dataclass(frozen=True, eq=False)
class Found:
    """One number per draw (float64). t: of the difference, df: its degrees of freedom; log_ratio,
    log_error: of treatment / control; variance: of the difference of what adds up; planned: the
    same of the time before, or NaN."""

    t: FloatArray
    df: FloatArray
    log_ratio: FloatArray
    log_error: FloatArray
    variance: FloatArray
    planned: FloatArray

    @property
    def p_value(self) -> FloatArray:
        """Two-sided."""
        return np.asarray(2 * student.sf(np.abs(self.t), self.df), dtype=np.float64)

    def outside(self, alpha: float = 0.05) -> np.ndarray:
        """Whether the anytime interval of each draw leaves out 0 (bool)."""
        passed = self.variance / self.planned
        times = Mixture.tightest_at(1.0, alpha).half_width(passed) / np.sqrt(passed)
        return np.asarray(np.abs(self.log_ratio) > times * self.log_error)


def analyzed(control: FloatArray, treatment: FloatArray) -> Found:
    """From the sums of ``Terms.matrix`` over both arms (draws × columns)."""
    whole = control + treatment
    slope = _slope(whole)
    centre = _ratio(whole, 2) if slope is not None else None
    means, variances, counts = [], [], []
    for sums in (control, treatment):
        gradient, ratio = _gradient(sums, 0), _ratio(sums, 0)
        if slope is not None and centre is not None:
            ratio = ratio - slope * (_ratio(sums, 2) - centre)
            gradient = gradient - slope[:, None] * _gradient(sums, 2)
        spread = _covariance(sums)
        means.append(ratio)
        counts.append(sums[:, 0])
        variances.append(np.einsum("ri,rij,rj->r", gradient, spread, gradient) / sums[:, 0])
    error2 = variances[0] + variances[1]
    df = error2**2 / sum(v**2 / (n - 1) for v, n in zip(variances, counts, strict=True))
    below = _mean(whole)[:, 1]
    planned = np.full_like(error2, np.nan)
    if slope is not None:
        gradient = _gradient(whole, 2) * _mean(whole)[:, [3]]
        per_unit = np.einsum("ri,rij,rj->r", gradient, _covariance(whole), gradient)
        planned = per_unit * (1 / counts[0] + 1 / counts[1])
    return Found(
        t=(means[1] - means[0]) / np.sqrt(error2),
        df=df,
        log_ratio=np.log(means[1] / means[0]),
        log_error=np.sqrt(variances[0] / means[0] ** 2 + variances[1] / means[1] ** 2),
        variance=error2 * below**2,
        planned=planned,
    )


def split(units: int, draws: int, generator: np.random.Generator) -> tuple[FloatArray, FloatArray]:
    """Every unit in one of two arms at random: weights of both (draws × units, float64)."""
    treated = (generator.random((draws, units), dtype=np.float32) < 0.5).astype(np.float64)
    return 1 - treated, treated


def resampled(
    units: int, each: int, draws: int, generator: np.random.Generator
) -> tuple[FloatArray, FloatArray]:
    """Two arms of ``each`` units drawn with replacement: weights of both (draws × units)."""
    rows = np.arange(draws)[:, None] * units

    def arm() -> FloatArray:
        drawn = generator.integers(0, units, (draws, each)) + rows
        return (
            np.bincount(drawn.ravel(), minlength=draws * units)
            .reshape(draws, units)
            .astype(np.float64)
        )

    return arm(), arm()


def _columns(sums: FloatArray) -> int:
    return (math.isqrt(4 * sums.shape[1] - 3) - 1) // 2


def _mean(sums: FloatArray) -> FloatArray:
    c = _columns(sums)
    return np.asarray(sums[:, 1 : 1 + c] / sums[:, :1])


def _covariance(sums: FloatArray) -> FloatArray:
    c, n = _columns(sums), sums[:, 0, None, None]
    mean = _mean(sums)
    products = sums[:, 1 + c :].reshape(-1, c, c)
    return np.asarray((products - n * mean[:, :, None] * mean[:, None, :]) / (n - 1))


def _ratio(sums: FloatArray, at: int) -> FloatArray:
    mean = _mean(sums)
    return np.asarray(mean[:, at] / mean[:, at + 1])


def _gradient(sums: FloatArray, at: int) -> FloatArray:
    """Of the ratio of columns at, at + 1 by the means of all columns (delta method)."""
    mean = _mean(sums)
    gradient = np.zeros_like(mean)
    gradient[:, at] = 1 / mean[:, at + 1]
    gradient[:, at + 1] = -mean[:, at] / mean[:, at + 1] ** 2
    return gradient


def _slope(sums: FloatArray) -> FloatArray | None:
    """CUPED's coefficient, from both arms together; None without a time before."""
    if _columns(sums) < 4:
        return None
    spread, now, before = _covariance(sums), _gradient(sums, 0), _gradient(sums, 2)
    across = np.einsum("ri,rij,rj->r", now, spread, before)
    return np.asarray(across / np.einsum("ri,rij,rj->r", before, spread, before))
