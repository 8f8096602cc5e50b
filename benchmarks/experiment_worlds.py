"""Customers to draw arms from: of the simulator and of Online Retail."""

import datetime as dt
from dataclasses import dataclass

import numpy as np
import pandas as pd

from restock.dataset import Interactions, load_sample, simulate
from restock.dataset.catalogue import IntArray
from restock.evaluation.experiments import customer_outcomes
from restock.evaluation.folds import FloatArray

DAYS, BEFORE = 28, 84
SIMULATED = 20_000
STORE_SIZE, STORE_SPREAD = 12, 0.8


@dataclass(frozen=True, eq=False)
class World:
    """Orders of one market, and an experiment of ``DAYS`` days in which nothing is done.

    customers: codes of those who ordered in the ``BEFORE`` days before, as one would assign them.
    """

    name: str
    orders: Interactions
    start: dt.date

    @classmethod
    def simulated(cls, customers: int = SIMULATED, seed: int = 6) -> "World":
        """One market of the fitted simulator."""
        made = simulate(customers={"FR": customers}, items=2000, days=140, seed=seed)
        orders = made.interactions()
        return cls("simulator", orders, orders.as_of_date - dt.timedelta(days=DAYS))

    @classmethod
    def online_retail(cls) -> "World":
        """Great Britain in Online Retail, until the last full month: 3 to 30 November 2011."""
        orders = Interactions.from_frame(load_sample().orders).of_market("GB")
        return cls("online_retail", orders, dt.date(2011, 11, 3))

    @property
    def customers(self) -> IntArray:
        """Codes (int32)."""
        return self.orders.between(self.start - dt.timedelta(days=BEFORE), self.start).customers

    def units(self, days: int = DAYS) -> pd.DataFrame:
        """What they did in the first ``days`` days, and before."""
        end = self.start + dt.timedelta(days=days)
        return customer_outcomes(self.orders, self.customers, self.start, end, before_days=BEFORE)

    def order_squares(self) -> FloatArray:
        """The sum of the squared order values of each customer (float64)."""
        lines = self.orders.between(self.start, self.start + dt.timedelta(days=DAYS))
        order, first = np.unique(lines.order, return_index=True)
        place = np.searchsorted(order, lines.order)
        values = np.bincount(place, weights=lines.value.astype(np.float64), minlength=order.size)
        of = lines.customer[first]
        n = self.orders.n_customers
        return np.bincount(of, weights=values**2, minlength=n)[self.customers].astype(np.float64)

    def stores(self, seed: int = 0) -> tuple[pd.DataFrame, FloatArray]:
        """The units in stores whose customers buy more or less together, and the store of each.

        Stores have 1 + Poisson(``STORE_SIZE`` - 1) customers; a log-normal factor of the store
        with spread ``STORE_SPREAD`` multiplies what its customers do, now and before.
        """
        generator = np.random.default_rng(seed)
        units = self.units()
        sizes = 1 + generator.poisson(STORE_SIZE - 1, len(units))
        store = np.repeat(np.arange(sizes.size), sizes)[: len(units)]
        generator.shuffle(store)
        factor = np.exp(STORE_SPREAD * generator.standard_normal(sizes.size))
        return units.mul(factor[store], axis=0), store.astype(np.float64)
