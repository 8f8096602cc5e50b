"""Simulated order lines: as arrays, as a frame, as encoded interactions."""

import datetime as dt
from dataclasses import dataclass
from functools import cached_property

import numpy as np
import pandas as pd
import pyarrow as pa
from numpy.typing import NDArray

from restock.dataset import columns as c
from restock.dataset.catalogue import Catalogue
from restock.dataset.interactions import MINUTES_PER_DAY, Interactions, minute_of
from restock.dataset.simulated_world import Setting
from restock.kernels.simulation import Lines


def customer_ids(setting: Setting, customers: NDArray[np.int32]) -> NDArray[np.object_]:
    """Ids of customers by number: the market's code and seven digits."""
    offsets = setting.offsets
    market = np.searchsorted(offsets, customers, side="right") - 1
    code = [m.code for m in setting.markets]
    within = customers - offsets[market]
    ids = [f"{code[m]}{n:07d}" for m, n in zip(market.tolist(), within.tolist(), strict=True)]
    return np.array(ids, dtype=object)


@dataclass(frozen=True, eq=False)
class SimulatedLines:
    """Lines sorted by (customer, day, item): numbers of customers and items of the setting."""

    lines: Lines
    setting: Setting

    def __len__(self) -> int:
        return int(self.lines.item.size)

    @cached_property
    def market(self) -> NDArray[np.int64]:
        """The row in ``setting.markets`` of each line."""
        return np.searchsorted(self.setting.offsets, self.lines.customer, side="right") - 1

    @cached_property
    def minute(self) -> NDArray[np.int32]:
        """Local minutes since 1970-01-01 of each line."""
        start = minute_of(self.setting.start)
        return start + self.lines.day * np.int32(MINUTES_PER_DAY) + self.lines.minute

    @cached_property
    def order(self) -> NDArray[np.int32]:
        """Number of each line's order here: one order per customer and day."""
        fresh = np.ones(len(self), dtype=np.int32)
        same = self.lines.customer[1:] == self.lines.customer[:-1]
        fresh[1:] = ~(same & (self.lines.day[1:] == self.lines.day[:-1]))
        return np.cumsum(fresh, dtype=np.int32) - np.int32(1)

    @cached_property
    def unit_cost(self) -> NDArray[np.float64]:
        """Cost of a unit of each line, in the market's currency."""
        rate = self.setting.world.rate[self.market]
        return np.round(self.setting.unit_cost[self.lines.item] * rate, 4)

    def arrow(self) -> pa.Table:
        """The canonical columns as an Arrow table, texts dictionary-encoded where they repeat."""
        s = self.setting
        customers, of_line = np.unique(self.lines.customer, return_inverse=True)
        ids = pa.array(customer_ids(s, customers), pa.string())
        first = np.flatnonzero(np.diff(self.order, prepend=-1))
        day = s.start.toordinal() + self.lines.day[first]
        texts = {d: dt.date.fromordinal(d).strftime("-%Y%m%d") for d in np.unique(day).tolist()}
        owners = ids.take(pa.array(of_line[first])).to_pylist()
        orders = [owner + texts[d] for owner, d in zip(owners, day.tolist(), strict=True)]
        item = pa.array(self.lines.item)

        def coded(codes: pa.Array, values: NDArray[np.object_] | list[str]) -> pa.Array:
            return pa.DictionaryArray.from_arrays(codes, pa.array(values, pa.string()))

        return pa.table(
            {
                c.MARKET: coded(pa.array(self.market), [m.code for m in s.markets]),
                c.CUSTOMER: pa.DictionaryArray.from_arrays(pa.array(of_line), ids),
                c.ORDER: coded(pa.array(self.order), orders),
                c.ITEM: coded(item, s.item_ids),
                c.TIMESTAMP: (self.minute.astype(np.int64) * 60_000).astype("datetime64[ms]"),
                c.QUANTITY: self.lines.quantity.astype(np.float64),
                c.UNIT_PRICE: self.lines.price,
                c.ITEM_NAME: coded(item, s.item_names),
                c.CATEGORY: pa.DictionaryArray.from_arrays(
                    item, pa.array(s.categories, pa.string())
                ),
                c.UNIT_COST: self.unit_cost,
            }
        )

    @cached_property
    def orders(self) -> pd.DataFrame:
        """The order lines as a clean canonical frame (see ``restock.dataset.columns``)."""
        table = self.arrow()
        texts = {
            name: np.asarray(column.chunk(0).dictionary.to_pylist(), dtype=object)[
                column.chunk(0).indices.to_numpy()
            ]
            for name, column in zip(table.column_names, table.columns, strict=True)
            if pa.types.is_dictionary(column.type) and column.num_chunks
        }
        return pd.DataFrame(
            {name: texts.get(name, table[name].to_numpy()) for name in table.column_names}
        )

    def interactions(self) -> Interactions:
        """What ``Interactions.from_frame(self.orders)`` gives, known to the end of the last day."""
        s = self.setting
        customers, customer = np.unique(self.lines.customer, return_inverse=True)
        items, item = np.unique(self.lines.item, return_inverse=True)
        rows, market = np.unique(self.market, return_inverse=True)
        home = np.zeros(customers.size, dtype=np.int32)
        home[customer] = market
        cost = np.zeros(items.size)
        np.maximum.at(cost, item, self.unit_cost)
        catalogue = Catalogue(
            customers=pa.table(
                {"id": pa.array(customer_ids(s, customers), pa.string()), "market": home}
            ),
            items=pa.table(
                {
                    "id": pa.array(s.item_ids[items], pa.string()),
                    "name": pa.array(s.item_names[items], pa.string()),
                    "category": pa.array(s.categories[items], pa.string()),
                    "unit_cost": pa.array(cost.astype(np.float32)),
                }
            ),
            markets=tuple(s.markets[row].code for row in rows),
        )
        return Interactions(
            customer=customer.astype(np.int32),
            item=item.astype(np.int32),
            order=self.order,
            minute=self.minute,
            quantity=self.lines.quantity,
            value=(self.lines.quantity.astype(np.float64) * self.lines.price).astype(np.float32),
            catalogue=catalogue,
            as_of=minute_of(s.start + dt.timedelta(days=s.days)),
        )
