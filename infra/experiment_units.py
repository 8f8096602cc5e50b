"""The rows of an experiment: customers, what they bought, and what they bought before."""

import datetime as dt
from collections.abc import Sequence
from pathlib import Path
from typing import Any

import numpy as np
import pandas as pd
from numpy.typing import NDArray

from restock.dataset import Interactions
from restock.dataset import columns as c
from restock.dataset.catalogue import IntArray
from restock.evaluation.experiments import customer_outcomes
from restock.evaluation.experiments.metric import BEFORE
from restock.infra.feed import take_in
from restock.infra.markets import Markets
from restock.infra.settings import Settings
from restock.infra.snapshots import open_snapshot
from restock.infra.store import Store

CLUSTER = "cluster"


class BadTable(ValueError):
    """A table of customers that cannot be used; the message names the file and the remedy."""


def read_interactions(
    store: Store,
    settings: Settings,
    declared: Markets,
    orders: str | None,
    as_of: dt.date | None,
    reading: dict[str, Any],
) -> Interactions:
    """The orders as they were known before ``as_of`` (None: all)."""
    feed = take_in(store, declared, orders, None, None, as_of, reading)
    return open_snapshot(feed.ingested.snapshot, settings)


def known_customers(
    interactions: Interactions, markets: Sequence[str], before: dt.date
) -> IntArray:
    """Codes (int32, ascending) of the customers of these markets with an order before a day.

    ValueError names a market without any.
    """
    past = interactions.before(before)
    catalogue = interactions.catalogue
    there = [one for one in markets if one in catalogue.markets]
    codes = [catalogue.market_code(one) for one in there]
    found: IntArray = past.customers[np.isin(catalogue.customer_market[past.customers], codes)]
    seen = set(catalogue.customer_market[found].tolist())
    empty = [one for one in markets if one not in there or catalogue.market_code(one) not in seen]
    if empty:
        raise ValueError(
            f"no customer of {', '.join(empty)} ordered before {before}; the orders are of "
            f"{', '.join(catalogue.markets)}"
        )
    return found


def outcomes(
    interactions: Interactions,
    declared: Markets,
    customers: IntArray,
    start: dt.date,
    end: dt.date,
    before_days: int,
) -> pd.DataFrame:
    """As ``customer_outcomes``, in the reporting currency where there is more than one market."""
    units = customer_outcomes(interactions, customers, start, end, before_days=before_days)
    catalogue = interactions.catalogue
    market = catalogue.customer_market[customers]
    if np.unique(market).size > 1:
        rate = np.array([declared.of(one).rate for one in catalogue.markets])[market]
        for name in ("revenue", "revenue" + BEFORE):
            units[name] *= rate
    return units


def read_table(path: str, wanted: Sequence[str]) -> pd.DataFrame:
    """These columns, as text, of a Parquet file or, by its name, a CSV file. BadTable."""
    try:
        if Path(path).suffix.lower() == ".csv":
            frame = pd.read_csv(path, dtype=str, keep_default_na=False)
        else:
            frame = pd.read_parquet(path)
    except (OSError, ValueError) as error:
        raise BadTable(f"{path} cannot be read as a table: {error}") from error
    missing = [name for name in wanted if name not in frame]
    if missing:
        raise BadTable(f"{path} has no column {', '.join(missing)}; it needs {', '.join(wanted)}")
    table = frame[list(wanted)]
    if table.isna().any().any():
        raise BadTable(f"{path} has missing values in {', '.join(wanted)}: leave no gaps")
    return table.astype(str).drop_duplicates()


def read_clusters(path: str) -> pd.Series:
    """The cluster (text) of each customer id. BadTable when one has two."""
    table = read_table(path, (c.CUSTOMER, CLUSTER))
    twice = table[table[c.CUSTOMER].duplicated()]
    if len(twice):
        raise BadTable(f"{path}: customer {twice.iloc[0][c.CUSTOMER]!r} is in two clusters")
    return table.set_index(c.CUSTOMER)[CLUSTER]


def clusters_of(ids: NDArray[np.object_], clusters: pd.Series | None) -> NDArray[np.object_] | None:
    """The cluster of each customer; None in it for those who have none, or without clusters."""
    if clusters is None:
        return None
    found = clusters.reindex(ids)
    values: NDArray[np.object_] = found.astype(object).where(found.notna(), None).to_numpy()
    return values
