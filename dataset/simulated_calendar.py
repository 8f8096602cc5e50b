"""When the simulated world orders: days of the week, months, closing days, items' seasons."""

import datetime as dt

import numpy as np
from numpy.typing import NDArray

from restock.dataset.simulator_parameters import Parameters

MID_MONTH = np.array([15, 46, 74, 105, 135, 166, 196, 227, 258, 288, 319, 349])  # day of the year
YEAR = 365.25


def business_days(parameters: Parameters, first: dt.date, days: int) -> NDArray[np.float64]:
    """Intensity of orders on each day (float64, days), mean 1 over a year.

    The month's level is interpolated between the middles of months; a closed day has 0.
    """
    dates = np.datetime64(first, "D") + np.arange(days)
    weekday = (dates.astype(np.int64) + 3) % 7  # 1970-01-01 was a Thursday
    yearly = np.interp(_day_of_year(dates), MID_MONTH, np.array(parameters.month), period=YEAR)
    intensity = np.array(parameters.weekday)[weekday] * yearly
    intensity[np.isin(_month_day(dates), parameters.closed)] = 0.0
    return intensity / intensity[: min(days, 365)].mean()


def seasons(parameters: Parameters, first: dt.date, days: int) -> NDArray[np.float32]:
    """Factor of each season on each day (float32, 13 × days), at most 1.

    Row 0 is no season; row m peaks in the middle of month m and falls as a bell around it.
    """
    dates = np.datetime64(first, "D") + np.arange(days)
    away = np.abs(_day_of_year(dates)[None, :] - MID_MONTH[:, None])
    away = np.minimum(away, YEAR - away)
    bells = np.exp(-0.5 * (away / parameters.season_width) ** 2)
    return np.vstack([np.ones(days), bells]).astype(np.float32)


def _day_of_year(dates: NDArray[np.datetime64]) -> NDArray[np.int64]:
    return (dates - dates.astype("datetime64[Y]").astype("datetime64[D]")).astype(np.int64)


def _month_day(dates: NDArray[np.datetime64]) -> NDArray[np.str_]:
    return np.array([str(date)[5:] for date in dates])
