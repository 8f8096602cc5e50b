"""From a clean frame of order lines to sorted integer columns and their catalogue."""

import re
from typing import Any

import numpy as np
import pandas as pd
import pyarrow as pa
from numpy.typing import NDArray

from restock.dataset import columns as c
from restock.dataset.catalogue import Catalogue
from restock.dataset.texts import factorize


def encode(frame: pd.DataFrame) -> tuple[dict[str, NDArray[Any]], Catalogue]:
    """The columns of ``Interactions`` and their catalogue, from a clean frame.

    Raises TypeError when it is no frame, and ValueError naming the column that is missing or
    holds what cannot be encoded.
    """
    if not isinstance(frame, pd.DataFrame):
        remedy = "pass its .orders" if hasattr(frame, "orders") else "read_orders makes one"
        raise TypeError(f"order lines come as a frame, not as {type(frame).__name__}: {remedy}")
    _check(frame)
    customer, customer_ids = _factorize(frame[c.CUSTOMER])
    item, item_ids = _factorize(frame[c.ITEM])
    market, market_ids = _factorize(frame[c.MARKET])
    order = _order_codes(frame[c.ORDER], customer)
    minute = frame[c.TIMESTAMP].to_numpy(dtype="datetime64[m]").astype(np.int64)
    first = np.full(int(order.max()) + 1 if order.size else 0, np.iinfo(np.int64).max)
    np.minimum.at(first, order, minute)
    minute = first[order]
    quantity = frame[c.QUANTITY].to_numpy(dtype=np.float64)
    value = quantity * frame[c.UNIT_PRICE].to_numpy(dtype=np.float64)

    # quantity and value as last keys: equal lines are added up in the same order always
    by = np.lexsort((market, value, quantity, item, order, minute, customer))
    customer, item, order, minute = (a[by] for a in (customer, item, order, minute))
    start = np.ones(by.size, dtype=bool)
    start[1:] = (order[1:] != order[:-1]) | (item[1:] != item[:-1])
    starts = np.flatnonzero(start)
    lines: dict[str, NDArray[Any]] = {
        "customer": customer[starts].astype(np.int32),
        "item": item[starts].astype(np.int32),
        "order": order[starts].astype(np.int32),
        "minute": minute[starts].astype(np.int32),
        "quantity": _add_up(quantity[by], starts),
        "value": _add_up(value[by], starts),
    }
    customer_market = _home_market(customer, market[by], len(customer_ids))
    catalogue = Catalogue(
        customers=pa.table({"id": pa.array(customer_ids, pa.string()), "market": customer_market}),
        items=_item_table(frame, item_ids),
        markets=tuple(str(m) for m in market_ids),
    )
    return lines, catalogue


def _check(frame: pd.DataFrame) -> None:
    missing = [name for name in c.REQUIRED if name not in frame.columns]
    if missing:
        raise ValueError(
            f"the order lines have no column {', '.join(missing)}; "
            "read them with restock.dataset.read_orders(…, columns={'your name': 'ours'})"
        )
    nulls = [name for name in c.REQUIRED if frame[name].isna().any()]
    if nulls:
        raise ValueError(f"missing values in {', '.join(nulls)}: clean with read_orders first")
    if not pd.api.types.is_datetime64_dtype(frame[c.TIMESTAMP]):
        raise ValueError(
            f"{c.TIMESTAMP} must be local time without a time zone (datetime64), not "
            f"{frame[c.TIMESTAMP].dtype}: use read_orders(…, time_zones={{…}})"
        )
    for market in frame[c.MARKET].astype(str).unique():
        if not re.fullmatch(c.MARKET_PATTERN, market):
            raise ValueError(
                f"{market!r} is no market code (2 to 8 letters A to Z): use "
                "read_orders(…, country_names={'name': 'CODE'})"
            )
    quantity = frame[c.QUANTITY].to_numpy(dtype=np.float64)
    price = frame[c.UNIT_PRICE].to_numpy(dtype=np.float64)
    if not (np.isfinite(quantity).all() and (quantity > 0).all()):
        raise ValueError(f"{c.QUANTITY} must be finite and above 0: clean with read_orders first")
    if not (np.isfinite(price).all() and (price >= 0).all()):
        raise ValueError(f"{c.UNIT_PRICE} must be finite and not negative: use read_orders first")


def _factorize(column: pd.Series) -> tuple[NDArray[np.int64], NDArray[np.object_]]:
    return factorize(column.astype(str).to_numpy(dtype=object), sort=True)


def _order_codes(order_ids: pd.Series, customer: NDArray[np.int64]) -> NDArray[np.int64]:
    """One code per (order id, customer): two customers never share an order."""
    codes, _ = _factorize(order_ids)
    width = int(customer.max()) + 1 if customer.size else 1
    _, dense = np.unique(codes * width + customer, return_inverse=True)
    return dense.astype(np.int64)


def _add_up(values: NDArray[np.float64], starts: NDArray[np.int64]) -> NDArray[np.float32]:
    if starts.size == 0:
        return np.empty(0, dtype=np.float32)
    return np.add.reduceat(values, starts).astype(np.float32)


def _home_market(
    customer: NDArray[np.int64], market: NDArray[np.int64], n_customers: int
) -> NDArray[np.int32]:
    """The market of each customer's last line, in the order of the sorted lines."""
    home = np.zeros(n_customers, dtype=np.int32)
    home[customer] = market  # lines are in order of time: the last one stays
    return home


def _item_table(frame: pd.DataFrame, item_ids: NDArray[np.object_]) -> pa.Table:
    """Name and category: the most frequent of an item's; unit cost: the highest known."""

    def most_frequent(name: str) -> pa.Array:
        if name not in frame.columns:
            return pa.array([None] * len(item_ids), pa.string())
        known = frame[[c.ITEM, name]].dropna().astype(str)
        known = known[known[name] != ""]
        counts = known.value_counts().reset_index(name="n")
        counts = counts.sort_values([c.ITEM, "n", name], ascending=[True, False, True])
        best = counts.drop_duplicates(c.ITEM).set_index(c.ITEM)[name]
        return pa.array(
            best.reindex(item_ids).to_numpy(dtype=object), pa.string(), from_pandas=True
        )

    cost = np.full(len(item_ids), np.nan, dtype=np.float32)
    if c.UNIT_COST in frame.columns:
        costs = frame.assign(**{c.ITEM: frame[c.ITEM].astype(str)}).groupby(c.ITEM)[c.UNIT_COST]
        cost = costs.max().reindex(item_ids).to_numpy(dtype=np.float32)
    return pa.table(
        {
            "id": pa.array(item_ids, pa.string()),
            "name": most_frequent(c.ITEM_NAME),
            "category": most_frequent(c.CATEGORY),
            "unit_cost": pa.array(cost, pa.float32()),
        }
    )
