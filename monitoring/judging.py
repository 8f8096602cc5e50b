"""Which windows moved: every statistic held against what was usual before."""

from dataclasses import dataclass
from typing import NamedTuple, Self

import numpy as np
from numpy.typing import NDArray
from scipy.stats import t as student

from restock.monitoring.policy import DriftPolicy
from restock.monitoring.statistics import STATISTICS, Statistic
from restock.monitoring.usual import Usual, moves, threshold, usual
from restock.monitoring.windows import BEFORE, Windows

Floats = NDArray[np.float64]
YEAR = 364
"""Whole weeks: the same weekdays a year ago."""
EARLIER_OR_LATER = (-14, -7, 0, 7, 14)
"""Days by which a season may come at another time than a year ago."""
AS_STRONG, SURE = 0.5, 2.0
"""A move a year ago of this share explains one now, if it was as many spreads."""


class Move(NamedTuple):
    """How far a statistic of one window is from what was usual.

    move: in spreads. p_value: of one so far out, corrected for statistics, their sides, windows
    and markets. seasonal: it moved likewise a year ago.
    """

    statistic: Statistic
    width: int
    value: float
    low: float
    high: float
    move: float
    p_value: float
    seasonal: bool
    windows: int


@dataclass(frozen=True, eq=False)
class Judged:
    """Windows with their moves. Arrays (float64, bool) per statistic and window.

    alarmed: beyond the threshold of alarms. warned: beyond that of warnings, which is not
    corrected for the number of markets.
    """

    windows: Windows
    step: int
    known: dict[str, Usual]
    move: dict[str, Floats]
    alarmed: dict[str, NDArray[np.bool_]]
    warned: dict[str, NDArray[np.bool_]]
    seasonal: dict[str, NDArray[np.bool_]]
    tests: int

    @classmethod
    def of(cls, windows: Windows, every: int, policy: DriftPolicy, markets: int) -> Self:
        """Judge each window. every: days between two ends; it divides the width and a year."""
        step, n = windows.width // every, policy.history_windows
        few = windows.customers < policy.least_customers
        tests = sum(one.sides for one in STATISTICS) * len(policy.window_days)
        chance = policy.false_alarms / (tests * markets)
        known, move, alarmed, warned, seasonal = {}, {}, {}, {}, {}
        for one in STATISTICS:
            if one.name not in windows.values:
                continue
            value = np.where(few, np.nan, windows.values[one.name])
            before = usual(value, windows.customers, step, n)
            z = moves(value, before, one.spread)
            off = value - before.centre
            if one.side == "both":
                size, far = np.abs(z), np.abs(off)
            else:
                size, far = z, off
            with np.errstate(invalid="ignore"):
                matters = far >= one.floor
                alarmed[one.name] = matters & (size >= threshold(before.windows, chance))
                warned[one.name] = matters & (
                    size >= threshold(before.windows, policy.false_alarms / tests)
                )
            known[one.name], move[one.name] = before, z
            seasonal[one.name] = _a_year_ago(off, z, every)
        return cls(windows, step, known, move, alarmed, warned, seasonal, tests * markets)

    def moved(self, row: int, *, warnings: bool = False) -> list[Move]:
        """What moved in a window, in order of precedence."""
        flags = self.warned if warnings else self.alarmed
        return [
            self._one(one, row) for one in STATISTICS if one.name in flags and flags[one.name][row]
        ]

    def band(self, one: Statistic, row: int) -> tuple[float, float] | None:
        """Where a statistic usually lies: 3 spreads around the centre; None when unknown."""
        centre, spread = self.known[one.name].centre[row], self.known[one.name].spread[row]
        if not np.isfinite(spread):
            return None
        reach = 3 * max(spread, one.spread)
        return float(centre - reach), float(centre + reach)

    def _one(self, one: Statistic, row: int) -> Move:
        z, known = float(self.move[one.name][row]), self.known[one.name]
        many = int(known.windows[row])
        low, high = self.band(one, row) or (np.nan, np.nan)
        p = min(1.0, float(student.sf(abs(z), many - 1)) * self.tests)
        return Move(
            one, self.windows.width, float(self.windows.values[one.name][row]), low, high, z, p,
            bool(self.seasonal[one.name][row]), many,
        )  # fmt: skip


def _a_year_ago(off: Floats, move: Floats, every: int) -> NDArray[np.bool_]:
    """Whether a statistic was half as far off, to the same side and surely, a year before."""
    sure = np.where(np.abs(move) >= SURE, off, 0.0)
    found = np.zeros(off.size, dtype=bool)
    for away in EARLIER_OR_LATER:
        at = np.arange(off.size) - (YEAR + away) // every
        then = np.where(at >= 0, sure[np.maximum(at, 0)], np.nan)
        with np.errstate(invalid="ignore"):
            found |= then * np.sign(off) >= AS_STRONG * np.abs(off)
    return found


def grid(days: int, width: int, every: int) -> NDArray[np.int64]:
    """Ends of windows, ``every`` days apart, the last at ``days`` (int64, ascending)."""
    least = width * (1 + BEFORE)
    return np.arange(days, least - 1, -every, dtype=np.int64)[::-1]
