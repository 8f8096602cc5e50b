"""Markets whose lists are known to come to what they came to: simulated orders, real lists.

A world is one simulated market. Its lists are those of ``reorder``, refitted every week and made
anew every night out of what the market has in stock, as a night of retraining makes them. Each
order is judged by its customer's list of that day.
"""

import datetime as dt
from collections.abc import Iterator
from typing import Any, NamedTuple

import numpy as np
import pandas as pd
from numpy.typing import NDArray

from restock.dataset import Interactions
from restock.dataset.simulate import make_setting, run
from restock.dataset.simulated_world import BURN, Setting
from restock.evaluation.folds import Relevance
from restock.evaluation.metrics import columns, metric_name, rank
from restock.kernels.simulation import available_items
from restock.models import create
from restock.models.base import Recommender
from restock.monitoring.realised import realised_orders

K = 10
HISTORY, LEARNING, WATCHED = 366, 56, 275
"""Days before the first list; days of the ledger before anything is told; days that are watched."""
DAYS = HISTORY + LEARNING + WATCHED
START = dt.date(2025, 1, 1)
"""The ledger's first day: simulated worlds begin with 2024."""
MARKET = "FR"
CUSTOMERS_PER_ORDER = 150
"""Customers of the simulated market for one order a day."""


class Orders(NamedTuple):
    """Every order of a world that had a list: arrays, one row per customer and day.

    customer: int64. day: int64, from the ledger's first day on. ndcg: float64. customers: how
    many there are.
    """

    customer: NDArray[np.int64]
    day: NDArray[np.int64]
    ndcg: NDArray[np.float64]
    customers: int

    @property
    def per_day(self) -> float:
        """Orders of a calendar day, on average."""
        return self.ndcg.size / (LEARNING + WATCHED)

    def of(self, customers: NDArray[np.bool_]) -> "Orders":
        """The orders of some customers: a smaller market."""
        kept = customers[self.customer]
        return Orders(self.customer[kept], self.day[kept], self.ndcg[kept], self.customers)

    def degraded(self, share: float, start: int, seed: int) -> "Orders":
        """From a day on, this share of the orders meets a list without a hit."""
        random = np.random.default_rng(seed)
        spoilt = (self.day >= start) & (random.random(self.ndcg.size) < share)
        return self._replace(ndcg=np.where(spoilt, 0.0, self.ndcg))


def ledger(orders: Orders) -> pd.DataFrame:
    """The realised ledger of a market; of money and items it knows nothing."""
    days = LEARNING + WATCHED
    count = np.bincount(orders.day, minlength=days)
    table = pd.DataFrame(
        {
            "day": np.datetime64(START) + np.arange(days),
            "orders": count,
            "ndcg": np.bincount(orders.day, orders.ndcg, days),
            "ndcg_squared": np.bincount(orders.day, np.square(orders.ndcg), days),
            "captured": 0.0,
            "spend": 1.0,
            "taken": 0,
            "mature": True,
        }
    )
    return table[count > 0].reset_index(drop=True)


def markets(orders: Orders, per_day: int, most: int, seed: int) -> Iterator[Orders]:
    """Markets of so many orders a day, of different customers of a world each; at most ``most``."""
    share = per_day / orders.per_day
    if share > 0.9:
        yield orders
        return
    place = np.random.default_rng(seed).random(orders.customers) / share
    for at in range(min(int(1 / share), most)):
        yield orders.of(place.astype(np.int64) == at)


def judged(per_day: int, seed: int) -> Orders:
    """Simulate a world of about so many orders a day and judge every order by its list."""
    setting = make_setting(
        markets=1,
        customers={MARKET: CUSTOMERS_PER_ORDER * per_day},
        items=2000,
        days=DAYS,
        seed=seed,
    )
    lines = run(setting).interactions(everyone=True)
    parts = []
    for at in range(0, LEARNING + WATCHED, 7):
        model = create("reorder").fit(lines.before(START + dt.timedelta(days=at)))
        end = min(at + 7, LEARNING + WATCHED)
        week = lines.between(START + dt.timedelta(days=at), START + dt.timedelta(days=end))
        parts += [_day(setting, model, week, day) for day in range(at, end)]
    customer, day, ndcg = (np.concatenate(column) for column in zip(*parts, strict=True))
    return Orders(customer, day, ndcg, lines.n_customers)


def _day(
    setting: Setting, model: Recommender[Any], week: Interactions, day: int
) -> tuple[NDArray[np.int64], NDArray[np.int64], NDArray[np.float64]]:
    """Customer, day and ndcg of a day's orders, by lists of what is in stock on it."""
    date = START + dt.timedelta(days=day)
    orders = week.between(date, date + dt.timedelta(days=1))
    customers = orders.customers
    if not customers.size:
        nothing = np.zeros(0, dtype=np.int64)
        return nothing, nothing, np.zeros(0)
    allowed = available_items(setting.world, 0, BURN + HISTORY + day)
    lists = model.recommend(customers, K, allowed=allowed)
    pairs = orders.pairs
    bought = Relevance(
        customers,
        np.append(pairs.indptr[customers], pairs.item.size),
        pairs.item,
        pairs.sum(orders.value),
        np.full(pairs.item.size, np.nan),
        np.zeros(pairs.item.size, dtype=np.bool_),
    )
    scores = np.empty((customers.size, len(columns(K))))
    rank(lists.items, bought, orders.n_items, scores)
    ndcg = scores[:, columns(K).index(metric_name("ndcg", K))]
    if day == 0:  # what is summed up here is what the platform's ledger sums up
        table = lists.frame(orders.catalogue)
        end = date + dt.timedelta(days=1)
        theirs = realised_orders(orders, MARKET, table, date, end, K)
        np.testing.assert_allclose(theirs["ndcg"], ndcg)
    return customers.astype(np.int64), np.full(customers.size, day, dtype=np.int64), ndcg
