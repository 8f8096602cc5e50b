"""What the leak test does to a world: everything from a day on becomes another future.

Each change keeps the past row by row. One that may not touch the future at all is here too:
``another_past``, which a build must notice.
"""

import datetime as dt
from collections.abc import Callable, Mapping
from dataclasses import dataclass, field, replace
from functools import cached_property
from typing import Any

import numpy as np
import pandas as pd
from numpy.typing import NDArray

from restock.dataset import Interactions
from restock.dataset import columns as c
from restock.dataset.feature_tables import ID, KNOWN_AT

LATER_DAYS = 28
_ABOUT_ITEM = (c.ITEM_NAME, c.CATEGORY, c.UNIT_COST)

BoolArray = NDArray[np.bool_]


@dataclass(frozen=True, eq=False)
class World:
    """All that a build may look at: past and future.

    orders: order lines, columns as in ``restock.dataset.columns``; clean ones, or with ``raw``
    those that ``read_orders`` is still to clean: cancellations are lines of negative quantity,
    and a customer may order in several markets. tables: what else is known, each row true from
    its ``known_at`` (local time) on. Those called "customer" and "item" are the feature tables
    of ``interactions``; an eligibility table, a price list or a calendar of promotions has a
    name of its own.
    """

    orders: pd.DataFrame
    tables: Mapping[str, pd.DataFrame] = field(default_factory=dict)
    raw: bool = False

    @cached_property
    def interactions(self) -> Interactions:
        """The clean orders, encoded, with their feature tables. ValueError for raw orders."""
        if self.raw:
            raise ValueError(
                "these orders are raw: read_orders(world.orders, as_of=cutoff) cleans what was "
                "known at the cut-off, and no more"
            )
        features = {
            f"{name}s": self.tables[name] for name in ("customer", "item") & self.tables.keys()
        }
        found = Interactions.from_frame(self.orders)
        return found.with_features(**features) if features else found

    def before(self, cutoff: dt.date) -> BoolArray:
        """The lines of orders that began before a day (bool, rows): an order is one moment."""
        first = self.orders.groupby([c.ORDER, c.CUSTOMER], observed=True)[c.TIMESTAMP]
        began: BoolArray = (first.transform("min") < pd.Timestamp(cutoff)).to_numpy()
        return began


Change = Callable[[World, dt.date, np.random.Generator], World]


def changes(world: World) -> dict[str, Change]:
    """What can be done to this world, by name, in the words of a finding."""
    found: dict[str, Change] = {
        "everything later removed": removed,
        "items of later orders exchanged": other_items,
        "later orders in other hands": other_customers,
        "amounts and prices of later orders changed": other_amounts,
        "later orders moved to the midnight of the cut-off": at_midnight,
        "later orders moved three years on": far_later,
        "every past line ordered again later": repeated,
        "unknown items and customers added later": newcomers,
        "rows in another order": other_rows,
    }
    if set(_ABOUT_ITEM) & set(world.orders.columns):
        found["names, categories and costs in later orders changed"] = other_labels
    if world.tables:
        found["what tables say from the cut-off on changed"] = other_tables
    if world.raw:
        found["past orders cancelled later"] = returned
        found["customers ordering in another market later"] = moved
    return found


def removed(world: World, cutoff: dt.date, rng: np.random.Generator) -> World:
    """Nothing is known from the cut-off on."""
    tables = {
        name: table[(table[KNOWN_AT] < pd.Timestamp(cutoff)).to_numpy()]
        for name, table in world.tables.items()
    }
    return replace(world, orders=world.orders[world.before(cutoff)], tables=tables)


def other_items(world: World, cutoff: dt.date, rng: np.random.Generator) -> World:
    """The same customers at the same times buy what others bought."""
    past, later = _parts(world, cutoff)
    about = [c.ITEM, *(name for name in _ABOUT_ITEM if name in later)]
    later[about] = later[about].to_numpy(dtype=object)[rng.permutation(len(later))]
    return _joined(world, past, later.astype({name: past[name].dtype for name in about}))


