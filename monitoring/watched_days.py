"""All that is judged of a market's orders, for one day or for many."""

import math
from dataclasses import dataclass
from typing import Self

import numpy as np
from numpy.typing import NDArray

from restock.monitoring.causes import name_cause
from restock.monitoring.confirming import chance_of
from restock.monitoring.feed import Feed
from restock.monitoring.findings import Cause
from restock.monitoring.judging import Judged, Move, grid
from restock.monitoring.market_days import MarketDays
from restock.monitoring.policy import DriftPolicy
from restock.monitoring.statistics import STATISTICS
from restock.monitoring.windows import Windows

WEEK = 7
FEED_TESTS = 24
"""What the error rate of the feed's volume is shared by: as if as many were tested."""
FEED_DAYS = 3
"""A fault of the feed is reported as long as it is so recent."""
_PLACE = {one.name: place for place, one in enumerate(STATISTICS)}


@dataclass(frozen=True, eq=False)
class Watched:
    """The feed of a market, and its windows of each length (shortest first) without bad days."""

    days: MarketDays
    feed: Feed
    judged: tuple[Judged, ...]
    policy: DriftPolicy

    @classmethod
    def of(
        cls, days: MarketDays, policy: DriftPolicy, markets: int, *, daily: bool = False
    ) -> Self:
        """Judge a market. markets: how many are watched. daily: on every day, not the last."""
        feed = Feed.of(days, policy.false_alarms / (FEED_TESTS * markets))
        clean = days.without(feed.bad) if feed.bad.any() else days
        every = 1 if daily else math.gcd(WEEK, *policy.window_days)
        judged = []
        for width in policy.window_days:
            windows = Windows.of(clean, width, grid(days.days, width, every))
            judged.append(Judged.of(windows, every, policy, markets))
        return cls(clean, feed, tuple(judged), policy)

    def rows(self, day: int) -> list[tuple[Judged, int]]:
        """The windows that end on a day and have enough customers."""
        found = []
        for judged in self.judged:
            ends = judged.windows.ends
            row = int(np.searchsorted(ends, day))
            there = row < ends.size and ends[row] == day
            if there and judged.windows.customers[row] >= self.policy.least_customers:
                found.append((judged, row))
        return found

    def suspects(self) -> list[int]:
        """The days on which anything at all is beyond a threshold of alarms."""
        found = np.zeros(self.days.days + 1, dtype=bool)
        for judged in self.judged:
            for alarmed in judged.alarmed.values():
                found[judged.windows.ends[alarmed]] = True
        for day in np.flatnonzero(self.feed.bad):
            found[day + 1 : day + 1 + FEED_DAYS] = True
        return np.flatnonzero(found).tolist()

    def faults(self, day: int) -> dict[str, NDArray[np.int64]]:
        """What is wrong with the feed in the last days: fault → the days it was seen on."""
        first = max(day - FEED_DAYS, 0)
        faults = {
            name: first + np.flatnonzero(bad[first:day]) for name, bad in self.feed.wrong.items()
        }
        return {name: days for name, days in faults.items() if days.size}

    def cause(self, day: int, *, warnings: bool = False) -> tuple[Cause, Move] | None:
        """What moved in the windows that end on a day, and why.

        warnings: by the thresholds of warnings. They also tell why, where what is bought moved
        and nothing else is beyond the threshold of alarms.
        """
        moved = self._moved(day, warnings=warnings)
        while named := name_cause(moved):
            if self._confirmed(named[1], day):
                return self._told_by_warnings(day, named) if named[0] == "behaviour" else named
            moved.remove(named[1])
        return None

    def _moved(self, day: int, *, warnings: bool) -> list[Move]:
        rows = self.rows(day)
        moved = [move for judged, row in rows for move in judged.moved(row, warnings=warnings)]
        return sorted(moved, key=lambda move: _PLACE[move.statistic.name])

    def _told_by_warnings(self, day: int, named: tuple[Cause, Move]) -> tuple[Cause, Move]:
        signs = [move for move in self._moved(day, warnings=True) if not move.seasonal]
        cause, sign = name_cause(signs) or named
        if cause == "behaviour":
            return named
        return cause, sign._replace(p_value=min(sign.p_value, named[1].p_value))

    def named(self, day: int) -> Cause | None:
        """The cause alone."""
        named = self.cause(day)
        return named[0] if named else None

    def category(self, move: Move) -> str:
        """The category whose prices moved most in the newest window of a move's length."""
        for judged, row in self.rows(self.days.days):
            at = int(judged.windows.ranges[row])
            if judged.windows.width == move.width and at >= 0:
                return self.days.ranges[at]
        return "no category"

    def _confirmed(self, move: Move, day: int) -> bool:
        if not move.statistic.by_customer:
            return True
        p = chance_of(self.days, move.statistic.name, day, move.width)
        return p <= self.policy.most_by_chance
