"""What is usual in a market: robust centre and spread of a statistic over earlier windows."""

from typing import NamedTuple

import numpy as np
from numpy.typing import NDArray
from scipy.stats import t as student

Floats = NDArray[np.float64]
LEAST_WINDOWS = 8
"""Fewer earlier windows do not say what is usual."""
_TO_SD = 1.4826  # of the median absolute deviation, for a normal distribution
_CLIP = 2.5


class Usual(NamedTuple):
    """What was usual before each window. windows: how many earlier ones that rests on (int64).

    centre, spread: float64, NaN with fewer than ``LEAST_WINDOWS``.
    """

    centre: Floats
    spread: Floats
    windows: NDArray[np.int64]


def usual(value: Floats, size: NDArray[np.integer], step: int, windows: int) -> Usual:
    """Centre and spread over the windows ``step``, ``2 step``, … rows before each row.

    value: a statistic, in order of time. size: customers of each window. windows: how many
    earlier ones at most.

    The centre is the median. The spread is the standard deviation about it, differences clipped
    at 2.5 scaled median absolute deviations (a winsorised one, Huber 1981): one odd week does
    not hide the next. Where fewer customers order than usual, the spread is at least the one that
    the earlier differences have when scaled by the root of the customers.
    """
    rows = np.arange(value.size)[:, None] - step * np.arange(1, windows + 1)
    there = rows >= 0
    at = np.where(there, rows, 0)
    earlier = np.where(there, value[at], np.nan)
    many = np.count_nonzero(~np.isnan(earlier), axis=1)
    enough = many >= LEAST_WINDOWS
    centre, spread = np.full(value.size, np.nan), np.full(value.size, np.nan)
    if enough.any():
        centre[enough] = np.nanmedian(earlier[enough], axis=1)
        off = earlier[enough] - centre[enough, None]
        scaled = off * np.sqrt(np.where(there, size[at], 1)[enough])
        by_size = _clipped_sd(scaled) / np.sqrt(np.maximum(size[enough], 1))
        spread[enough] = np.maximum(_clipped_sd(off), by_size)
    return Usual(centre, spread, many.astype(np.int64))


def moves(value: Floats, known: Usual, least_spread: float | Floats) -> Floats:
    """How far each value is from what was usual, in units that t-distribute without drift.

    ``(value - centre) / (spread sqrt(1 + 1 / windows))``: the centre is estimated, too.
    """
    spread = np.maximum(known.spread, least_spread) * np.sqrt(1 + 1 / np.maximum(known.windows, 1))
    return np.asarray((value - known.centre) / spread)


def threshold(windows: NDArray[np.integer], chance: float) -> Floats:
    """The move that is exceeded with ``chance`` (one-sided) after so many earlier windows.

    Student's t with windows - 1 degrees of freedom: few windows know the spread badly.
    """
    return np.asarray(student.isf(chance, np.maximum(windows - 1, 1)), dtype=np.float64)


def _clipped_sd(off: Floats) -> Floats:
    mad = _TO_SD * np.nanmedian(np.abs(off), axis=1, keepdims=True)
    return np.asarray(np.sqrt(np.nanmean(np.clip(off, -_CLIP * mad, _CLIP * mad) ** 2, axis=1)))
