"""Feeds that are wrong from a day on, and other changes of the lines themselves."""

import datetime as dt
from dataclasses import replace
from typing import Any

import numpy as np
import pandas as pd
from numpy.typing import NDArray

from restock.dataset import Interactions
from restock.dataset.interactions import LINE_COLUMNS, MINUTES_PER_DAY, minute_of

FAULTS = ("stopped", "part", "aside", "pence", "dozens", "doubled", "again")


def broken(
    orders: Interactions, market: str, day: dt.date, kind: str, rng: np.random.Generator
) -> tuple[Interactions, pd.Series | None]:
    """A feed that is wrong from a day on, in one of the ways of ``FAULTS``."""
    mine = orders.of_market(market)
    after = mine.minute >= minute_of(day)
    aside: pd.Series | None = None
    if kind in ("stopped", "part", "aside"):
        arrives = {"stopped": 0.0, "part": 0.3, "aside": 0.4}[kind]
        kept = ~after | (rng.random(int(mine.order.max()) + 1) < arrives)[mine.order]
        if kind == "aside":
            days = (mine.minute[~kept] // MINUTES_PER_DAY).astype("datetime64[D]")
            aside = pd.Series(days.astype("datetime64[s]")).value_counts().sort_index()
        return keep(mine, kept), aside
    if kind == "pence":
        return replace(mine, value=np.where(after, mine.value * 100, mine.value)), None
    if kind in ("dozens", "doubled"):
        times = np.where(after, 12 if kind == "dozens" else 2, 1).astype(np.float32)
        return replace(mine, quantity=mine.quantity * times, value=mine.value * times), None
    return _again(mine, day), None


def _again(orders: Interactions, day: dt.date) -> Interactions:
    """Every day from one on brings the lines of the day before once more, as new orders."""
    late = orders.minute >= minute_of(day) - MINUTES_PER_DAY
    lines = {name: getattr(orders, name)[late].copy() for name in LINE_COLUMNS}
    lines["minute"] += MINUTES_PER_DAY
    lines["order"] += orders.order.max() + 1
    both = {name: np.concatenate([getattr(orders, name), lines[name]]) for name in LINE_COLUMNS}
    at = np.lexsort((both["item"], both["order"], both["minute"], both["customer"]))
    columns: dict[str, Any] = {name: column[at] for name, column in both.items()}
    return replace(orders, **columns)


def dearer(
    orders: Interactions, day: dt.date, items: NDArray[np.bool_], times: float
) -> Interactions:
    """These items cost so many times more from a day on."""
    dear = (orders.minute >= minute_of(day)) & items[orders.item]
    return replace(orders, value=np.where(dear, orders.value * np.float32(times), orders.value))


def keep(orders: Interactions, lines: NDArray[np.bool_]) -> Interactions:
    """These lines (bool) alone."""
    columns: dict[str, Any] = {name: getattr(orders, name)[lines] for name in LINE_COLUMNS}
    return replace(orders, **columns)
