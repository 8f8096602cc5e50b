"""Validated order lines, integer-encoded and time-sorted: what every model is fitted on."""

import datetime as dt
import hashlib
import json
from collections.abc import Sequence
from dataclasses import dataclass, field, fields, replace
from functools import cached_property
from pathlib import Path
from typing import TYPE_CHECKING, Any, Self

import numpy as np
import pandas as pd
import pyarrow as pa
from numpy.typing import NDArray

from restock.dataset.arrow_files import column, open_arrow, write_arrow, write_parquet
from restock.dataset.catalogue import Catalogue, IntArray, digest_table
from restock.dataset.decay import MINUTES_PER_DAY as MINUTES_PER_DAY
from restock.dataset.decay import Decay, days_between
from restock.dataset.encoding import encode, lines_of
from restock.dataset.feature_tables import FeatureTables, Source, attach, tables_of
from restock.dataset.features import Entity, FeatureStore, OrderFeatures
from restock.dataset.lines import Lines
from restock.dataset.pairs import CUSTOMERS_PER_BLOCK, Pairs
from restock.dataset.ranges import Ranges
from restock.kernels.pairs import sum_decayed
from restock.kernels.policy import over_blocks, threads
from restock.kernels.ranges import find_customers

SCHEMA_VERSION = 1
SHARD_LINES = 4_000_000
LINE_COLUMNS = {
    "customer": np.int32,
    "item": np.int32,
    "order": np.int32,
    "minute": np.int32,
    "quantity": np.float32,
    "value": np.float32,
}
FEATURES = "features"
PARQUET = "lines.parquet"
_EPOCH = dt.date(1970, 1, 1)


def minute_of(day: dt.date) -> int:
    """Minutes from 1970-01-01 to the local midnight that starts ``day``.

    TypeError on anything but a date: a text, or a moment within a day.
    """
    if not isinstance(day, dt.date) or isinstance(day, dt.datetime):
        raise TypeError(f"{day!r} is no date: write datetime.date(2011, 6, 25) for 2011-06-25")
    return (day - _EPOCH).days * MINUTES_PER_DAY


