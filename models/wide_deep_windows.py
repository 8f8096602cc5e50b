"""What a wide and deep network learns from: cut-offs, and what was bought after them."""

import datetime as dt
from dataclasses import dataclass
from functools import partial

import numpy as np

from restock.dataset import Interactions
from restock.models.context import FitContext
from restock.models.wide_deep_view import Codes, Floats, Ints, View, view

CLIP = 4.0  # standard deviations: what is rarer says no more


@dataclass(frozen=True, eq=False)
class Scale:
    """Mean and standard deviation of each kind of feature (float32), from one view."""

    customer: tuple[Floats, Floats]
    item: tuple[Floats, Floats]
    pair: tuple[Floats, Floats]
    sales: tuple[Floats, Floats]

    @classmethod
    def of(cls, known: View) -> "Scale":
        """Of the customers, items, pairs and sales of a view."""
        sales = known.sales.reshape(-1, known.sales.shape[-1])
        return cls(
            _moments(known.customer_features),
            _moments(known.item_features),
            _moments(known.pair),
            _moments(sales),
        )

    def customers(self, known: View, which: Ints) -> Floats:
        """Standardised, with the share that is unknown and the calendar (customers × c)."""
        values = known.customer_features[which]
        calendar = np.tile(known.calendar, (which.size, 1))
        return np.hstack([standard(values, self.customer), unknown(values), calendar])

    def items(self, known: View) -> Floats:
        """Standardised, with the share that is unknown (items × i)."""
        values = known.item_features
        return np.hstack([standard(values, self.item), unknown(values)])

    def pairs(self, pair: Floats) -> Floats:
        """Standardised, with a 1 that says: bought before (pairs × p)."""
        ones = np.ones((len(pair), 1), dtype=np.float32)
        return np.hstack([standard(pair, self.pair), ones])


def standard(values: Floats, moments: tuple[Floats, Floats]) -> Floats:
    """``(x - mean) / deviation``, clipped; unknown values are the mean."""
    scaled: Floats = np.nan_to_num(np.clip((values - moments[0]) / moments[1], -CLIP, CLIP))
    return scaled


def unknown(values: Floats) -> Floats:
    """The share of each row's features that is unknown (rows × 1)."""
    if not values.shape[1]:
        return np.zeros((len(values), 1), dtype=np.float32)
    return np.isnan(values).mean(axis=1, keepdims=True).astype(np.float32)


def _moments(values: Floats) -> tuple[Floats, Floats]:
    known = ~np.isnan(values)
    n = np.maximum(known.sum(axis=0), 1)
    table = np.where(known, values, 0).astype(np.float64)
    mean = table.sum(axis=0) / n
    deviation = np.sqrt(np.maximum((table**2).sum(axis=0) / n - mean**2, 0))
    deviation[deviation < 1e-4] = 1.0
    return mean.astype(np.float32), deviation.astype(np.float32)


@dataclass(frozen=True, eq=False)
class Window:
    """One cut-off and what followed: rows are its customers that bought then, ascending.

    customers: int64 (rows). positive: int64 (positives × 3): row, item, pair. pairs: int64,
    places in the view of the pairs of these customers; a pair is numbered by its place
    here, from 1 on; 0 stands for items never bought. negative: int64, the pairs that were not
    bought again, by row; of_row: how many (rows). known: int64, ascending, the keys
    ``row * items + item`` of all that was bought before or then.
    """

    view: View
    customers: Ints
    positive: Ints
    pairs: Ints
    negative: Ints
    of_row: Ints
    known: Ints

    @classmethod
    def of(cls, known: View, keys: Ints, n_items: int) -> "Window":
        """Of a view and the keys of what was bought in its horizon (see ``bought``)."""
        keys = keys[np.diff(known.start)[keys // n_items] > 0]  # customers with a past
        customers = np.unique(keys // n_items)
        row_of = np.full(known.start.size - 1, -1, dtype=np.int64)
        row_of[customers] = np.arange(customers.size)
        row = row_of[known.customer]
        pairs = np.flatnonzero(row >= 0)
        before = row[pairs] * n_items + known.item[pairs]
        then = row_of[keys // n_items] * n_items + keys % n_items
        place = np.minimum(np.searchsorted(before, then), max(before.size - 1, 0))
        again = before[place] == then if before.size else np.zeros(0, dtype=bool)
        left = np.ones(pairs.size, dtype=bool)
        left[place[again]] = False
        positive = [then // n_items, then % n_items, np.where(again, place + 1, 0)]
        return cls(
            known,
            customers,
            np.stack(positive, axis=1),
            pairs,
            np.flatnonzero(left) + 1,
            np.bincount(row[pairs[left]], minlength=customers.size),
            np.union1d(before, then),
        )


def windows(
    interactions: Interactions,
    codes: Codes,
    cutoffs: int,
    days: int,
    context: FitContext | None = None,
) -> list[Window]:
    """The newest ``cutoffs`` windows of ``days`` each, the newest first; empty ones left out."""
    context = context or FitContext()

    def window(back: int) -> Window | None:
        cutoff = interactions.as_of_date - dt.timedelta(days=days * back)
        past = interactions.before(cutoff)
        if not len(past):
            return None
        keys = bought(interactions, cutoff, days, codes)
        return Window.of(view(past, codes), keys, codes.items.size)

    found: list[Window] = []
    for back in range(1, cutoffs + 1):
        one = context.once(("window", days, back), partial(window, back))
        if one is None:
            break
        if one.customers.size:
            found.append(one)
    return found


def bought(interactions: Interactions, cutoff: dt.date, days: int, codes: Codes) -> Ints:
    """The distinct pairs of a horizon as keys ``customer * items + item``, ascending."""
    horizon = interactions.between(cutoff, cutoff + dt.timedelta(days=days))
    keys = codes.customer[horizon.customer] * codes.items.size + codes.item[horizon.item]
    return np.unique(keys)
