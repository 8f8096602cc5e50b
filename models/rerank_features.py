"""What a re-ranker knows at a cut-off: of a pair, customer, item, market and season."""

from dataclasses import dataclass
from typing import Any, Self

import numpy as np
from numpy.typing import NDArray

from restock.dataset import Interactions
from restock.dataset.catalogue import IntArray
from restock.dataset.features import Entity
from restock.dataset.interactions import MINUTES_PER_DAY
from restock.models.popularity import lines_by_market
from restock.models.similar_customers import basket_places

YEAR = 364  # whole weeks: a year ago on the same day of the week
ORDER_DECAY = 0.85  # what an order counts of the customer's next one
HALF_LIVES = (14.0, 30.0, 60.0, 120.0, 240.0)

FloatArray = NDArray[np.floating]
NumberArray = NDArray[np.number[Any]]
Columns = dict[str, NumberArray]


@dataclass(frozen=True, eq=False)
class Known:
    """Tables of features at one cut-off; the row of a candidate is put together from them.

    names: of the columns of a row. pair: float32 (bought pairs + 1, features), parallel to
    ``interactions.pairs``, the last row for an item never bought. customer, item: float32
    (customers or items × features). market: float32 (markets × items × features). season:
    float32 (features), the same for everybody.
    """

    names: tuple[str, ...]
    pair: NDArray[np.float32]
    customer: NDArray[np.float32]
    item: NDArray[np.float32]
    market: NDArray[np.float32]
    season: NDArray[np.float32]
    customer_market: IntArray

    @classmethod
    def of(cls, interactions: Interactions, horizon_days: int) -> Self:
        """Everything before ``interactions.as_of``, for a horizon that begins there."""
        pair = _pairs(interactions, horizon_days)
        customer = {
            **_stored(interactions, "customer"),
            **_customers(interactions, horizon_days),
        }
        item = {**_stored(interactions, "item"), **_items(interactions, horizon_days)}
        market = _markets(interactions)
        season = _season(interactions, horizon_days)
        tables = (pair, customer, item, market, season)
        never = np.full((1, len(pair)), np.nan, dtype=np.float32)
        return cls(
            tuple(name for table in tables for name in table),
            np.vstack([_stack(pair), never]),
            _stack(customer),
            _stack(item),
            _stack(market),
            np.array(list(season.values()), dtype=np.float32),
            interactions.catalogue.customer_market,
        )

    def rows(
        self, customers: IntArray, items: IntArray, pairs: NDArray[np.int64]
    ) -> NDArray[np.float32]:
        """The rows of candidates (float32, candidates × features).

        pairs: where each (customer, item) is among the bought pairs, -1 for nowhere.
        """
        market = self.market[self.customer_market[customers], items]
        season = np.broadcast_to(self.season, (items.size, self.season.size))
        return np.hstack(
            [self.pair[pairs], self.customer[customers], self.item[items], market, season]
        )


def _stack(columns: Columns) -> NDArray[np.float32]:
    return np.stack([column.astype(np.float32) for column in columns.values()], axis=-1)


def _stored(interactions: Interactions, entity: Entity) -> Columns:
    """What the feature store knows, the default one or another."""
    found = interactions.features.read(entity, interactions)
    return {f"{entity}.{name}": found.values[:, at] for at, name in enumerate(found.names)}


def _ratio(above: NumberArray, below: NumberArray) -> FloatArray:
    """NaN where there is nothing to divide by: unknown, which is not zero."""
    return np.divide(above, below, out=np.full(above.shape, np.nan), where=below > 0)


def _year_ago(age: FloatArray, horizon_days: int) -> NDArray[np.bool_]:
    """Lines of the horizon's time of the year, a year ago, with two weeks to each side."""
    return (age > YEAR - horizon_days - 14) & (age <= YEAR + 14)


def _first_and_last(
    codes: NDArray[np.integer], age: FloatArray, n: int
) -> tuple[FloatArray, FloatArray]:
    """Days since the first and since the last line of each code; 0 and inf without one."""
    first, last = np.zeros(n), np.full(n, np.inf)
    np.maximum.at(first, codes, age)
    np.minimum.at(last, codes, age)
    return first, last


def orders_ago(interactions: Interactions) -> tuple[FloatArray, FloatArray]:
    """How many orders of the customer came after each line's order (lines), and the number of
    orders of each customer (customers)."""
    place, count = basket_places(interactions)
    orders = np.zeros(interactions.n_customers)
    orders[interactions.customer] = count
    return (count - 1 - place).astype(np.float64), orders


