"""Features of customers and items: what was known of them at the cut-off, and no more."""

from dataclasses import dataclass
from typing import TYPE_CHECKING, Any, Literal, Protocol

import numpy as np
from numpy.typing import NDArray

if TYPE_CHECKING:
    from restock.dataset.interactions import Interactions

Entity = Literal["customer", "item"]


@dataclass(frozen=True, eq=False)
class Features:
    """One row per code of the catalogue, one column per feature.

    names: of the columns. values: float32 (customers or items × features), NaN = unknown.
    """

    names: tuple[str, ...]
    values: NDArray[np.float32]


class FeatureStore(Protocol):
    """Where features come from. Point-in-time correct: see ``read``."""

    def read(self, entity: Entity, interactions: "Interactions") -> Features:
        """What was known of every customer or item at ``interactions.as_of`` (exclusive)."""
        ...


def joined(first: Features, second: Features, entity: Entity) -> Features:
    """The columns of both, of the same rows. ValueError where a name would be there twice."""
    twice = sorted(set(first.names) & set(second.names))
    if twice:
        raise ValueError(
            f"{', '.join(twice)}: the {entity} features have this name already; rename the column"
        )
    return Features(first.names + second.names, np.hstack([first.values, second.values]))


class OrderFeatures:
    """The default: nothing but the order lines themselves, which end at the cut-off.

    customer: ``orders``, ``lines``, ``items`` (distinct), ``days_since_order``,
    ``days_known`` (since the first order), ``spend``. item: ``lines``, ``buyers``,
    ``days_since_sold``, ``days_known``, ``price`` (mean value of a unit). Days are counted
    back from ``as_of``; NaN where there is no line. Cost: a few passes over the lines.
    """

    def read(self, entity: Entity, interactions: "Interactions") -> Features:
        """See ``FeatureStore.read``."""
        if entity == "customer":
            return _of_customers(interactions)
        return _of_items(interactions)


def _of_customers(interactions: "Interactions") -> Features:
    n, customer = interactions.n_customers, interactions.customer
    lines = np.bincount(customer, minlength=n)
    key = np.unique(customer.astype(np.int64) << 32 | interactions.order)
    orders = np.bincount(key >> 32, minlength=n)
    spend = np.bincount(customer, interactions.value, minlength=n)
    last, first = _ages(customer, interactions.age_days, n)
    columns = {
        "orders": orders,
        "lines": lines,
        "items": np.diff(interactions.pairs.indptr),
        "days_since_order": last,
        "days_known": first,
        "spend": spend,
    }
    return _table(columns, lines > 0)


def _of_items(interactions: "Interactions") -> Features:
    n, item = interactions.n_items, interactions.item
    lines = np.bincount(item, minlength=n)
    units = np.bincount(item, interactions.quantity, minlength=n)
    value = np.bincount(item, interactions.value, minlength=n)
    last, first = _ages(item, interactions.age_days, n)
    columns = {
        "lines": lines,
        "buyers": np.bincount(interactions.pairs.item, minlength=n),
        "days_since_sold": last,
        "days_known": first,
        "price": value / np.maximum(units, 1e-9),
    }
    return _table(columns, lines > 0)


def _ages(
    codes: NDArray[np.int32], age: NDArray[np.float64], n: int
) -> tuple[NDArray[np.float64], NDArray[np.float64]]:
    """Days since the last and since the first line of each code."""
    last, first = np.full(n, np.inf), np.zeros(n)
    np.minimum.at(last, codes, age)
    np.maximum.at(first, codes, age)
    return last, first


def _table(columns: dict[str, NDArray[Any]], known: NDArray[np.bool_]) -> Features:
    values = np.column_stack(list(columns.values())).astype(np.float32)
    values[~known] = np.nan
    return Features(tuple(columns), values)
