"""How well an offline figure foretold what experiments measured: order, sign and size."""

from collections.abc import Sequence

import numpy as np
from pydantic import BaseModel, ConfigDict
from scipy.special import ndtr

from restock.evaluation.folds import BoolArray, FloatArray
from restock.evaluation.link.entry import Entry


class Quality(BaseModel):
    """How one offline figure fared against measured lifts.

    tau: Kendall's rank correlation, sign: share of experiments whose sign it foretold; in both
    every comparison counts by how surely noise leaves its direction (1: surely, 0: a coin).
    clear: the experiments' worth of sure signs. slope, slope_error: lift per unit of the figure,
    through the origin (swapping the arms changes nothing); spread: standard deviation of lifts
    about that line beyond their own noise. None where nothing can be said.
    """

    model_config = ConfigDict(frozen=True)

    name: str
    experiments: int
    tau: float | None
    sign: float | None
    clear: float
    slope: float | None
    slope_error: float | None
    spread: float | None


def qualities(entries: Sequence[Entry]) -> list[Quality]:
    """Every offline metric of the entries, and ``ope``, best order first."""
    names = dict.fromkeys(name for entry in entries for name in entry.offline)
    found = []
    for name in names:
        having = [entry for entry in entries if name in entry.offline]
        found.append(quality(name, np.array([e.offline[name] for e in having]), *_lifts(having)))
    having = [entry for entry in entries if entry.ope is not None]
    if having:
        estimates = np.array([entry.ope or 0.0 for entry in having])
        found.append(quality("ope", estimates, *_lifts(having)))
    return sorted(found, key=lambda q: (-(q.tau if q.tau is not None else -2.0), q.name))


def quality(name: str, figure: FloatArray, lift: FloatArray, error: FloatArray) -> Quality:
    """A figure against lifts and their standard errors (float64, one per experiment)."""
    sure = sureness(lift, error)
    slope, slope_error, spread = calibration(figure, lift, error)
    return Quality(
        name=name,
        experiments=int(lift.size),
        tau=kendall(figure, lift, error),
        sign=_share(np.sign(figure) == np.sign(lift), sure),
        clear=float(sure.sum()),
        slope=slope,
        slope_error=slope_error,
        spread=spread,
    )


def sureness(lift: FloatArray, error: FloatArray) -> FloatArray:
    """2 Φ(|lift| / error) - 1: how much more likely than not the sign is the true one."""
    sure: FloatArray = 2.0 * ndtr(np.abs(lift) / error) - 1.0
    return sure


def kendall(figure: FloatArray, lift: FloatArray, error: FloatArray) -> float | None:
    """Kendall's tau over pairs of experiments, each weighted by how sure its direction is.

    sum c_ij sign(x_i - x_j) sign(y_i - y_j) / sum c_ij with c_ij = 2 Φ(|y_i - y_j| / s_ij) - 1,
    s_ij² = s_i² + s_j²; without noise plain tau (Kendall 1938). A tie of the figure counts 0.
    """
    first, second = np.triu_indices(lift.size, 1)
    apart = lift[first] - lift[second]
    sure = sureness(apart, np.hypot(error[first], error[second]))
    total = sure.sum()
    if total <= 0:
        return None
    agreed = np.sign(figure[first] - figure[second]) * np.sign(apart)
    # added up in the order of the total: rounding takes it no further than to 1 and -1
    return float((sure * agreed).sum() / total)


def calibration(
    figure: FloatArray, lift: FloatArray, error: FloatArray
) -> tuple[float | None, float | None, float | None]:
    """Slope of lift on a figure through the origin, its standard error, and the spread about it.

    Weighted least squares with weights 1 / (s_e² + t²); t² by moments, so that the weighted
    squares about the line come to n - 1 (DerSimonian and Laird 1986, iterated: Paule and
    Mandel 1982). None where the figure never moves or there is only one experiment.
    """
    if lift.size < 2 or not (figure**2).any():
        return None, None, None

    def line(spread: float) -> tuple[float, float, float]:
        weight = 1.0 / (error**2 + spread**2)
        power = float(weight @ figure**2)
        slope = float(weight @ (figure * lift)) / power
        return slope, power**-0.5, float(weight @ (lift - slope * figure) ** 2)

    low, high = 0.0, float(np.abs(lift).max() + np.abs(error).max())
    if line(0.0)[2] > lift.size - 1:
        for _ in range(60):
            middle = (low + high) / 2
            low, high = (middle, high) if line(middle)[2] > lift.size - 1 else (low, middle)
    spread = low
    return (*line(spread)[:2], spread)


def _share(right: BoolArray, sure: FloatArray) -> float | None:
    total = sure.sum()
    return float((sure * right).sum() / total) if total > 0 else None


def _lifts(entries: Sequence[Entry]) -> tuple[FloatArray, FloatArray]:
    lifts = np.array([entry.lift for entry in entries], dtype=np.float64)
    return lifts, np.array([entry.error for entry in entries], dtype=np.float64)