def day_of(minute: int) -> dt.date:
    """The local date that contains ``minute``."""
    return _EPOCH + dt.timedelta(days=int(minute) // MINUTES_PER_DAY)


def _counted(number: int, what: str) -> str:
    return f"{number:,} {what}{'' if number == 1 else 's'}"


@dataclass(frozen=True, eq=False)
class Interactions:
    """Order lines as parallel arrays, sorted by (customer, minute, order, item).

    customer, item, order: int32 codes (see ``catalogue``); one line per order and item.
    minute: int32, local minutes since 1970-01-01 in the customer's market.
    quantity: float32, units, above 0. value: float32, quantity × unit price in the market's
    currency. as_of: the exclusive end of what is known, in minutes; every age is counted
    from it. features: what else is known of customers and items (see ``dataset.features``).
    source: the Parquet file of a snapshot that holds exactly these lines, if there is one.

    Cuts and selections share the catalogue, so a code means the same in all of them, and they
    are views: a range of each customer's lines. They hold no line of their own. A column is
    copied together whenever it is read, and is gone with its reader.
    """

    customer: IntArray
    item: IntArray
    order: IntArray
    minute: IntArray
    quantity: NDArray[np.float32]
    value: NDArray[np.float32]
    catalogue: Catalogue
    as_of: int
    features: FeatureStore = field(default_factory=OrderFeatures, repr=False)
    source: Path | None = field(default=None, repr=False)

    @classmethod
    def from_frame(cls, frame: pd.DataFrame) -> Self:
        """Encode a clean frame of order lines (columns as in ``restock.dataset.columns``).

        Lines of one order and item are added up; an order happens at the time of its first
        line; a customer belongs to the market of the last order. The result does not depend
        on the order of the rows. Raises TypeError on anything but a frame, and ValueError,
        naming the column, on missing values, on quantities that are not above 0 and on prices
        below it; more than that is set aside by ``read_orders``.
        """
        return cls.from_lines(lines_of(frame))

    @classmethod
    def from_lines(cls, lines: Lines) -> Self:
        """The same from lines that are codes already, as ``read_orders`` makes them."""
        encoded, catalogue = encode(lines)
        columns: dict[str, Any] = encoded
        last = int(columns["minute"].max()) if columns["minute"].size else 0
        as_of = (last // MINUTES_PER_DAY + 1) * MINUTES_PER_DAY
        return cls(**columns, catalogue=catalogue, as_of=as_of)

    # sizes ------------------------------------------------------------------------------
    def __len__(self) -> int:
        whole = vars(self).get("customer")
        return len(self.ranges) if whole is None else int(whole.size)

    def __repr__(self) -> str:
        """Counts what has a line here; the catalogue may hold more."""
        markets = np.unique(self.catalogue.customer_market[self.customers]).size
        return (
            f"Interactions({len(self):,} lines of {_counted(np.unique(self.item).size, 'item')}, "
            f"{_counted(self.customers.size, 'customer')} of {_counted(markets, 'market')}, "
            f"before {day_of(self.as_of)})"
        )

    @property
    def n_customers(self) -> int:
        """Customers in the catalogue, with or without a line here."""
        return self.catalogue.customers.num_rows

    @property
    def n_items(self) -> int:
        """Items in the catalogue, with or without a line here."""
        return self.catalogue.items.num_rows

    @property
    def as_of_date(self) -> dt.date:
        """``as_of`` as a date: the first day that is not known."""
        return day_of(self.as_of)

    # views ------------------------------------------------------------------------------
    @property
    def market(self) -> IntArray:
        """The home market's code of each line's customer (int32)."""
        return self.catalogue.customer_market[self.customer]

    @property
    def age_days(self) -> NDArray[np.float64]:
        """Days from each line to ``as_of`` (float64)."""
        return days_between(self.minute, self.as_of)

    def decay(self, half_life_days: float) -> NDArray[np.float64]:
        """0.5 ** (age / half-life) of each line (float64); 1 everywhere for an infinite one."""
        return np.exp2(self.age_days / -half_life_days)

    def decay_table(self, half_life_days: float) -> Decay:
        """The same as a table, for kernels that look it up."""
        return Decay.of(self.ranges, self.as_of, half_life_days)

    def decayed_lines(self, half_life_days: float) -> NDArray[np.float64]:
        """The sum of ``decay`` over the lines of each pair, in order of time (float64, pairs)."""
        pairs, decay = self.pairs, self.decay_table(half_life_days)
        total = np.zeros(pairs.item.size)
        minute = decay.lines.columns["minute"]
        lines = (self.indptr, pairs.of_line, decay.lines.start, minute, decay.first, decay.left)
        over_blocks(
            lambda first, last: sum_decayed(first, last, *lines, total),
            self.n_customers,
            CUSTOMERS_PER_BLOCK,
            threads(),
        )
        return total

    @cached_property
    def indptr(self) -> NDArray[np.int64]:
        """Where each customer's lines start (int64, customers + 1)."""
        found = np.empty(self.n_customers + 1, dtype=np.int64)
        find_customers(self.customer, found)
        return found

    @cached_property
    def shards(self) -> NDArray[np.int64]:
        """The customers in contiguous parts of about equal lines: their borders (shards + 1).

        One for every ``SHARD_LINES`` lines begun: the number belongs to the data, whatever
        machines work on them. Sums over customers add up what the shards come to, in order, so
        that one machine and many give the same digits.
        """
        parts = max(-(-len(self) // SHARD_LINES), 1)
        wanted = np.arange(1, parts, dtype=np.int64) * len(self) // parts
        inner = self.customer[wanted - 1].astype(np.int64) + 1  # whose lines go on stays whole
        return np.unique([0, *inner, self.n_customers])

    @cached_property
    def pairs(self) -> Pairs:
        """The distinct (customer, item) pairs."""
        return Pairs.of(self.indptr, self.item, self.n_items)

    @cached_property
    def customers(self) -> IntArray:
        """Codes of the customers that have a line here (int32, ascending)."""
        return np.flatnonzero(np.diff(self.indptr)).astype(np.int32)

    # selections ---------------------------------------------------------------------------
    def shard(self, number: int) -> Self:
        """The lines of the customers in a part of ``shards``: views, of a memory map too."""
        borders = self.shards[number : number + 2].astype(np.int32)  # as the lines: no copy of them
        first, last = np.searchsorted(self.customer, borders)
        lines: dict[str, Any] = {name: getattr(self, name)[first:last] for name in LINE_COLUMNS}
        return replace(self, **lines, source=None)

    def before(self, day: dt.date) -> Self:
        """Everything before the local midnight that starts ``day``; ages count from it."""
        return self.spans([(None, day)])[0]

    def between(self, first: dt.date, end: dt.date) -> Self:
        """Lines from ``first`` (inclusive) to ``end`` (exclusive)."""
        return self.spans([(first, end)])[0]

    def spans(self, days: Sequence[tuple[dt.date | None, dt.date]]) -> list[Self]:
        """Several of them found at once: ``between``, or ``before`` where the first is None."""
        minutes = [
            (None if first is None else minute_of(first), minute_of(end)) for first, end in days
        ]
        moments = sorted({moment for span in minutes for moment in span if moment is not None})
        place = dict(zip(moments, self.ranges.places(moments), strict=True))
        begin = self.ranges.start
        return [
            self.view(begin if first is None else place[first], place[end], end)
            for first, end in minutes
        ]

    def of_market(self, market: str) -> Self:
        """The lines of the customers whose home is ``market``; the catalogue stays whole."""
        return self.of_markets([market])

    def of_markets(self, markets: list[str]) -> Self:
        """The lines of the customers whose home is one of ``markets``."""
        codes = [self.catalogue.market_code(market) for market in markets]
        return self._of(np.isin(self.catalogue.customer_market, codes))

    def of_customers(self, customers: IntArray) -> Self:
        """The lines of the customers with these codes."""
        wanted = np.zeros(self.n_customers, dtype=bool)
        wanted[customers] = True
        return self._of(wanted)

    def _of(self, wanted: NDArray[np.bool_]) -> Self:
        lines = self.ranges
        return self.view(lines.start, np.where(wanted, lines.stop, lines.start))

    def _select(self, mask: NDArray[np.bool_]) -> Self:
        """Any lines (bool): a copy of them."""
        chosen: dict[str, Any] = {name: getattr(self, name)[mask] for name in LINE_COLUMNS}
        return replace(self, **chosen, source=None)

    def view(
        self, start: NDArray[np.int64], stop: NDArray[np.int64], as_of: int | None = None
    ) -> Self:
        """Of each customer the lines from one place to another, places as in ``ranges``."""
        ranges = self.ranges.part(start, stop)
        view = object.__new__(type(self))  # there are no columns to make it of
        vars(view).update(
            catalogue=self.catalogue,
            as_of=self.as_of if as_of is None else as_of,
            features=self.features,
            source=None,
            ranges=ranges,
            indptr=ranges.indptr,
        )
        return view

    @cached_property
    def ranges(self) -> Ranges:
        """Where the lines of each customer are, in columns that views have in common."""
        columns = {name: getattr(self, name) for name in LINE_COLUMNS}
        return Ranges(columns, self.indptr[:-1], self.indptr)

    if not TYPE_CHECKING:  # which then finds names that nobody has

        def __getattr__(self, name: str) -> NDArray[Any]:
            """A column of a view: nobody else lacks one."""
            if name in LINE_COLUMNS:
                return self.ranges.read(name)
            raise AttributeError(f"{type(self).__name__!r} object has no attribute {name!r}")

    def __reduce__(self) -> tuple[Any, ...]:
        """By its own lines: what a view is a part of does not travel with it."""
        return type(self), tuple(getattr(self, kept.name) for kept in fields(self))

    def with_features(
        self, *, customers: Source | None = None, items: Source | None = None
    ) -> Self:
        """The same lines, with what else was known of customers and items beside them.

        Frames or Parquet files: ``id``, ``known_at`` (local time) and columns of numbers. A
        row is seen from the moment after ``known_at`` on, until a later row of the id takes
        its place. ValueError names the column at fault; ids without an order line are
        ignored, and a warning counts them.
        """
        sources: dict[Entity, Source | None] = {"customer": customers, "item": items}
        given = {entity: source for entity, source in sources.items() if source is not None}
        return replace(self, features=attach(self, given))

    # frames, files ------------------------------------------------------------------------
    @cached_property
    def hash(self) -> str:
        """sha256 of lines, catalogue, ``as_of`` and feature tables: the name of a snapshot."""
        digest = hashlib.sha256(f"{SCHEMA_VERSION}:{self.as_of}:{self.catalogue.hash}".encode())
        for name in LINE_COLUMNS:
            digest.update(np.ascontiguousarray(getattr(self, name)).data)
        if tables := tables_of(self.features):
            for entity in tables.entities:
                digest.update(entity.encode())
                digest_table(digest, tables.table(entity).before(self.as_of))
        return digest.hexdigest()

    def save(self, folder: Path) -> None:
        """Write ``lines.arrow``, ``customers.arrow``, ``items.arrow`` and ``meta.json``.

        The lines are there again as ``lines.parquet``, for engines that read nothing else.
        Feature tables go to ``features/``, as far as they were known at ``as_of``.
        """
        folder.mkdir(parents=True, exist_ok=True)
        write_arrow(self._table(), folder / "lines.arrow")
        write_parquet(self._table(), folder / PARQUET)
        write_arrow(self.catalogue.customers, folder / "customers.arrow")
        write_arrow(self.catalogue.items, folder / "items.arrow")
        meta = {
            "schema_version": SCHEMA_VERSION,
            "hash": self.hash,
            "as_of": self.as_of,
            "markets": list(self.catalogue.markets),
            "lines": len(self),
        }
        if tables := tables_of(self.features):
            tables.save(folder / FEATURES, self.as_of)
            meta[FEATURES] = list(tables.entities)
        (folder / "meta.json").write_text(json.dumps(meta, indent=1))

    @classmethod
    def open(cls, folder: Path) -> Self:
        """Open what ``save`` wrote, memory-mapped: processes of one node share one copy."""
        meta = json.loads((folder / "meta.json").read_text())
        if meta["schema_version"] != SCHEMA_VERSION:
            raise ValueError(
                f"{folder} holds interactions of schema {meta['schema_version']}, this version "
                f"reads {SCHEMA_VERSION}: write the snapshot again with `restock retrain`"
            )
        lines = open_arrow(folder / "lines.arrow")
        catalogue = Catalogue(
            customers=open_arrow(folder / "customers.arrow"),
            items=open_arrow(folder / "items.arrow"),
            markets=tuple(meta["markets"]),
        )
        columns: dict[str, Any] = {
            name: column(lines, name, dtype) for name, dtype in LINE_COLUMNS.items()
        }
        if FEATURES in meta:
            columns["features"] = FeatureTables.open(folder / FEATURES, meta[FEATURES])
        parquet = folder / PARQUET
        columns["source"] = parquet if parquet.is_file() else None
        return cls(**columns, catalogue=catalogue, as_of=int(meta["as_of"]))

    def parquet(self, scratch: Path) -> Path:
        """The lines as a Parquet file: the snapshot's own, or one written into ``scratch``."""
        if self.source is not None and self.source.is_file():
            return self.source
        write_parquet(self._table(), scratch / PARQUET)
        return scratch / PARQUET

    def _table(self) -> pa.Table:
        return pa.table({name: pa.array(getattr(self, name)) for name in LINE_COLUMNS})
