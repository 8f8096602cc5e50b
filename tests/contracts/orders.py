"""Small invented orders: as few as can still go wrong, with ties everywhere."""

import datetime as dt
from dataclasses import dataclass
from functools import lru_cache

import numpy as np
import pandas as pd
from hypothesis import strategies as st

from restock.dataset import Interactions

START = pd.Timestamp("2024-01-01")
CUTOFF = dt.date(2024, 7, 1)
DAYS = (CUTOFF - START.date()).days

Line = tuple[int, int, int, int]  # customer, item, day, units


@dataclass(frozen=True)
class Orders:
    """Lines before the cut-off. Customer n lives in FR or GB (odd n); 9 buys only later."""

    lines: tuple[Line, ...]

    def frame(self, ids: str = "{}") -> pd.DataFrame:
        """As a clean frame; ``ids`` is how a code becomes an id."""
        later = (9, 0, DAYS + 3, 1)
        rows = [
            {
                "market": "GB" if customer % 2 else "FR",
                "customer_id": "c" + ids.format(customer),
                "order_id": "o" + ids.format(customer * 1000 + day),
                "item_id": "i" + ids.format(item),
                "timestamp": START + pd.Timedelta(days=day),
                "quantity": float(units),
                "unit_price": 2.0,
            }
            for customer, item, day, units in (*self.lines, later)
        ]
        return pd.DataFrame(rows)

    def train(self, ids: str = "{}") -> Interactions:
        """Encoded, up to the cut-off; the catalogue knows the later customer too."""
        return _encoded(self, ids)


@lru_cache(maxsize=2000)
def _encoded(found: Orders, ids: str) -> Interactions:
    # every model's contract draws the same examples, and encoding one takes longer than a fit
    return Interactions.from_frame(found.frame(ids)).before(CUTOFF)


def lines(
    customers: int = 6, items: int = 8, most: int = 24
) -> st.SearchStrategy[tuple[Line, ...]]:
    """At least one line; days from a short list, so that orders and ages coincide."""
    line = st.tuples(
        st.integers(0, customers - 1),
        st.integers(0, items - 1),
        st.sampled_from((0, 90, 150, 151, DAYS - 1)),
        st.integers(1, 3),
    )
    return st.lists(line, min_size=1, max_size=most).map(tuple)


orders = lines().map(Orders)


@lru_cache(maxsize=8)
def many(customers: int = 60, items: int = 40, n: int = 900, seed: int = 0) -> Interactions:
    """A few hundred lines in two markets, some items far more popular than others."""
    rng = np.random.default_rng(seed)
    found = zip(
        rng.integers(0, customers, n) + 10,
        (items * rng.random(n) ** 2).astype(int),
        rng.integers(0, DAYS, n),
        rng.integers(1, 4, n),
        strict=True,
    )
    return Orders(tuple((int(a), int(b), int(c), int(d)) for a, b, c, d in found)).train()
