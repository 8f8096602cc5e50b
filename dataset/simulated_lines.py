"""Simulated order lines and exposures as arrays, and what they become: frames, interactions."""

import datetime as dt
from dataclasses import dataclass
from typing import Self

import numpy as np
import pandas as pd
import pyarrow as pa
from numpy.typing import NDArray

from restock.dataset import columns as c
from restock.dataset import exposures as e
from restock.dataset.catalogue import Catalogue
from restock.dataset.interactions import MINUTES_PER_DAY, Interactions, minute_of
from restock.dataset.simulated_world import Setting
from restock.kernels.simulation import Lines
from restock.kernels.simulation_shop import Outcomes


@dataclass(frozen=True, eq=False)
class Exposed:
    """What was shown, one row per item and position; customers and items by number.

    position from 1. outcome: 0 none, 1 click, 2 order. order_chance, click_chance: the true
    probabilities of these outcomes, given the customer's state at the visit. unshown_chance:
    the probability that the item had been ordered on this visit without being shown.
    """

    customer: NDArray[np.int32]
    day: NDArray[np.int32]
    minute: NDArray[np.int32]
    item: NDArray[np.int32]
    position: NDArray[np.int32]
    propensity: NDArray[np.float64]
    outcome: NDArray[np.int8]
    order_chance: NDArray[np.float64]
    click_chance: NDArray[np.float64]
    unshown_chance: NDArray[np.float64]

    @classmethod
    def of_day(
        cls,
        visitors: NDArray[np.int32],
        day: int,
        items: NDArray[np.int32],
        propensities: NDArray[np.float64],
        outcomes: Outcomes,
    ) -> Self:
        """The rows of one market's day: lists (visitors × k), flattened; -1 places are left out."""
        there = items.ravel() >= 0
        rows, places = items.shape
        return cls(
            np.repeat(visitors, places)[there].astype(np.int32),
            np.full(int(there.sum()), day, np.int32),
            outcomes.minute[there],
            items.ravel()[there],
            np.tile(np.arange(1, places + 1, dtype=np.int32), rows)[there],
            propensities.ravel()[there],
            outcomes.outcome[there],
            outcomes.order_chance[there],
            outcomes.click_chance[there],
            outcomes.unshown_chance[there],
        )

    @classmethod
    def join(cls, parts: list[Self]) -> Self:
        """All rows of some exposures, in their order."""
        names = list(cls.__dataclass_fields__)
        if not parts:
            types = [*[np.int32] * 5, np.float64, np.int8, *[np.float64] * 3]
            return cls(*(np.zeros(0, kind) for kind in types))
        return cls(*(np.concatenate([getattr(part, name) for part in parts]) for name in names))

    def frame(self, setting: Setting, policy: str) -> pd.DataFrame:
        """The exposure log of the contract (``restock.dataset.exposures``)."""
        offsets = setting.offsets
        market = np.searchsorted(offsets, self.customer, side="right") - 1
        codes = np.array([m.code for m in setting.markets], dtype=object)
        minute = minute_of(setting.start) + self.day.astype(np.int64) * MINUTES_PER_DAY
        known, of_row = np.unique(self.customer, return_inverse=True)
        return pd.DataFrame(
            {
                e.MARKET: codes[market],
                e.CUSTOMER: setting.customer_ids(known)[of_row],
                e.ITEM: setting.item_ids[self.item],
                e.POSITION: self.position,
                e.PROPENSITY: self.propensity,
                e.POLICY: np.full(self.item.size, policy, dtype=object),
                e.TIME: ((minute + self.minute) * 60_000).astype("datetime64[ms]"),
                e.OUTCOME: np.array(e.OUTCOMES, dtype=object)[self.outcome],
            }
        )


def market_of(setting: Setting, lines: Lines) -> NDArray[np.int64]:
    """The row in ``setting.markets`` of each line."""
    return np.searchsorted(setting.offsets, lines.customer, side="right") - 1


def minutes(setting: Setting, lines: Lines) -> NDArray[np.int32]:
    """Local minutes since 1970-01-01 of each line."""
    start = minute_of(setting.start)
    return (start + lines.day * np.int32(MINUTES_PER_DAY) + lines.minute).astype(np.int32)


def orders_of(lines: Lines) -> NDArray[np.int32]:
    """A number for each line's order, from 0: one order per customer and day."""
    fresh = np.ones(lines.item.size, dtype=np.int32)
    same = lines.customer[1:] == lines.customer[:-1]
    fresh[1:] = ~(same & (lines.day[1:] == lines.day[:-1]))
    return np.cumsum(fresh, dtype=np.int32) - np.int32(1)


