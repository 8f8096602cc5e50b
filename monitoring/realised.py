"""What published lists came to: every order that came is judged by the list then in force.

An order here is all that a customer bought on one day. Its ndcg is that of the whole order against
the customer's list: sum of 1 / log2(rank + 1) over the bought items that were listed, over the
same sum of the best list possible, min(k, items) places (Järvelin and Kekäläinen 2002). A
customer without a list sees the one for unknown customers.
"""

import datetime as dt
from collections.abc import Mapping, Sequence

import numpy as np
import pandas as pd
from numpy.typing import NDArray

from restock.dataset import Interactions
from restock.dataset.interactions import MINUTES_PER_DAY, minute_of

DAY, TOKEN, PLAN = "day", "token", "plan_key"
SUMS = ("orders", "customers", "ndcg", "ndcg_squared", "captured", "spend", "taken")
COUNTS = ("lines", "listed_lines", "unknown")
COLUMNS = (DAY, TOKEN, PLAN, *SUMS, *COUNTS)
UNKNOWN_CUSTOMER = ""
"""Id of the customer whose list is for those without one."""

InForce = Sequence[tuple[dt.date, str, str]]
"""First day, token and plan of each publication, in order of the days."""


def realised_days(
    interactions: Interactions,
    market: str,
    lists: Mapping[str, pd.DataFrame],
    in_force: InForce,
    first: dt.date,
    end: dt.date,
    k: int,
) -> pd.DataFrame:
    """One row for each day from ``first`` to ``end`` (exclusive) with orders and lists in force.

    lists: token → its rows: customer_id, rank (from 1), item_id; the days of a token without are
    left out. Columns: day (datetime64[ms]),
    token, plan_key; orders, customers; sums over orders: ndcg, ndcg_squared, captured (spend on
    listed items), spend, taken (orders with a listed item); lines and listed_lines (distinct
    items of an order); unknown: orders of customers without a list. Rows do not depend on each
    other: days can be computed in any pieces.
    """
    ends = [*(start for start, _, _ in in_force[1:]), *([end] if in_force else [])]
    found = [
        _period(interactions, market, lists[token], max(start, first), min(stop, end), k).assign(
            token=token, plan_key=plan
        )
        for (start, token, plan), stop in zip(in_force, ends, strict=True)
        if token in lists and max(start, first) < min(stop, end)
    ]
    found = [days for days in found if len(days)]
    table = pd.concat(found, ignore_index=True) if found else nothing_realised()
    return table[list(COLUMNS)]


def realised_orders(
    interactions: Interactions,
    market: str,
    lists: pd.DataFrame,
    first: dt.date,
    end: dt.date,
    k: int,
) -> pd.DataFrame:
    """Every order of a market judged by some lists: one row each.

    Columns: customer (code), day (days since 1970), ndcg, captured, spend, taken (0 or 1), lines,
    listed_lines, unknown (0 or 1); sorted by day and customer.
    """
    bought = _bought(interactions, market, first, end)
    rank, unknown = _ranks(interactions, lists, bought, k)
    order, at = np.unique(
        bought["day"].to_numpy() * np.int64(interactions.n_customers)
        + bought["customer"].to_numpy(),
        return_inverse=True,
    )
    listed = rank > 0
    gains = np.where(listed, 1 / np.log2(np.maximum(rank, 1) + 1.0), 0.0)
    value = bought["value"].to_numpy()
    lines = np.bincount(at, minlength=order.size)
    best = np.append(0.0, np.cumsum(1 / np.log2(np.arange(1, k + 1) + 1.0)))
    return pd.DataFrame(
        {
            "customer": order % interactions.n_customers,
            DAY: order // interactions.n_customers,
            "ndcg": np.bincount(at, gains, order.size) / best[np.minimum(lines, k)],
            "captured": np.bincount(at, value * listed, order.size),
            "spend": np.bincount(at, value, order.size),
            "taken": (np.bincount(at, listed, order.size) > 0).astype(np.int64),
            "lines": lines,
            "listed_lines": np.bincount(at, listed, order.size).astype(np.int64),
            "unknown": (np.bincount(at, unknown, order.size) > 0).astype(np.int64),
        }
    )


def _period(
    interactions: Interactions,
    market: str,
    lists: pd.DataFrame,
    first: dt.date,
    end: dt.date,
    k: int,
) -> pd.DataFrame:
    orders = realised_orders(interactions, market, lists, first, end, k)
    orders = orders.assign(orders=1, customers=1, ndcg_squared=np.square(orders["ndcg"]))
    days = orders.groupby(DAY)[[*SUMS, *COUNTS]].sum().reset_index()
    stamps = days[DAY].to_numpy().astype("datetime64[D]").astype("datetime64[ms]")
    return days.assign(**{DAY: stamps})


def _bought(interactions: Interactions, market: str, first: dt.date, end: dt.date) -> pd.DataFrame:
    """Customer, day, item and spend: the distinct items of each order."""
    code = interactions.catalogue.market_code(market)
    mine = interactions.catalogue.customer_market[interactions.customer] == code
    mine &= (interactions.minute >= minute_of(first)) & (interactions.minute < minute_of(end))
    frame = pd.DataFrame(
        {
            "customer": interactions.customer[mine].astype(np.int64),
            "day": interactions.minute[mine].astype(np.int64) // MINUTES_PER_DAY,
            "item": interactions.item[mine].astype(np.int64),
            "value": interactions.value[mine].astype(np.float64),
        }
    )
    return frame.groupby(["customer", "day", "item"], as_index=False)[["value"]].sum()


def _ranks(
    interactions: Interactions, lists: pd.DataFrame, bought: pd.DataFrame, k: int
) -> tuple[NDArray[np.int64], NDArray[np.bool_]]:
    """The rank of each bought item on its customer's list (0: not listed), and who has none."""
    catalogue, items = interactions.catalogue, interactions.n_items
    known = pd.Index(catalogue.customers["id"].to_pandas())
    top = lists[lists["rank"] <= k]
    owner = known.get_indexer(pd.Index(top["customer_id"]))
    owner = np.where(top["customer_id"] == UNKNOWN_CUSTOMER, interactions.n_customers, owner)
    item = pd.Index(catalogue.items["id"].to_pandas()).get_indexer(pd.Index(top["item_id"]))
    there = (owner >= 0) & (item >= 0)
    rank_of = pd.Series(
        top["rank"].to_numpy()[there], index=owner[there].astype(np.int64) * items + item[there]
    )
    has_list = np.zeros(interactions.n_customers + 1, dtype=bool)
    has_list[owner[owner >= 0]] = True
    customer = bought["customer"].to_numpy()
    unknown = ~has_list[customer]
    asked = (
        np.where(unknown, interactions.n_customers, customer) * items + bought["item"].to_numpy()
    )
    return rank_of.reindex(asked, fill_value=0).to_numpy().astype(np.int64), unknown


def nothing_realised() -> pd.DataFrame:
    """The table of ``realised_days`` without a row."""
    kinds = {DAY: "datetime64[ms]", TOKEN: "object", PLAN: "object"}
    kinds |= dict.fromkeys(("ndcg", "ndcg_squared", "captured", "spend"), "float64")
    return pd.DataFrame({name: np.empty(0, kinds.get(name, "int64")) for name in COLUMNS})