def other_customers(world: World, cutoff: dt.date, rng: np.random.Generator) -> World:
    """Later lines belong to other customers of the same market."""
    past, later = _parts(world, cutoff)
    customer = later[c.CUSTOMER].to_numpy(dtype=object).copy()
    for rows in later.groupby(c.MARKET, observed=True).indices.values():
        customer[rows] = customer[rng.permutation(rows)]
    return _joined(world, past, later.assign(**{c.CUSTOMER: customer}))


def other_amounts(world: World, cutoff: dt.date, rng: np.random.Generator) -> World:
    """Later lines are of many more units, at other prices."""
    past, later = _parts(world, cutoff)
    more = {
        c.QUANTITY: later[c.QUANTITY] * rng.integers(2, 60, len(later)),
        c.UNIT_PRICE: later[c.UNIT_PRICE] * np.exp(rng.normal(0.0, 1.0, len(later))),
    }
    return _joined(world, past, later.assign(**more))


def at_midnight(world: World, cutoff: dt.date, rng: np.random.Generator) -> World:
    """The first moment that is not known holds the whole future."""
    past, later = _parts(world, cutoff)
    return _joined(world, past, later.assign(**{c.TIMESTAMP: pd.Timestamp(cutoff)}))


def far_later(world: World, cutoff: dt.date, rng: np.random.Generator) -> World:
    """The last known day is another one."""
    past, later = _parts(world, cutoff)
    shifted = later[c.TIMESTAMP] + pd.Timedelta(days=3 * 365)
    return _joined(world, past, later.assign(**{c.TIMESTAMP: shifted}))


def repeated(world: World, cutoff: dt.date, rng: np.random.Generator) -> World:
    """A row that says what an earlier one says must not take its place."""
    past, later = _parts(world, cutoff)
    again = past.assign(**{c.TIMESTAMP: _some_time(cutoff, len(past), rng)})
    if world.raw:
        again = again[(again[c.QUANTITY] > 0).to_numpy()]
    return _joined(world, past, pd.concat([later, again]))


def newcomers(world: World, cutoff: dt.date, rng: np.random.Generator) -> World:
    """Ids that sort before, among and after the known ones: every code is another one."""
    past, later = _parts(world, cutoff)
    names = {name: past[name].astype(str).to_numpy() for name in (c.CUSTOMER, c.ITEM)}
    parts = [later]
    for who, what in (("new", "new"), ("new", "known"), ("known", "new")):
        rows = past.iloc[rng.integers(0, len(past), 200)].copy()
        rows[c.TIMESTAMP] = _some_time(cutoff, len(rows), rng)
        rows[c.QUANTITY] = rng.integers(100, 1000, len(rows)).astype(np.float64)
        for name, kind in ((c.CUSTOMER, who), (c.ITEM, what)):
            if kind == "new":
                near = names[name][rng.integers(0, len(past), len(rows))]
                lead = np.array(["!", "", "~"])[rng.integers(0, 3, len(rows))]
                rows[name] = [a + b + "~" for a, b in zip(lead, near, strict=True)]
        if who == "new":  # one market for each, that of its first line
            rows[c.MARKET] = rows.groupby(c.CUSTOMER)[c.MARKET].transform("first")
        parts.append(rows)
    return _joined(world, past, pd.concat(parts))


def other_rows(world: World, cutoff: dt.date, rng: np.random.Generator) -> World:
    """The same rows, as another file would hold them."""
    order = rng.permutation(len(world.orders))
    tables = {
        name: table.iloc[rng.permutation(len(table))].reset_index(drop=True)
        for name, table in world.tables.items()
    }
    shuffled = world.orders.iloc[order].reset_index(drop=True)
    return replace(world, orders=shuffled, tables=tables)


def other_labels(world: World, cutoff: dt.date, rng: np.random.Generator) -> World:
    """Later lines call the items otherwise."""
    past, later = _parts(world, cutoff)
    said: dict[str, Any] = {
        name: "said later" for name in (c.ITEM_NAME, c.CATEGORY) if name in later
    }
    if c.UNIT_COST in later:
        later = later.assign(**{c.UNIT_COST: later[c.UNIT_COST] * 3.0 + 1.0})
    return _joined(world, past, later.assign(**said))