def _pairs(interactions: Interactions, horizon_days: int) -> Columns:
    pairs, age = interactions.pairs, interactions.age_days
    ago, orders = orders_ago(interactions)
    orders = orders[pairs.customer]
    count = pairs.sum(np.ones(len(interactions)))
    first, last = _first_and_last(pairs.of_line, age, pairs.item.size)
    oldest, newest = _first_and_last(pairs.of_line, ago, pairs.item.size)
    gap = _ratio(first - last, count - 1)
    recent = {
        f"pair.in_last_{n}_orders": pairs.sum((ago < n).astype(np.float64)) / np.minimum(orders, n)
        for n in (3, 10)
    }
    return {
        "pair.lines": count,
        **{f"pair.lines_decayed_{h:.0f}": interactions.decayed_lines(h) for h in HALF_LIVES},
        "pair.orders_decayed": pairs.sum(ORDER_DECAY**ago),
        "pair.days_since": last,
        "pair.days_known": first,
        "pair.gap_days": gap,
        "pair.overdue": _ratio(last, gap),
        "pair.value": pairs.sum(interactions.value),
        "pair.units": pairs.sum(interactions.quantity),
        "pair.orders_ago": newest,
        **recent,
        "pair.share_of_orders": count / orders,
        "pair.share_of_orders_since": count / (oldest + 1),
        "pair.year_ago": pairs.sum(_year_ago(age, horizon_days).astype(np.float64)),
    }


def _customers(interactions: Interactions, horizon_days: int) -> Columns:
    n, customer, age = interactions.n_customers, interactions.customer, interactions.age_days
    key = interactions.customer.astype(np.int64) << 32 | interactions.order
    _, at = np.unique(key, return_index=True)  # one line of each order
    owner, days = customer[at], age[at]
    orders = np.bincount(owner, minlength=n).astype(np.float64)
    lines = np.bincount(customer, minlength=n).astype(np.float64)
    first, last = _first_and_last(customer, age, n)
    gap = _ratio(first - last, orders - 1)
    return {
        "customer.orders_28": np.bincount(owner, days <= 28, minlength=n),
        "customer.orders_84": np.bincount(owner, days <= 84, minlength=n),
        "customer.orders_year_ago": np.bincount(owner, _year_ago(days, horizon_days), n),
        "customer.gap_days": gap,
        "customer.overdue": _ratio(last, gap),
        "customer.lines_of_an_order": _ratio(lines, orders),
        "customer.value_of_a_line": _ratio(np.bincount(customer, interactions.value, n), lines),
        "customer.repeat_share": 1 - _ratio(np.diff(interactions.pairs.indptr), lines),
    }


def _items(interactions: Interactions, horizon_days: int) -> Columns:
    n, item, age = interactions.n_items, interactions.item, interactions.age_days
    pairs = interactions.pairs

    def lines(older: float, until: float) -> FloatArray:
        return np.bincount(item, (age > older) & (age <= until), n).astype(np.float64)

    everything = np.bincount(item, minlength=n).astype(np.float64)
    buyers = np.bincount(pairs.item, minlength=n).astype(np.float64)
    bought_again = np.bincount(pairs.item, np.bincount(pairs.of_line) > 1, n)
    month, fortnight = lines(0, 28), lines(0, 14)
    season = lines(YEAR - horizon_days, YEAR)
    return {
        "item.lines_7": lines(0, 7),
        "item.lines_14": fortnight,
        "item.lines_28": month,
        "item.lines_56": lines(0, 56),
        "item.trend": (month + 1) / (lines(28, 84) / 2 + 1),
        "item.trend_14": (fortnight + 1) / (month - fortnight + 1),
        "item.lines_of_a_buyer": _ratio(everything, buyers),
        "item.repeat_share": _ratio(bought_again, buyers),
        "item.value_of_a_line": _ratio(np.bincount(item, interactions.value, n), everything),
        "item.lines_year_ago": season,
        "item.season": (season + 1) / (lines(YEAR, YEAR + horizon_days) + 1),
    }


def _markets(interactions: Interactions) -> Columns:
    """How an item sells in the customer's market, beside its best, and how large that is."""
    catalogue = interactions.catalogue
    home = catalogue.customer_market[interactions.customers]
    size = np.bincount(home, minlength=len(catalogue.markets)).astype(np.float64)
    columns: Columns = {"market.customers": np.repeat(size[:, None], interactions.n_items, axis=1)}
    for half_life in (14.0, 90.0):
        lines = lines_by_market(interactions, half_life)
        best = np.maximum(lines.max(axis=1, keepdims=True), 1e-300)
        columns[f"market.popularity_{half_life:.0f}"] = lines / best
    return columns


def _season(interactions: Interactions, horizon_days: int) -> dict[str, FloatArray]:
    """The middle of the horizon on the circle of the year."""
    day = interactions.as_of / MINUTES_PER_DAY + horizon_days / 2
    angle = 2 * np.pi * day / 365.25
    return {"season.sin": np.asarray(np.sin(angle)), "season.cos": np.asarray(np.cos(angle))}
