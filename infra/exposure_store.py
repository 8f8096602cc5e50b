"""Exposure logs in the store: by market and day, named by their content, read back as one.

``exposures/<MARKET>/<day>/<hash>.parquet``. The same log again changes nothing; a log that is
sent once more with what came of it later takes the place of its earlier rows when it is read.
"""

import datetime as dt
import hashlib
import io
import re

import pandas as pd

from restock.dataset import exposures as e
from restock.dataset.columns import MARKET_PATTERN
from restock.infra.store import Store

FOLDER = "exposures"
_STRENGTH = {outcome: at for at, outcome in enumerate(e.OUTCOMES)}
_PLACE = [e.CUSTOMER, e.TIME, e.POLICY, e.POSITION]


def put_exposures(store: Store, frame: pd.DataFrame) -> tuple[str, ...]:
    """Check a log and store it by market and day; the keys that hold it.

    Raises BadExposures for what is no exposure log (see ``restock.dataset.exposures``).
    """
    log = e.validate_exposures(frame).sort_values(list(e.EXPOSURE_COLUMNS), ignore_index=True)
    keys = []
    for (market, day), rows in log.groupby([e.MARKET, log[e.TIME].dt.date]):
        buffer = io.BytesIO()
        rows.to_parquet(buffer, index=False, compression="zstd")
        name = hashlib.sha256(buffer.getvalue()).hexdigest()[:24]
        keys.append(f"{FOLDER}/{market}/{day}/{name}.parquet")
        store.put(keys[-1], buffer.getvalue())
    return tuple(keys)


def read_exposures(store: Store, market: str, first: dt.date, end: dt.date) -> pd.DataFrame:
    """The log of a market from ``first`` (inclusive) to ``end`` (exclusive), in order of time.

    Of a position that was logged more than once, the row with the strongest outcome counts.
    ValueError for what is no market code; no rows where nothing was logged.
    """
    if not re.fullmatch(MARKET_PATTERN, market):
        raise ValueError(f"{market!r} is no market code: 2 to 8 capital letters")
    found = []
    for entry in store.list(f"{FOLDER}/{market}"):
        day = dt.date.fromisoformat(entry.key.split("/")[2])
        if first <= day < end:
            found.append(pd.read_parquet(io.BytesIO(store.get(entry.key).data)))
    if not found:
        return e.empty_exposures()
    log = e.validate_exposures(_strongest(pd.concat(found, ignore_index=True)))
    return log.sort_values(_PLACE, ignore_index=True)


def _strongest(log: pd.DataFrame) -> pd.DataFrame:
    order = log[e.OUTCOME].map(_STRENGTH).sort_values(kind="stable", ascending=False).index
    return log.loc[order].drop_duplicates(_PLACE)
