"""An exposure log as lists of codes, and what came of each place."""

from dataclasses import dataclass
from typing import Literal, Self, TypeVar

import numpy as np
import pandas as pd
from numpy.typing import NDArray

from restock.dataset import Interactions
from restock.dataset import exposures as e
from restock.dataset.catalogue import Catalogue, IntArray
from restock.dataset.interactions import MINUTES_PER_DAY
from restock.evaluation.folds import BoolArray, FloatArray

T = TypeVar("T", bound=np.generic)
Reward = Literal["click", "order", "revenue"]
NOBODY = -1
"""Code of a customer without an order line."""
NOTHING, UNSOLD = -1, -2
"""Codes of a place without an item, and of an item without an order line."""
_MS_PER_DAY = 86_400_000


@dataclass(frozen=True, eq=False)
class ShownLists:
    """Lists in order of market, customer, time and policy (n lists × k places, from the top).

    market: int32 (n), code in the catalogue. who: int64 (n), a number for each customer of the
    log. customer: int32 (n), code in the catalogue, or ``NOBODY``; one whose home is another
    market now counts as that. day: int32 (n), days since 1970-01-01. items: int32 (n × k), codes
    or ``NOTHING`` or ``UNSOLD``. propensity: float64 (n × k), 1 where there is nothing.
    outcome: int8 (n × k), the place in ``exposures.OUTCOMES``.
    """

    market: IntArray
    who: NDArray[np.int64]
    customer: IntArray
    day: IntArray
    items: IntArray
    propensity: FloatArray
    outcome: NDArray[np.int8]

    @classmethod
    def of(cls, log: pd.DataFrame, catalogue: Catalogue) -> Self:
        """From a frame that ``validate_exposures`` gave; gaps between positions are closed.

        ValueError for markets that the catalogue does not know.
        """
        unknown = sorted(set(log[e.MARKET]) - set(catalogue.markets))
        if unknown:
            raise ValueError(f"no orders of market {', '.join(unknown)}, which the log speaks of")
        keys = [e.MARKET, e.CUSTOMER, e.TIME, e.POLICY]
        log = log.sort_values([*keys, e.POSITION], kind="stable", ignore_index=True)
        lists = log.groupby(keys, sort=False).ngroup().to_numpy()
        first = np.flatnonzero(np.diff(lists, prepend=-1))
        place = np.arange(len(log)) - first[lists] if len(log) else np.zeros(0, np.int64)
        shape = (first.size, int(place.max(initial=-1)) + 1)

        def table(values: NDArray[T], nothing: float) -> NDArray[T]:
            whole = np.full(shape, nothing, dtype=values.dtype)
            whole[lists, place] = values
            return whole

        heads = log.iloc[first]
        who = heads.groupby([e.MARKET, e.CUSTOMER], sort=True).ngroup().to_numpy()
        market = pd.Index(catalogue.markets).get_indexer(pd.Index(heads[e.MARKET])).astype(np.int32)
        customer = _codes(catalogue.customers["id"].to_pandas(), heads[e.CUSTOMER], NOBODY)
        home = catalogue.customer_market[customer] == market
        items = _codes(catalogue.items["id"].to_pandas(), log[e.ITEM], UNSOLD)
        outcome = pd.Index(e.OUTCOMES).get_indexer(pd.Index(log[e.OUTCOME]))
        time = heads[e.TIME].to_numpy("datetime64[ms]").astype(np.int64)
        return cls(
            market=market,
            who=who.astype(np.int64),
            customer=np.where(home, customer, NOBODY).astype(np.int32),
            day=(time // _MS_PER_DAY).astype(np.int32),
            items=table(items, NOTHING),
            propensity=table(log[e.PROPENSITY].to_numpy(dtype=np.float64), 1.0),
            outcome=table(outcome.astype(np.int8), 0),
        )

    @property
    def n(self) -> int:
        """Lists."""
        return int(self.market.size)

    @property
    def k(self) -> int:
        """Places of the longest list."""
        return int(self.items.shape[1])

    @property
    def there(self) -> BoolArray:
        """The places that hold an item (n × k)."""
        filled: BoolArray = self.items != NOTHING
        return filled

    def rewards(
        self, kind: Reward, orders: Interactions, rates: FloatArray | None = None
    ) -> FloatArray:
        """What came of each place (float64, n × k).

        click: 1 where the item was clicked or ordered; order: 1 where it was ordered, as the log
        says. revenue: the value of the customer's order lines of the item on the day it was
        shown, whether because it was or not, in the market's currency times ``rates`` (float64,
        markets); where several lists of the day showed it, the first that led to an order has
        it, or the first.
        """
        if kind == "click":
            return (self.outcome >= e.OUTCOMES.index("click")).astype(np.float64)
        if kind == "order":
            return (self.outcome == e.OUTCOMES.index("order")).astype(np.float64)
        value = self._values(orders)
        return value if rates is None else value * rates[self.market][:, None]

    def _values(self, orders: Interactions) -> FloatArray:
        """The value of what was shown and bought on the same day."""
        found = np.zeros(self.items.shape)
        row, place = np.nonzero((self.items >= 0) & (self.customer != NOBODY)[:, None])
        item, customer, day = self.items[row, place], self.customer[row], self.day[row]
        ordered = self.outcome[row, place] == e.OUTCOMES.index("order")
        best = np.lexsort((np.arange(row.size), ~ordered, item, day, customer))
        shown = _key(customer, day, item, orders.n_items)[best]
        once = np.flatnonzero(np.diff(shown, prepend=-1))
        row, place, shown = row[best][once], place[best][once], shown[once]
        line_day = orders.minute // MINUTES_PER_DAY
        line = _key(orders.customer, line_day, orders.item, orders.n_items)
        at = np.searchsorted(shown, line)
        match = shown[np.minimum(at, max(shown.size - 1, 0))] == line if shown.size else at < 0
        values = np.bincount(at[match], orders.value[match], minlength=shown.size)
        found[row, place] = values
        return found


def _key(
    customer: IntArray, day: NDArray[np.integer], item: IntArray, n_items: int
) -> NDArray[np.int64]:
    """One number per customer, day (of up to 2^16) and item, in this order."""
    key: NDArray[np.int64] = (
        customer.astype(np.int64) * (1 << 16) + day.astype(np.int64)
    ) * n_items + item
    return key


def _codes(ids: pd.Series, wanted: pd.Series, unknown: int) -> IntArray:
    codes = pd.Index(ids).get_indexer(pd.Index(wanted))
    return np.where(codes < 0, unknown, codes).astype(np.int32)