def unit_costs(setting: Setting, lines: Lines) -> NDArray[np.float64]:
    """Cost of a unit of each line, in the market's currency."""
    rate = np.array([market.rate for market in setting.markets])[market_of(setting, lines)]
    return np.round(setting.unit_cost[lines.item] * rate, 4)


def to_arrow(setting: Setting, lines: Lines) -> pa.Table:
    """The canonical columns (``restock.dataset.columns``), repeated texts dictionary-encoded."""
    customers, of_line = np.unique(lines.customer, return_inverse=True)
    order = orders_of(lines)
    first = np.flatnonzero(np.diff(order, prepend=-1))
    day = setting.start.toordinal() + lines.day[first]
    dates = {n: dt.date.fromordinal(n).strftime("-%Y%m%d") for n in np.unique(day).tolist()}
    owners = setting.customer_ids(lines.customer[first]).tolist()
    orders = [owner + dates[n] for owner, n in zip(owners, day.tolist(), strict=True)]
    item = lines.item

    def coded(codes: NDArray[np.integer], values: NDArray[np.object_] | list[str]) -> pa.Array:
        codes32 = pa.array(codes.astype(np.int32))
        return pa.DictionaryArray.from_arrays(codes32, pa.array(values, pa.string()))

    return pa.table(
        {
            c.MARKET: coded(market_of(setting, lines), [m.code for m in setting.markets]),
            c.CUSTOMER: coded(of_line, setting.customer_ids(customers)),
            c.ORDER: coded(order, orders),
            c.ITEM: coded(item, setting.item_ids),
            c.TIMESTAMP: (minutes(setting, lines).astype(np.int64) * 60_000).astype(
                "datetime64[ms]"
            ),
            c.QUANTITY: lines.quantity.astype(np.float64),
            c.UNIT_PRICE: lines.price,
            c.ITEM_NAME: coded(item, setting.item_names),
            c.CATEGORY: coded(item, setting.categories),
            c.UNIT_COST: unit_costs(setting, lines),
        }
    )


def to_frame(table: pa.Table) -> pd.DataFrame:
    """An Arrow table of lines as a frame with plain text columns; equal texts share memory."""
    columns = {}
    for name in table.column_names:
        column = table[name].combine_chunks()
        if pa.types.is_dictionary(column.type):
            values = np.array([*column.dictionary.to_pylist(), None], dtype=object)
            columns[name] = values[column.indices.to_numpy()]
        else:
            columns[name] = column.to_numpy(zero_copy_only=False)
    return pd.DataFrame(columns)


def to_interactions(setting: Setting, lines: Lines, days: int) -> Interactions:
    """Lines sorted by (customer, day, item) under the catalogue of *all* customers and items.

    days: how many of the setting's days are over; ages count from there.
    """
    return Interactions(
        customer=lines.customer,
        item=lines.item,
        order=orders_of(lines),
        minute=minutes(setting, lines),
        quantity=lines.quantity,
        value=(lines.quantity.astype(np.float64) * lines.price).astype(np.float32),
        catalogue=setting.catalogue,
        as_of=minute_of(setting.start + dt.timedelta(days=days)),
    )


def seen_only(setting: Setting, lines: Lines) -> Interactions:
    """The same, under the catalogue of the customers, items and markets that have a line."""
    customers, customer = np.unique(lines.customer, return_inverse=True)
    items, item = np.unique(lines.item, return_inverse=True)
    rows, market = np.unique(market_of(setting, lines), return_inverse=True)
    home = np.zeros(customers.size, dtype=np.int32)
    home[customer] = market
    cost = np.zeros(items.size)
    np.maximum.at(cost, item, unit_costs(setting, lines))
    whole = to_interactions(setting, lines, setting.days)
    catalogue = Catalogue(
        customers=pa.table(
            {"id": pa.array(setting.customer_ids(customers), pa.string()), "market": home}
        ),
        items=setting.item_table(items, cost),
        markets=tuple(setting.markets[row].code for row in rows),
    )
    return Interactions(
        customer=customer.astype(np.int32),
        item=item.astype(np.int32),
        order=whole.order,
        minute=whole.minute,
        quantity=whole.quantity,
        value=whole.value,
        catalogue=catalogue,
        as_of=whole.as_of,
    )
