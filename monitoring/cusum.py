"""Has a mean fallen? A one-sided cumulative sum, and the limit that it seldom passes by chance.

Page 1954, in the form of log-likelihood ratios: each observation says how much likelier it is after
a fall than before one, and the sum never falls below zero. Of all rules with its rate of false
alarms it finds the fall it looks for soonest (Lorden 1971).
"""

from functools import lru_cache
from typing import NamedTuple

import numpy as np
from numpy.typing import NDArray
from scipy.stats import norm

Floats = NDArray[np.float64]
MOST = 4.0
"""Observations count as no further out than this, so that no single one decides."""
HELD = 3.0
"""How far the sum may pass its limit, in squares of the fall: six observations without a fall
take so much off, and the alarm ends."""
_STATES = 120
_MOST_SLACK = 60.0


class Path(NamedTuple):
    """A cumulative sum over time.

    value: float64, the sum. limit: float64, what it alarms above. since: int64, the first
    observation after the sum was last zero; one beyond its own where the sum is zero.
    """

    value: Floats
    limit: Floats
    since: NDArray[np.int64]

    @property
    def alarms(self) -> NDArray[np.bool_]:
        """Where the sum is above its limit."""
        return self.value > self.limit


def lower_cusum(z: Floats, fall: Floats, limit: Floats) -> Path:
    """The sum ``S = max(0, S - fall * (z + fall / 2))``, one observation after the other.

    z: standard normal without a fall, with mean ``-fall`` after it (both float64). limit: of
    each observation, as ``chance_limit`` gives it. The sum is held at ``limit + 3 fall ** 2``.
    """
    value, since = np.zeros(z.size), np.zeros(z.size, dtype=np.int64)
    gains = -fall * (np.clip(z, -MOST, MOST) + fall / 2)
    held = limit + HELD * np.square(fall)
    total, first = 0.0, 0
    for at in range(z.size):
        total = min(max(0.0, total + gains[at]), held[at])
        if total == 0.0:
            first = at + 1
        value[at], since[at] = total, first
    return Path(value, limit, since)


@lru_cache(maxsize=1024)
def chance_limit(fall: float, observations: int, chance: float) -> float:
    """The limit that the sum passes within so many observations with this chance, nothing fallen.

    fall: what is looked for, in standard deviations of an observation (above 0). Found by a Markov
    chain over 120 values of the sum (Brook and Evans 1972) and bisection; never so low that one
    observation passes it. Costs some 20 ms, once for each set of arguments.
    """
    low, high = 0.0, _MOST_SLACK  # in standard deviations of an observation
    while high - low > 1e-3:
        middle = (low + high) / 2
        if _chance_to_pass(middle, fall / 2, observations) > chance:
            low = middle
        else:
            high = middle
    return float(fall * max(high, MOST - fall / 2))


def _chance_to_pass(limit: float, slack: float, observations: int) -> float:
    """Of ``S = max(0, S + N(0, 1) - slack)`` to pass the limit within so many steps from 0."""
    width = 2 * limit / (2 * _STATES - 1)  # the state of zero is half as wide
    centre = width * np.arange(_STATES)
    below = norm.cdf(centre[None, :] + width / 2 - centre[:, None] + slack)
    step = np.diff(below, axis=1, prepend=0.0)
    within = np.zeros(_STATES)
    within[0] = 1.0
    for _ in range(observations):
        within = within @ step
    return float(1 - within.sum())
