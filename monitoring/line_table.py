"""Order lines of a market as a table that people can read: what drift reports are made of."""

import datetime as dt

import numpy as np
import pandas as pd
from numpy.typing import NDArray

from restock.dataset import Interactions
from restock.dataset.interactions import MINUTES_PER_DAY, minute_of

MOST_ITEMS = 50
OTHER = "all other items"
_WEEKDAYS = np.array(["Thu", "Fri", "Sat", "Sun", "Mon", "Tue", "Wed"])  # 1970-01-01 was one


def line_table(interactions: Interactions, first: dt.date, end: dt.date) -> pd.DataFrame:
    """The lines from ``first`` (inclusive) to ``end`` (exclusive), one row each.

    interactions: of one market, from its first day, so that "bought before" is right; what is
    from ``end`` on is not looked at. Columns: customer (code), quantity, unit price and line
    value (market's currency), lines of the order, weekday, hour, category, item (the 50 most
    sold before ``end``, the others joined), new customer, bought before.
    """
    known = interactions.before(end)
    here = known.minute >= minute_of(first)
    minute = known.minute[here].astype(np.int64)
    columns = {
        "customer": known.customer[here],
        "quantity": known.quantity[here].astype(np.float64),
        "unit price": (known.value[here] / known.quantity[here]).astype(np.float64),
        "line value": known.value[here].astype(np.float64),
        "lines of the order": np.bincount(known.order)[known.order[here]].astype(np.float64),
        "weekday": _WEEKDAYS[minute // MINUTES_PER_DAY % 7],
        "hour": (minute % MINUTES_PER_DAY // 60).astype(np.float64),
        "category": _texts(known, "category")[known.item[here]],
        "item": _items(known)[known.item[here]],
        "new customer": _yes_no(_first_minute(known)[known.customer[here]] >= minute_of(first)),
        "bought before": _yes_no(_seen(known)[here]),
    }
    return pd.DataFrame(columns).reset_index(drop=True)


def of_some_customers(table: pd.DataFrame, most: int, seed: int = 0) -> pd.DataFrame:
    """At most about ``most`` rows: all those of customers drawn at random, whole."""
    if len(table) <= most:
        return table
    sizes = table["customer"].value_counts(sort=False).sort_index()
    drawn = np.random.default_rng(seed).permutation(sizes.size)
    taken = drawn[np.cumsum(sizes.to_numpy()[drawn]) <= most]
    if not taken.size:
        return table.iloc[:most]
    return table[table["customer"].isin(sizes.index[taken])].reset_index(drop=True)


def _yes_no(flags: NDArray[np.bool_]) -> NDArray[np.object_]:
    return np.where(flags, "yes", "no").astype(object)


def _texts(known: Interactions, name: str) -> NDArray[np.object_]:
    column = known.catalogue.items[name].to_pandas()
    return column.where(column.notna(), "none").to_numpy(dtype=object)


def _items(known: Interactions) -> NDArray[np.object_]:
    sold = np.bincount(known.item, minlength=known.n_items)
    most = np.argsort(-sold, kind="stable")[:MOST_ITEMS]
    names = np.full(known.n_items, OTHER, dtype=object)
    ids = known.catalogue.items["id"].to_pandas().to_numpy(dtype=object)
    texts = _texts(known, "name")
    names[most] = [f"{ids[item]} {texts[item]}" for item in most]
    return names


def _first_minute(known: Interactions) -> NDArray[np.int64]:
    first = np.full(known.n_customers, np.iinfo(np.int64).max)
    np.minimum.at(first, known.customer, known.minute.astype(np.int64))
    return first


def _seen(known: Interactions) -> NDArray[np.bool_]:
    """Whether the customer had bought a line's item before (lines are in order of time)."""
    pair = known.pairs.of_line
    first = np.unique(pair, return_index=True)[1]
    seen = np.ones(pair.size, dtype=bool)
    seen[first] = False
    return seen
