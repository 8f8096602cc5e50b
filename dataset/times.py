"""Time stamps: read as they are, then brought to the local time of each line's market."""

import re
from collections.abc import Mapping
from zoneinfo import ZoneInfo

import numpy as np
import pandas as pd
from numpy.typing import NDArray

from restock.dataset.texts import Texts

Times = NDArray[np.datetime64]
_OFFSET = re.compile(r"[T ]\d{1,2}(:?\d{2}){0,2}([.,]\d+)?\s*(Z|[+-]\d{2}(:?\d{2})?)$")


def as_times(column: pd.Series, time_format: str | None) -> tuple[Times, NDArray[np.bool_]]:
    """Time stamps (datetime64[ms], NaT where unreadable), and which of them name a zone.

    Those that name a zone (or an offset from UTC) come in UTC, the others as they are.
    time_format: strptime codes for text; None reads ISO 8601.
    """
    if isinstance(column.dtype, pd.DatetimeTZDtype):
        utc = column.dt.tz_convert("UTC").dt.tz_localize(None)
        return _ms(utc), np.ones(len(column), dtype=bool)
    if pd.api.types.is_datetime64_any_dtype(column):
        return _ms(column), np.zeros(len(column), dtype=bool)
    texts = Texts.of(column)
    values = pd.Series(texts.values, dtype=object).str.strip()
    aware = np.array([bool(_OFFSET.search(value)) for value in values], dtype=bool)
    times = np.full(values.size, "NaT", dtype="datetime64[ms]")
    how = "ISO8601" if time_format is None else time_format
    plain = pd.to_datetime(values[~aware], format=how, errors="coerce")
    zoned = pd.to_datetime(values[aware], format=how, errors="coerce", utc=True)
    times[~aware] = _ms(plain)
    times[aware] = _ms(zoned.dt.tz_localize(None))
    return (
        texts.lookup(times, np.datetime64("NaT")).astype("datetime64[ms]"),
        texts.lookup(aware, False).astype(bool),
    )


def to_local(
    utc: Times, market: Texts, time_zones: Mapping[str, str]
) -> tuple[Times, NDArray[np.bool_]]:
    """UTC times as naive local times of each line's market, and where no zone is known."""
    local, unknown = utc.copy(), np.ones(utc.size, dtype=bool)
    for code, name in enumerate(market.values):
        if name in time_zones:
            lines = np.flatnonzero(market.codes == code)
            stamps = pd.DatetimeIndex(utc[lines]).tz_localize("UTC")
            there = stamps.tz_convert(ZoneInfo(time_zones[name])).tz_localize(None)
            local[lines] = there.to_numpy().astype("datetime64[ms]")
            unknown[lines] = False
    return local, unknown


def _ms(stamps: pd.Series) -> Times:
    times: Times = stamps.to_numpy().astype("datetime64[ms]")
    return times
