"""From clean order lines to sorted integer columns and their catalogue."""

import re
from typing import Any

import numpy as np
import pandas as pd
import pyarrow as pa
from numpy.typing import NDArray

from restock.dataset import columns as c
from restock.dataset.catalogue import Catalogue
from restock.dataset.lines import Lines
from restock.dataset.texts import Texts
from restock.kernels.orders import add_up, sort_orders
from restock.kernels.sorting import (
    counting_order,
    lowest,
    radix_order,
    recode,
    sole,
    starts_of,
)

Codes = NDArray[np.int32]
MINUTE = 60_000  # milliseconds


def encode(lines: Lines) -> tuple[dict[str, NDArray[Any]], Catalogue]:
    """The columns of ``Interactions`` and their catalogue, from lines that passed cleaning.

    All texts of the lines occur, sorted (see ``Texts.replaced`` and ``Texts.compact``).
    Raises ValueError naming the column that holds what cannot be encoded.
    """
    _check_values(lines)
    customer, item, market = lines.customer_id, lines.item_id, lines.market
    order, owner = order_codes(lines.order_id, customer)
    # an order happens at the time of its first line
    minute = (lowest(order, lines.time.view(np.int64), owner.size) // MINUTE).astype(np.int32)
    turn = radix_order(minute, owner)  # the orders by customer and time
    last, (of_line, items, quantity, value) = _added_up(lines, order, turn)
    home = np.zeros(customer.n_values, dtype=np.int32)
    home[owner[turn]] = market.codes[last[turn]]  # in order of time: the last one stays
    columns: dict[str, NDArray[Any]] = {
        "customer": recode(of_line, owner),
        "item": items,
        "order": of_line,
        "minute": recode(of_line, minute),
        "quantity": quantity,
        "value": value,
    }
    catalogue = Catalogue(
        customers=pa.table({"id": pa.array(customer.distinct, pa.string()), "market": home}),
        items=_item_table(lines, item),
        markets=tuple(str(name) for name in market.values),
    )
    return columns, catalogue


def _added_up(lines: Lines, order: Codes, turn: Codes) -> tuple[Codes, tuple[NDArray[Any], ...]]:
    """The last line of each order (int32), and what ``add_up`` makes of the lines of all."""
    item, quantity, price = lines.item_id.codes, lines.quantity, lines.unit_price
    start = starts_of(order, turn.size)
    rows = counting_order(order, start)
    # quantity and value as last keys: equal lines are added up in the same order always
    pairs = sort_orders(rows, start, item, quantity, price, lines.market.codes)
    return rows[start[1:] - 1], add_up(rows, start, turn, pairs, item, quantity, price)


def lines_of(frame: pd.DataFrame) -> Lines:
    """A clean frame of order lines (columns as in ``restock.dataset.columns``) as codes.

    Raises TypeError when it is no frame, and ValueError naming the column that is missing or
    holds what is no order line.
    """
    if not isinstance(frame, pd.DataFrame):
        remedy = "call its .interactions()" if hasattr(frame, "orders") else "read_orders makes one"
        raise TypeError(f"order lines come as a frame, not as {type(frame).__name__}: {remedy}")
    _check_columns(frame)
    texts = {
        name: Texts.of(frame[name] if _is_category(frame[name]) else frame[name].astype(str))
        for name in (c.MARKET, c.CUSTOMER, c.ORDER, c.ITEM)
    }
    names = {name: _names(frame[name]) for name in (c.ITEM_NAME, c.CATEGORY) if name in frame}
    time = frame[c.TIMESTAMP].to_numpy().astype("datetime64[ms]")
    cost = frame[c.UNIT_COST].to_numpy(np.float64) if c.UNIT_COST in frame else None
    return Lines(
        **{name: text.ordered().compact() for name, text in texts.items()},
        time=time,
        aware=np.zeros(time.size, dtype=bool),
        quantity=frame[c.QUANTITY].to_numpy(dtype=np.float64),
        unit_price=frame[c.UNIT_PRICE].to_numpy(dtype=np.float64),
        unit_cost=cost,
        **names,
    )


def _is_category(column: pd.Series) -> bool:
    return isinstance(column.dtype, pd.CategoricalDtype)


def _names(column: pd.Series) -> Texts:
    """The texts of a column as ``str`` writes them; an empty one is missing."""
    known = column.notna().to_numpy() & (column.astype(str) != "").to_numpy()
    text = Texts.of(column.astype(object).astype(str).where(known, None))
    return text.ordered()


def _check_columns(frame: pd.DataFrame) -> None:
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


def _check_values(lines: Lines) -> None:
    for market in lines.market.values:
        if not re.fullmatch(c.MARKET_PATTERN, market):
            raise ValueError(
                f"{market!r} is no market code (2 to 8 letters A to Z): use "
                "read_orders(…, country_names={'name': 'CODE'})"
            )
    quantity, price = lines.quantity, lines.unit_price
    if not (np.isfinite(quantity).all() and (quantity > 0).all()):
        raise ValueError(f"{c.QUANTITY} must be finite and above 0: clean with read_orders first")
    if not (np.isfinite(price).all() and (price >= 0).all()):
        raise ValueError(f"{c.UNIT_PRICE} must be finite and not negative: use read_orders first")


def order_codes(order: Texts, customer: Texts) -> tuple[Codes, Codes]:
    """One code per (order id, customer), in that order: two customers never share an order.

    Returns the code of each line and the customer of each code (int32 both). All texts of
    ``order`` and ``customer`` occur (see ``Texts.compact``).
    """
    owner = sole(order.codes, customer.codes, order.n_values)
    if (owner >= 0).all():
        return order.codes, owner
    width = customer.n_values
    shared = np.flatnonzero((owner == -2)[order.codes])
    keys_shared = order.codes[shared].astype(np.int64) * width + customer.codes[shared]
    single = np.flatnonzero(owner >= 0)
    keys_single = single * width + owner[single]
    keys = np.union1d(keys_single, keys_shared)
    of_order = np.zeros(owner.size, dtype=np.int32)
    of_order[single] = np.searchsorted(keys, keys_single)
    codes = of_order[order.codes]
    codes[shared] = np.searchsorted(keys, keys_shared)
    return codes, (keys % width).astype(np.int32)


def _item_table(lines: Lines, item: Texts) -> pa.Table:
    """Name and category: the most frequent of an item's; unit cost: the highest known."""
    cost = np.full(item.n_values, np.nan)
    if lines.unit_cost is not None:
        np.fmax.at(cost, item.codes, lines.unit_cost)
    return pa.table(
        {
            "id": pa.array(item.distinct, pa.string()),
            "name": _most_frequent(item, lines.item_name),
            "category": _most_frequent(item, lines.category),
            "unit_cost": pa.array(cost.astype(np.float32), pa.float32()),
        }
    )


def _most_frequent(item: Texts, names: Texts | None) -> pa.Array:
    """For each item the text that most of its lines have; of equals, the first in the alphabet."""
    n = item.n_values
    if names is None or names.n_values == 0:
        return pa.array([None] * n, pa.string())
    chosen = sole(item.codes, names.codes, n)
    several = np.flatnonzero((chosen == -2)[item.codes] & (names.codes >= 0))
    width = names.n_values
    keys = item.codes[several].astype(np.int64) * width + names.codes[several]
    pairs, count = np.unique(keys, return_counts=True)
    by = np.lexsort((-(pairs % width), count))  # the last one stays
    chosen[pairs[by] // width] = pairs[by] % width
    return pa.array(Texts(chosen, names.distinct).objects(), pa.string())
