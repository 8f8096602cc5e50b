"""What published lists came to, day by day: kept in the store, brought up to date from orders.

``realised/<MARKET>.parquet`` has a row for each day and publication in force; a day is final when
its orders have had time to arrive. ``realised/<MARKET>-lists.parquet`` has a row for each
publication: what its lists look like.
"""

import datetime as dt
import io
from collections.abc import Callable, Sequence
from dataclasses import dataclass

import numpy as np
import pandas as pd
import pyarrow as pa

from restock.dataset import Interactions
from restock.infra.publication_table import SCHEMA
from restock.infra.publications import history, read_publication
from restock.infra.records import Step
from restock.infra.settings import Settings
from restock.infra.store import Blob, Conflict, NotFound, Store
from restock.monitoring.lists import STATISTICS, list_statistics
from restock.monitoring.policy import DriftPolicy
from restock.monitoring.realised import InForce, nothing_realised, realised_days

FOLDER = "realised"
DAY, MATURE = "day", "mature"
_ATTEMPTS = 10


@dataclass(frozen=True)
class Ledger:
    """What a market's lists came to, up to a day.

    days: a row for each day and publication in force (see ``restock.monitoring.realised``).
    lists: a row for each publication, oldest first (see ``restock.monitoring.lists``). periods:
    which one is in force from when.
    lost: publications that were in force and are no longer in the store: their days are missing.
    """

    days: pd.DataFrame
    lists: pd.DataFrame
    periods: InForce = ()
    lost: tuple[str, ...] = ()


class Lists:
    """The lists of a market's publications, each read once. lost: tokens of those not there."""

    def __init__(self, store: Store, market: str, settings: Settings) -> None:
        self._store, self._market, self._settings = store, market, settings
        self._read: dict[str, pa.Table] = {}
        self.lost: set[str] = set()

    def table(self, token: str) -> pa.Table:
        """The rows of a publication; none where it is lost."""
        if token not in self._read:
            try:
                found = read_publication(self._store, self._market, token, self._settings)
            except NotFound:
                self.lost.add(token)
                found = SCHEMA.empty_table()
            self._read[token] = found
        return self._read[token]


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

    as_of = interactions.as_of_date
    steps = [step for step in history(store, market)[::-1] if step.as_of <= as_of]
    sold = int(np.unique(interactions.of_market(market).item).size)

    def more_days(known: pd.DataFrame | None) -> pd.DataFrame | None:
        return _more_days(known, interactions, market, k, policy, periods, lists)

    def more_lists(known: pd.DataFrame | None) -> pd.DataFrame | None:
        return _more_lists(known, steps, lists, sold)

    days = _updated(store, f"{FOLDER}/{market}.parquet", more_days)
    if days is None:
        days = nothing_realised().assign(**{MATURE: np.empty(0, bool)})
    looks = _updated(store, f"{FOLDER}/{market}-lists.parquet", more_lists)
    if looks is None:
        empty: dict[str, list[float]] = {
            name: [] for name in ("as_of", "token", "plan_key", *STATISTICS)
        }
        looks = pd.DataFrame(empty).astype({"as_of": "datetime64[ms]"})
    return Ledger(
        days=days[days[DAY] < pd.Timestamp(as_of)].reset_index(drop=True),
        lists=looks[looks["as_of"] <= pd.Timestamp(as_of)].reset_index(drop=True),
        periods=periods,
        lost=tuple(sorted(lists.lost)),
    )


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
        first = (step.effective or left.as_of) if back and left is not None else step.as_of
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
    rows = {token: lists.table(token).to_pandas() for _, token, _ in wanted}
    new = realised_days(interactions, market, rows, wanted, first, end, k)
    new = new[~new["token"].isin(lists.lost)].reset_index(drop=True)
    new[MATURE] = new[DAY] < pd.Timestamp(end - dt.timedelta(days=policy.label_delay_days))
    return new if final is None else pd.concat([final, new], ignore_index=True)


def _more_lists(
    known: pd.DataFrame | None, steps: Sequence[Step], lists: Lists, n_items: int
) -> pd.DataFrame | None:
    """The publications with those that are new, in the order in which they were made current."""
    done = set() if known is None else set(known["token"])
    made = [step for step in steps if step.action == "published"]
    rows = []
    for before, step in zip([None, *made], made, strict=False):
        table = lists.table(step.token) if step.token not in done else None
        if table is None or not table.num_rows:
            continue
        previous = lists.table(before.token) if before else None
        previous = previous if previous is not None and previous.num_rows else None
        rows.append(
            {
                "as_of": pd.Timestamp(step.as_of),
                "token": step.token,
                "plan_key": step.plan_key,
                **list_statistics(table, n_items, previous),
            }
        )
        done.add(step.token)
    if not rows:
        return None
    new = pd.DataFrame(rows).astype({"as_of": "datetime64[ms]"})
    return new if known is None else pd.concat([known, new], ignore_index=True)


def _between(periods: InForce, first: dt.date, end: dt.date) -> InForce:
    """The periods that a day from ``first`` to ``end`` (exclusive) is in."""
    ends = [period[0] for period in periods[1:]] + [dt.date.max]
    return [p for p, over in zip(periods, ends, strict=True) if p[0] < end and over > first]


def _updated(
    store: Store, key: str, more: Callable[[pd.DataFrame | None], pd.DataFrame | None]
) -> pd.DataFrame | None:
    """A stored table with what ``more`` makes of it; whoever else writes it is not overwritten.

    more: the table as it is (None: there is none yet) → as it is to be (None: as it is).
    None where there is none, and none is to be.
    """
    for _ in range(_ATTEMPTS):
        blob = _read(store, key)
        known = pd.read_parquet(io.BytesIO(blob.data)) if blob else None
        table = more(known)
        if table is None:
            return known
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
