"""What a look at the markets works on: the orders as they are, and the markets in batches."""

import datetime as dt
from typing import Any, Literal

from pydantic import BaseModel, ConfigDict

from restock.infra.feed import take_in
from restock.infra.ingestion import Ingested
from restock.infra.markets import load_markets
from restock.infra.packing import pack
from restock.infra.runners import thread_plan
from restock.infra.settings import Settings
from restock.infra.store import open_store


class Unit(BaseModel):
    """A market to look at, and how many lines it has."""

    model_config = ConfigDict(frozen=True)

    market: str
    lines: int

    @property
    def title(self) -> str:
        """Its code."""
        return self.market


class Prepared(BaseModel):
    """What a flow hands to its tasks: references, and which markets are looked at."""

    model_config = ConfigDict(frozen=True)

    ingested: Ingested
    markets: tuple[str, ...]
    workers: int

    def batches(self, seconds: float, seconds_per_line: float) -> list[list[Unit]]:
        """The markets in batches of comparable cost: of each market, and of each of its lines."""
        sizes = self.ingested.markets
        units = [Unit(market=market, lines=sizes[market].lines) for market in self.markets]

        def cost(unit: Unit) -> float:
            return seconds + seconds_per_line * unit.lines

        return pack(units, cost, workers=self.workers)


def prepare_markets(
    settings: Settings,
    orders: str | None,
    markets: list[str] | None,
    group: str | None,
    as_of: dt.date | Literal["scheduled"] | None,
    reading: dict[str, Any] | None,
) -> Prepared:
    """Read the orders, as the flows are asked to, and store the snapshot."""
    store, declared = open_store(settings=settings), load_markets(settings)
    feed = take_in(store, declared, orders, markets, group, as_of, reading)
    return Prepared(
        ingested=feed.ingested,
        markets=feed.ingested.these(feed.wanted),
        workers=thread_plan(settings).slots,
    )
