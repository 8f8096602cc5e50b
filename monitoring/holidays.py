"""Days on which few order anywhere: no feed is broken because of them."""

import datetime as dt
from functools import cache

import numpy as np
from numpy.typing import NDArray


def holidays(first: dt.date, days: int) -> NDArray[np.bool_]:
    """Which of the ``days`` from ``first`` are holidays (bool).

    21 December to 6 January, and Maundy Thursday to the Tuesday after Easter. What else a market
    keeps is planned there (``restock.monitoring.planned``).
    """
    return np.array([_is_holiday(first + dt.timedelta(days=n)) for n in range(days)], dtype=bool)


def after_holidays(first: dt.date, days: int) -> NDArray[np.bool_]:
    """Which days have a holiday among the 28 days before: business comes back slowly (bool)."""
    until = holidays(first - dt.timedelta(days=28), days + 28)
    return np.array([until[n : n + 29].any() for n in range(days)], dtype=bool)


def _is_holiday(day: dt.date) -> bool:
    if (day.month, day.day) >= (12, 21) or (day.month, day.day) <= (1, 6):
        return True
    return -3 <= (day - easter(day.year)).days <= 2


@cache
def easter(year: int) -> dt.date:
    """Easter Sunday of a Gregorian year (Meeus 1991, chapter 8)."""
    a, (b, c) = year % 19, divmod(year, 100)
    (d, e), f = divmod(b, 4), (b + 8) // 25
    h = (19 * a + b - d - (b - f + 1) // 3 + 15) % 30
    i, k = divmod(c, 4)
    length = (32 + 2 * e + 2 * i - h - k) % 7
    m = (a + 11 * h + 22 * length) // 451
    month, day = divmod(h + length - 7 * m + 114, 31)
    return dt.date(year, month, day + 1)