def other_tables(world: World, cutoff: dt.date, rng: np.random.Generator) -> World:
    """Every id is told otherwise from the very moment of the cut-off on."""
    return replace(
        world,
        tables={name: _told_otherwise(table, cutoff, rng) for name, table in world.tables.items()},
    )


def returned(world: World, cutoff: dt.date, rng: np.random.Generator) -> World:
    """Half of the past lines are cancelled after the cut-off."""
    past, later = _parts(world, cutoff)
    back = past[((past[c.QUANTITY] > 0) & (rng.random(len(past)) < 0.5)).to_numpy()]
    other: dict[str, Any] = {
        c.QUANTITY: -back[c.QUANTITY],
        c.TIMESTAMP: _some_time(cutoff, len(back), rng),
    }
    return _joined(world, past, pd.concat([later, back.assign(**other)]))


def moved(world: World, cutoff: dt.date, rng: np.random.Generator) -> World:
    """The last order of half of the customers is in another market than before."""
    past, later = _parts(world, cutoff)
    last = past.drop_duplicates(c.CUSTOMER)
    last = last[rng.random(len(last)) < 0.5]
    markets = np.unique(past[c.MARKET].astype(str))
    there = np.searchsorted(markets, last[c.MARKET].astype(str))
    end = world.orders[c.TIMESTAMP].max() + pd.Timedelta(days=1)
    last = last.assign(**{c.MARKET: markets[(there + 1) % markets.size], c.TIMESTAMP: end})
    return _joined(world, past, pd.concat([later, last]))


def another_past(world: World, cutoff: dt.date) -> World:
    """Half of the past lines are gone; the others were earlier, of the next item, and of more."""
    past, later = _parts(world, cutoff)
    half = past[:: 2 if len(past) > 1 else 1]
    items = np.unique(past[c.ITEM].astype(str))
    at = np.searchsorted(items, half[c.ITEM].astype(str))
    other: dict[str, Any] = {
        c.ITEM: items[(at + 1) % items.size],
        c.TIMESTAMP: half[c.TIMESTAMP] - pd.Timedelta(days=3),
        c.QUANTITY: half[c.QUANTITY] * 2.0,
    }
    return _joined(world, half.assign(**other), later)


def _parts(world: World, cutoff: dt.date) -> tuple[pd.DataFrame, pd.DataFrame]:
    """The past, and a copy of the future."""
    past = world.before(cutoff)
    return world.orders[past], world.orders[~past].copy()


def _joined(world: World, past: pd.DataFrame, later: pd.DataFrame) -> World:
    """Past and another future, whose orders are none of the past."""
    ids = [f"later {at} {name}" for at, name in enumerate(later[c.ORDER].astype(str))]
    return replace(world, orders=_stacked(past, later.assign(**{c.ORDER: ids})))


def _stacked(*parts: pd.DataFrame) -> pd.DataFrame:
    # a column that is empty in one part must not decide its type in all
    return pd.concat([part for part in parts if len(part)], ignore_index=True)


def _some_time(cutoff: dt.date, size: int, rng: np.random.Generator) -> pd.DatetimeIndex:
    """Minutes in the four weeks from the cut-off on, its first one among them."""
    minutes = rng.integers(0, LATER_DAYS * 1440, size)
    minutes[: size // 20] = 0
    return pd.Timestamp(cutoff) + pd.to_timedelta(minutes, unit="min")


def _told_otherwise(table: pd.DataFrame, cutoff: dt.date, rng: np.random.Generator) -> pd.DataFrame:
    """Later rows of a table replaced by one for every known row's id, with others' values."""
    moment = pd.Timestamp(cutoff)
    past = table[(table[KNOWN_AT] < moment).to_numpy()]
    keys = [name for name in (ID, c.MARKET, c.CUSTOMER, c.ITEM) if name in table]
    told = table.drop_duplicates(keys).assign(**{KNOWN_AT: moment})
    for name in set(table.columns) - {*keys, KNOWN_AT}:
        column = told[name].to_numpy()[rng.permutation(len(told))]
        if pd.api.types.is_bool_dtype(table[name]):
            column = ~told[name].to_numpy()
        elif pd.api.types.is_numeric_dtype(table[name]):
            column = column * rng.uniform(2.0, 9.0, len(told)) + 1.0
        told[name] = column
    return _stacked(past, told)
