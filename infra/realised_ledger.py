"""What published lists came to, day by day: kept in the store, brought up to date from orders.

``realised/<MARKET>.parquet`` has a row for each day and publication in force; a day is final when
its orders have had time to arrive.
"""

import datetime as dt
import io
from collections.abc import Callable, Sequence
from dataclasses import dataclass

import numpy as np
import pandas as pd

from restock.dataset import Interactions
from restock.infra.publications import history, read_publication
from restock.infra.records import Step
from restock.infra.settings import Settings
from restock.infra.store import Blob, Conflict, NotFound, Store
from restock.monitoring.policy import DriftPolicy
from restock.monitoring.realised import DAY, InForce, nothing_realised, realised_days

FOLDER = "realised"
MATURE = "mature"
_ATTEMPTS = 10


@dataclass(frozen=True)
class Ledger:
    """What a market's lists came to, up to a day.

    days: a row for each day and publication in force (see ``restock.monitoring.realised``).
    periods: which one is in force from when.
    lost: publications that were in force and are no longer in the store: their days are missing.
    """

    days: pd.DataFrame
    periods: InForce = ()
    lost: tuple[str, ...] = ()


class Lists:
    """The lists of a market's publications, each read once."""

    def __init__(self, store: Store, market: str, settings: Settings) -> None:
        self._store, self._market, self._settings = store, market, settings
        self._read: dict[str, pd.DataFrame] = {}
        self.lost: set[str] = set()

    def of(self, tokens: Sequence[str]) -> dict[str, pd.DataFrame]:
        """Token → its rows; what is no longer there is left out, and named in ``lost``."""
        for token in dict.fromkeys(tokens):
            if token not in self._read and token not in self.lost:
                try:
                    table = read_publication(self._store, self._market, token, self._settings)
                except NotFound:
                    self.lost.add(token)
                else:
                    self._read[token] = table.to_pandas()
        return {token: self._read[token] for token in tokens if token in self._read}


def update(
    store: Store,
    interactions: Interactions,
    market: str,
    k: int,
    policy: DriftPolicy,
    settings: Settings,
) -> Ledger:
    """Bring the ledger of a market up to date and give it back, as of the interactions' day.

    Days that are final are not computed again and never changed, so that a run costs what is new.
    Two runs at once write the same; running again changes nothing. A ledger that knows a later
    day is left as it is, and read up to this one.
    """
    periods = [one for one in in_force(history(store, market)) if one[0] < interactions.as_of_date]
    lists = Lists(store, market, settings)

    def more(known: pd.DataFrame | None) -> pd.DataFrame | None:
        return _more_days(known, interactions, market, k, policy, periods, lists)

    days = _updated(store, f"{FOLDER}/{market}.parquet", more)
    known = days[days[DAY] < pd.Timestamp(interactions.as_of_date)].reset_index(drop=True)
    return Ledger(known, periods, tuple(sorted(lists.lost)))


def in_force(steps: Sequence[Step]) -> list[tuple[dt.date, str, str]]:
    """First day, token and plan of what was current on which days, in order of the days.

    steps: the moves of a pointer, newest first. A publication holds from the first day that it
    did not know; one that a roll-back returned to holds from the day of the one it left. Of two
    for one day the later move counts.
    """
    periods: list[tuple[dt.date, str, str]] = []
    left: Step | None = None
    for step in reversed(steps):
        back = step.action == "rolled back" and left is not None
        first = left.as_of if back and left is not None else step.as_of
        periods = [period for period in periods if period[0] < first]
        periods.append((first, step.token, step.plan_key))
        left = step
    return periods


def _more_days(
    known: pd.DataFrame | None,
    interactions: Interactions,
    market: str,
    k: int,
    policy: DriftPolicy,
    periods: InForce,
    lists: Lists,
) -> pd.DataFrame | None:
    """The days with those that are new or were not final; None where nothing is to be done."""
    end = interactions.as_of_date
    if not periods or (known is not None and (known[DAY] >= pd.Timestamp(end)).any()):
        return None
    final = known[known[MATURE]] if known is not None else None
    first = periods[0][0]
    if final is not None and not final.empty:
        first = final[DAY].max().date() + dt.timedelta(days=1)
    if first >= end:
        return None
    wanted = _between(periods, first, end)
    there = lists.of([token for _, token, _ in wanted])
    new = realised_days(interactions, market, there, wanted, first, end, k)
    new[MATURE] = new[DAY] < pd.Timestamp(end - dt.timedelta(days=policy.label_delay_days))
    return new if final is None else pd.concat([final, new], ignore_index=True)


def _between(periods: InForce, first: dt.date, end: dt.date) -> InForce:
    """The periods that a day from ``first`` to ``end`` (exclusive) is in."""
    ends = [period[0] for period in periods[1:]] + [dt.date.max]
    return [p for p, over in zip(periods, ends, strict=True) if p[0] < end and over > first]


def _updated(
    store: Store, key: str, more: Callable[[pd.DataFrame | None], pd.DataFrame | None]
) -> pd.DataFrame:
    """A stored table with what ``more`` makes of it; whoever else writes it is not overwritten.

    more: the table as it is (None: there is none yet) → as it is to be (None: as it is).
    """
    for _ in range(_ATTEMPTS):
        blob = _read(store, key)
        known = pd.read_parquet(io.BytesIO(blob.data)) if blob else None
        table = more(known)
        if table is None:
            return _nothing() if known is None else known
        buffer = io.BytesIO()
        table.to_parquet(buffer, index=False, compression="zstd")
        if blob and blob.data == buffer.getvalue():
            return table
        try:
            store.compare_and_swap(key, buffer.getvalue(), blob.etag if blob else None)
        except Conflict:
            continue
        return table
    raise Conflict(f"{key} keeps changing: {_ATTEMPTS} attempts to bring it up to date failed")


def _read(store: Store, key: str) -> Blob | None:
    try:
        return store.get(key)
    except NotFound:
        return None


def _nothing() -> pd.DataFrame:
    empty = nothing_realised()
    return empty.assign(**{MATURE: np.empty(0, bool)})
