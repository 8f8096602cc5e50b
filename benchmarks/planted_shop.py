"""A small shop for planted leaks: its orders, its tables, and a list by any weight of the items."""

import datetime as dt
from typing import Any

import numpy as np
import pandas as pd
from numpy.typing import NDArray

from restock.dataset import Interactions, read_orders, simulate
from restock.dataset import columns as c
from restock.dataset.feature_tables import ID, KNOWN_AT
from restock.evaluation.leaks import World, by_customer
from restock.models import create
from restock.models.recommendations import Recommendations

CUTOFF = dt.date(2024, 8, 1)
K = 5

FloatArray = NDArray[np.float64]
Lists = dict[str, tuple[object, ...]]


def make_world(seed: int = 0, customers: int = 75, items: int = 80) -> World:
    """Raw orders of two markets with cancellations, and tables that say something every month."""
    rng = np.random.default_rng(seed)
    sizes = {"FR": customers, "DE": customers}
    orders = simulate(customers=sizes, items=items, days=300, seed=seed).orders
    orders = orders[[*c.REQUIRED]]
    back = orders.sample(frac=0.05, random_state=seed)
    later = pd.to_timedelta(rng.integers(1, 40, len(back)), unit="D")
    back = back.assign(**{c.QUANTITY: -back[c.QUANTITY], c.TIMESTAMP: back[c.TIMESTAMP] + later})
    sold = np.unique(orders[c.ITEM].astype(str))
    months = pd.date_range(orders[c.TIMESTAMP].min().normalize(), periods=10, freq="30D")
    told = pd.MultiIndex.from_product([sold, months], names=[ID, KNOWN_AT]).to_frame(index=False)
    tables = {
        "item": told.assign(stock=rng.gamma(2.0, 5.0, len(told)).astype(np.float32)),
        "prices": told.assign(price=np.exp(rng.normal(1.0, 0.8, len(told)))),
        "eligible": told.assign(eligible=rng.random(len(told)) < 0.7),
        "promotions": told.assign(reduced=rng.random(len(told)) < 0.3),
    }
    return World(pd.concat([orders, back], ignore_index=True), tables, raw=True)


def known_and_later(world: World, cutoff: dt.date) -> Interactions:
    """All lines, of which those before the cut-off are what was known there: the right way.

    What came later is read on its own, so that no return lowers an earlier order and no move
    changes a home.
    """
    past = read_orders(world.orders, as_of=cutoff).orders
    home = past.drop_duplicates(c.CUSTOMER).set_index(c.CUSTOMER)[c.MARKET]
    later = world.orders[~world.before(cutoff) & (world.orders[c.QUANTITY] > 0).to_numpy()]
    market = later[c.CUSTOMER].map(home).fillna(later[c.MARKET])
    # a newcomer has one home too, whichever it is
    market = market.groupby(later[c.CUSTOMER]).transform("first")
    parts = [past, later.assign(**{c.MARKET: market})]
    whole = pd.concat([part for part in parts if len(part)], ignore_index=True)
    return Interactions.from_frame(whole)


def known_rows(table: pd.DataFrame, cutoff: dt.date, leaky: bool) -> pd.DataFrame:
    """The last row of each id: of those known at the cut-off, or of all."""
    rows = table if leaky else table[(table[KNOWN_AT] < pd.Timestamp(cutoff)).to_numpy()]
    return rows.sort_values([ID, KNOWN_AT]).drop_duplicates(ID, keep="last").set_index(ID)


def by_item(table: pd.DataFrame, name: str, train: Interactions, unknown: float) -> FloatArray:
    """A column of a table by item code (float64, items)."""
    ids = train.catalogue.items["id"].to_pylist()
    return table[name].reindex(ids).fillna(unknown).to_numpy(dtype=np.float64)


def lines_of_items(interactions: Interactions) -> FloatArray:
    """Order lines per item (float64, items)."""
    return np.bincount(interactions.item, minlength=interactions.n_items).astype(np.float64)


def list_by(
    train: Interactions,
    weight: NDArray[np.floating[Any]],
    allowed: NDArray[np.bool_] | None = None,
    floor: float = 0.01,
) -> Lists:
    """Lists by (lines of the customer and item + floor) × weight of the item, ties by code."""
    customers, lines = train.customers, np.zeros((train.n_customers, train.n_items))
    np.add.at(lines, (train.customer, train.item), 1.0)
    scores = ((lines[customers] + floor) * weight).astype(np.float32)
    sold = lines_of_items(train) > 0
    scores[:, ~(sold if allowed is None else sold & allowed)] = -np.inf
    items = np.argsort(-scores, axis=1, kind="stable")[:, :K].astype(np.int32)
    best = np.take_along_axis(scores, items, axis=1)
    items[best == -np.inf] = -1
    nothing = np.zeros(items.shape, dtype=bool)
    return by_customer(Recommendations(customers, items, best, nothing), train.catalogue)


def list_of_model(name: str, fitted_on: Interactions, train: Interactions) -> Lists:
    """Lists of a shipped model for all customers of the past."""
    model = create(name).fit(fitted_on)
    return by_customer(model.recommend(train.customers, K), train.catalogue)
