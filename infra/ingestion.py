"""From raw order lines to a snapshot: read, clean, keep what was set aside, encode, store."""

import datetime as dt
import hashlib
import io
from collections.abc import Mapping, Sequence
from dataclasses import replace
from typing import Any

import numpy as np
import pandas as pd
from pydantic import BaseModel, ConfigDict

from restock.dataset import CleanOrders, Interactions, load_sample, read_orders
from restock.dataset.interactions import minute_of
from restock.infra.snapshots import SnapshotRef, put_snapshot
from restock.infra.store import Store
from restock.tuning.costs import Size, sizes_by_market

QUARANTINE = "quarantine"
FEED_STOPPED = dt.timedelta(days=60)  # longer than any holiday


class MarketSize(Size):
    """How much a market has in a snapshot."""

    orders: int


class Ingested(BaseModel):
    """A snapshot, what it holds by market, and the account of what was read."""

    model_config = ConfigDict(frozen=True)

    snapshot: SnapshotRef
    as_of: dt.date
    markets: dict[str, MarketSize]
    lines_read: int
    lines_kept: int
    set_aside: dict[str, int]
    quarantine: str

    def these(self, wanted: Sequence[str] | None) -> tuple[str, ...]:
        """The wanted markets (None: all that have orders), sorted. ValueError: one has none."""
        there = sorted(self.markets)
        unknown = sorted(set(wanted or ()) - set(there))
        if unknown:
            raise ValueError(
                f"no orders of market {', '.join(unknown)} before {self.as_of}; "
                f"there are {', '.join(there)}"
            )
        return tuple(sorted(wanted) if wanted else there)

    @property
    def quarantine_days(self) -> str:
        """Key of the table of quarantined lines by market and day."""
        return f"{self.quarantine.removesuffix('.parquet')}-days.parquet"


def ingest(
    store: Store,
    source: str | None,
    *,
    as_of: dt.date | None = None,
    reading: Mapping[str, Any] | None = None,
    country_names: Mapping[str, str] | None = None,
    time_zones: Mapping[str, str] | None = None,
    rates: Mapping[str, float] | None = None,
) -> Ingested:
    """Read orders (None: the bundled sample) as they were known before ``as_of``, and store them.

    reading: how the file is written (columns, time_format, delimiter, encoding), as
    ``read_orders`` takes it. Lines that are set aside are stored too, with their reasons.
    Raises BadOrders when the source cannot be read, ValueError when no line is left, or when
    the newest one is so old that the feed must have stopped.
    """
    if source is None:
        clean = load_sample(as_of=as_of)
    else:
        clean = read_orders(
            source,
            as_of=as_of,
            country_names=country_names,
            time_zones=time_zones,
            rates=rates,
            **(reading or {}),
        )
    if clean.report.lines_kept == 0:
        raise ValueError(
            f"no order line is left of {clean.report.lines_read:,} read"
            + (f" before {as_of}" if as_of else "")
            + f":\n{clean.report}"
        )
    interactions = clean.interactions()
    if as_of is not None:
        silent = as_of - interactions.as_of_date
        if silent > FEED_STOPPED:
            raise ValueError(
                f"the newest order is of the day before {interactions.as_of_date}, {silent.days} "
                f"days before {as_of}: the feed has stopped, or --as-of is not the day you mean"
            )
        interactions = replace(interactions, as_of=minute_of(as_of))
    reasons = clean.report.reasons
    return Ingested(
        snapshot=put_snapshot(store, interactions),
        as_of=interactions.as_of_date,
        markets=market_sizes(interactions),
        lines_read=clean.report.lines_read,
        lines_kept=clean.report.lines_kept,
        set_aside=dict(zip(reasons["reason"], reasons["lines"].tolist(), strict=True)),
        quarantine=_keep_quarantine(store, clean),
    )


def quarantined_days(store: Store, ingested: Ingested) -> dict[str, pd.Series]:
    """Market → its quarantined lines by day (int64; index: days, datetime64, those with any)."""
    frame = pd.read_parquet(io.BytesIO(store.get(ingested.quarantine_days).data))
    return {str(market): rows.set_index("day")["lines"] for market, rows in frame.groupby("market")}


def market_sizes(interactions: Interactions) -> dict[str, MarketSize]:
    """Lines, customers, items and orders of each market that has any."""
    markets = interactions.catalogue.markets
    first = np.unique(interactions.order, return_index=True)[1]
    orders = np.bincount(interactions.market[first], minlength=len(markets))
    of_market = dict(zip(markets, orders.tolist(), strict=True))
    return {
        market: MarketSize(**dict(size), orders=of_market[market])
        for market, size in sizes_by_market(interactions).items()
    }


def _keep_quarantine(store: Store, clean: CleanOrders) -> str:
    """Store what was set aside, named by its content; returns the key."""
    frame = clean.quarantine
    frame = frame.copy()
    for name in frame.select_dtypes("object"):
        frame[name] = frame[name].map(_text)
    data = _parquet(frame)
    name = f"{QUARANTINE}/{hashlib.sha256(data).hexdigest()[:24]}"
    store.put(f"{name}-days.parquet", _parquet(clean.report.quarantined_days))
    store.put(f"{name}.parquet", data)
    return f"{name}.parquet"


def _parquet(frame: pd.DataFrame) -> bytes:
    buffer = io.BytesIO()
    frame.to_parquet(buffer, compression="zstd")
    return buffer.getvalue()


def _text(value: object) -> str | None:
    return None if value is None or value is pd.NA or value != value else str(value)
