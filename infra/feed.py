"""What a run works on: the settings, the declared markets, and the orders as they are now."""

import datetime as dt
from collections.abc import Sequence
from contextlib import nullcontext
from dataclasses import dataclass
from typing import Any, Literal

from restock.infra.ingestion import Ingested, ingest
from restock.infra.markets import Markets
from restock.infra.orders_source import orders_here
from restock.infra.schedule import scheduled_day
from restock.infra.store import Store


@dataclass(frozen=True)
class Feed:
    """Orders in the store. wanted: the markets that the run is for; None: all that have any."""

    ingested: Ingested
    wanted: list[str] | None


def take_in(
    store: Store,
    declared: Markets,
    orders: str | None,
    markets: Sequence[str] | None,
    group: str | None,
    as_of: dt.date | Literal["scheduled"] | None,
    reading: dict[str, Any] | None,
) -> Feed:
    """Read the orders, as the flows are asked to, and store the snapshot."""
    if as_of == "scheduled":
        # the bundled orders have no newer day than their last
        as_of = scheduled_day(declared, group) if orders else None
    with orders_here(orders) if orders else nullcontext() as path:
        ingested = ingest(
            store,
            path,
            as_of=as_of,
            reading=reading,
            country_names=declared.feed_names,
            time_zones=declared.time_zones,
            rates=declared.rates,
        )
    wanted = list(markets) if markets else None
    if group is not None:
        wanted = [code for code in declared.in_group(group) if code in ingested.markets]
    return Feed(ingested, wanted)
