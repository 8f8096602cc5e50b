"""What the integer codes stand for: customers, items and markets, each in sorted order."""

import hashlib
from collections.abc import Sequence
from dataclasses import dataclass
from functools import cached_property

import numpy as np
import pandas as pd
import pyarrow as pa
import pyarrow.compute as pc
from numpy.typing import NDArray

IntArray = NDArray[np.int32]


@dataclass(frozen=True, eq=False)
class Catalogue:
    """The id maps of a set of interactions: row number = code, rows sorted by id.

    customers: table (id: string, market: int32 code of the home market).
    items: table (id: string, name: string, category: string, unit_cost: float32, NaN = unknown).
    markets: market codes, sorted.
    """

    customers: pa.Table
    items: pa.Table
    markets: tuple[str, ...]

    @cached_property
    def customer_market(self) -> IntArray:
        """The home market's code of each customer (int32, customers)."""
        return self.customers["market"].to_numpy().astype(np.int32, copy=False)

    @cached_property
    def unit_cost(self) -> NDArray[np.float32]:
        """The cost of a unit of each item (float32, items), NaN where unknown."""
        return self.items["unit_cost"].to_numpy().astype(np.float32, copy=False)

    @cached_property
    def _customer_index(self) -> pd.Index:
        return pd.Index(self.customers["id"].to_pandas())

    @cached_property
    def _item_index(self) -> pd.Index:
        return pd.Index(self.items["id"].to_pandas())

    def customer_codes(self, ids: Sequence[str]) -> IntArray:
        """Codes (int32) of customer ids, which are text; KeyError names the first unknown one."""
        return _codes(self._customer_index, ids, "customer")

    def item_codes(self, ids: Sequence[str]) -> IntArray:
        """Codes (int32) of item ids, which are text; KeyError names the first unknown one."""
        return _codes(self._item_index, ids, "item")

    def market_code(self, market: str) -> int:
        """The code of a market; KeyError lists the known ones."""
        if market not in self.markets:
            raise KeyError(f"no market {market!r} here; there are {', '.join(self.markets)}")
        return self.markets.index(market)

    def customer_ids(self, codes: IntArray) -> NDArray[np.object_]:
        """Customer ids of codes (object array of str)."""
        return self._customer_index.to_numpy(dtype=object)[codes]

    def item_ids(self, codes: IntArray) -> NDArray[np.object_]:
        """Item ids of codes (object array of str)."""
        return self._item_index.to_numpy(dtype=object)[codes]

    @cached_property
    def hash(self) -> str:
        """sha256 over all ids, names and markets: two equal hashes mean equal codes."""
        digest = hashlib.sha256()
        for table in (self.customers, self.items):
            digest_table(digest, table)
        digest.update("\n".join(self.markets).encode())
        return digest.hexdigest()


def _codes(index: pd.Index, ids: Sequence[str], kind: str) -> IntArray:
    codes = index.get_indexer(pd.Index(ids))
    if (codes < 0).any():
        unknown = ids[int(np.argmax(codes < 0))]
        remedy = "" if isinstance(unknown, str) else f": ids are text, such as {str(unknown)!r}"
        raise KeyError(f"no {kind} {unknown!r} in these interactions{remedy}")
    return codes.astype(np.int32)


def digest_table(digest: "hashlib._Hash", table: pa.Table) -> None:
    """Update with the values alone: how Arrow lays them out may change with its version."""
    for name, column in zip(table.column_names, table.columns, strict=True):
        digest.update(name.encode())
        if pa.types.is_string(column.type):
            lengths = pc.fill_null(pc.binary_length(column), -1)  # bytes; -1 is a missing text
            digest.update(lengths.to_numpy().astype("<i4").tobytes())
            digest.update("".join(column.drop_null().to_pylist()).encode())
        else:
            values = column.to_numpy()
            digest.update(values.astype(values.dtype.newbyteorder("<")).tobytes())
