"""Time stamps: read as they are, then brought to the local time of each line's market."""

import datetime as dt
import re
from collections.abc import Mapping

import numpy as np
import pandas as pd
from numpy.typing import NDArray

from restock.dataset.contract import FIRST_DAY, LAST_DAY
from restock.dataset.texts import Texts

_FIRST, _LAST = np.datetime64(FIRST_DAY), np.datetime64(LAST_DAY)
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
    for at in np.flatnonzero(np.isnat(times)):
        times[at] = _far(values[at], time_format)
    return (
        texts.lookup(times, np.datetime64("NaT")).astype("datetime64[ms]"),
        texts.lookup(aware, False).astype(bool),
    )


def to_local(
    utc: Times, market: Texts, time_zones: Mapping[str, str]
) -> tuple[Times, NDArray[np.bool_]]:
    """UTC times as naive local times of each line's market, and where no zone is known.

    Times that are none of this age stay as they are. Raises ValueError for a name that is
    no time zone.
    """
    local, unknown = utc.copy(), np.ones(utc.size, dtype=bool)
    sane = (utc >= _FIRST) & (utc < _LAST)  # no calendar knows the offsets of the year 9999
    for code, name in enumerate(market.values):
        if name in time_zones:
            lines = market.codes == code
            unknown[lines] = False
            stamps = pd.DatetimeIndex(utc[lines & sane]).tz_localize("UTC")
            try:
                there = stamps.tz_convert(time_zones[name])
            except LookupError:
                raise ValueError(
                    f"time_zones gives {name} the zone {time_zones[name]!r}, which there is not: "
                    "use a name such as 'Europe/Paris'"
                ) from None
            local[lines & sane] = there.tz_localize(None).to_numpy().astype("datetime64[ms]")
    return local, unknown


def _ms(stamps: pd.Series) -> Times:
    times: Times = stamps.to_numpy().astype("datetime64[ms]", copy=False)
    return times


def _far(text: str, time_format: str | None) -> np.datetime64:
    """A time that pandas cannot hold, such as the year 9999: a wrong one, but a time."""
    try:
        if time_format is None:
            stamp = dt.datetime.fromisoformat(text)
        else:
            stamp = dt.datetime.strptime(text, time_format)
        if stamp.tzinfo is not None:
            stamp = stamp.astimezone(dt.UTC).replace(tzinfo=None)
    except (ValueError, OverflowError):
        return np.datetime64("NaT", "ms")
    return np.datetime64(stamp, "ms")
