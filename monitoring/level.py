"""What the mean of a day should be, told from the days before: level, weekday, holiday, season.

A local level model with regression effects, filtered forwards (Harvey 1989, chapter 3): without
drift its forecast errors in units of their standard deviations are standard normal and do not
depend on each other, however short the history, since the error of every estimate is in them.
"""

from typing import NamedTuple

import numpy as np
from numpy.typing import NDArray
from scipy.special import ndtri, stdtr

Floats = NDArray[np.float64]
WANDER = 0.0012
"""Standard deviation of a day's change of the level without drift, as a share of the level.
Chosen on simulated worlds: at this value forecast errors are standard normal in markets of all
sizes. It is 0.9 % in eight weeks."""
WEEKDAY, HOLIDAY, SEASON = 0.03, 0.1, 1.0
"""Prior standard deviations of the effects of a weekday and of holidays, as shares of the level,
and of how much of last year's season comes again: at first all that moved then may move again,
either way; what does come again is learned."""
CLIP = 3.0
"""Errors further out than this move the level no further: one odd day is no new level."""
BETTER, SURELY = 0.05, 5.0
"""A rise by this share, with this log-likelihood ratio for it (a cumulative sum, as for falls),
sets the level free to follow it: better lists are soon what is usual."""
BELIEF = 20
"""So many periods' worth of belief that days differ by who happens to order, and no more."""


class Series(NamedTuple):
    """Means over periods, in order of time (n).

    day: int64, the last day of each. value: float64. error: float64, the standard deviation of
    its error when orders are drawn at random. effects: float64 (n × 9), the share of a period's
    orders that is on each weekday, and on holidays; and how far the level was from that of the
    whole year a year ago, as a share.
    """

    day: NDArray[np.int64]
    value: Floats
    error: Floats
    effects: Floats


class Forecasts(NamedTuple):
    """What was to be expected of each period by the ones before it (float64, n).

    expected: its mean. spread: standard deviation of the forecast's error. noise: the part of
    it that is the period's own. z: the error, standard normal without drift. level: the level
    before the period; level_error: its standard deviation. effect: what weekday, holiday and season
    add.
    """

    expected: Floats
    spread: Floats
    noise: Floats
    z: Floats
    level: Floats
    level_error: Floats
    effect: Floats


def forecast(series: Series, scale: float) -> Forecasts:
    """Forecast each period from those before it, and from nothing later.

    scale: about how large the values are (above 0): priors are shares of it. Where periods differ
    by more than chance, forecasts allow for it, and their errors are taken as t-distributed with as
    many degrees of freedom as that was learned from.
    """
    n = series.value.size
    design = np.column_stack([np.ones(n), series.effects])
    prior = scale * np.array([1.0, *[WEEKDAY] * 7, HOLIDAY, SEASON])
    state, cover = np.zeros(prior.size), np.diag(np.square(prior))
    state[0] = scale
    change = np.square(WANDER * scale) * np.diff(series.day, prepend=series.day[:1] - 1)
    squares, periods, risen = float(BELIEF), float(BELIEF), 0.0
    out = np.zeros((len(Forecasts._fields), n))
    for t in range(n):
        cover[0, 0] += change[t]
        row = design[t]
        gain = cover @ row
        more = max(squares / periods, 1.0)  # how much more than by chance periods differ
        own = np.square(series.error[t]) * more
        spread = float(np.sqrt(own + row @ gain))
        off = float(series.value[t] - row @ state) / spread
        out[:, t] = (
            row @ state, spread, np.sqrt(own), _normal(off, periods),
            state[0], np.sqrt(cover[0, 0]), row[1:] @ state[1:],
        )  # fmt: skip
        clipped = min(max(off, -CLIP), CLIP)
        state = state + gain * (clipped / spread)
        cover = cover - np.outer(gain, gain) / spread**2
        squares, periods = squares + clipped**2 * more, periods + 1
        rise = BETTER * scale / spread
        risen = max(0.0, risen + rise * (clipped - rise / 2))
        if risen > SURELY:
            cover[0, 0] += np.square(BETTER * scale)
            risen = 0.0
    return Forecasts(*out)


def _normal(value: float, freedom: float) -> float:
    """The standard normal value with the probability of this t-distributed one."""
    return float(ndtri(np.clip(stdtr(freedom, value), 1e-15, 1 - 1e-15)))
