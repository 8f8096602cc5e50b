"""The known truth of a simulated world: what customers want on a day, and what they will buy."""

import datetime as dt
from dataclasses import dataclass
from functools import cached_property

import numpy as np
import pandas as pd
from numpy.typing import NDArray

from restock.dataset.catalogue import IntArray
from restock.dataset.simulated_lines import Exposed
from restock.dataset.simulated_rooms import (
    first_lines,
    join_lines,
    new_lines,
    new_needs,
    new_scratch,
    new_state,
    sort_lines,
)
from restock.dataset.simulated_world import TAIL, Setting
from restock.kernels.random import keys_below
from restock.kernels.simulation import FUTURE, Customers, Lines
from restock.kernels.simulation_shop import Response, comers
from restock.kernels.simulation_truth import imagine, locate_all, order_chances, wants

FloatArray = NDArray[np.float64]


@dataclass(frozen=True, eq=False)
class Truth:
    """Expected values that no model can know.

    Customers and items are numbers of the setting: codes of ``setting.catalogue`` and of
    ``Simulation.interactions(everyone=True)``. ``day`` is a date of the visible window or one
    of the TAIL days after it; the state is that at its start, given the lines before it.
    """

    setting: Setting
    lines: Lines
    exposed: Exposed
    response: Response

    @cached_property
    def customers(self) -> pd.DataFrame:
        """One row per customer: id, market, what it is like.

        first_day: number of the day of its first order (negative: before the window).
        gap_days: scale of its gaps in business days. lapse: chance to be lost after an order.
        basket: usual number of items. reorder: factor on its needs. tastes, weights: tuples.
        """
        s = self.setting
        everyone = np.arange(s.offsets[-1], dtype=np.int32)
        rows = s.customers(0, everyone.size)
        clock = s.world.clock
        first = [
            int(np.searchsorted(clock[market], arrival, side="right")) - 1 - s.world.burn
            for market, arrival in zip(rows.market, rows.arrival, strict=True)
        ]
        return pd.DataFrame(
            {
                "customer_id": s.customer_ids(everyone),
                "market": [s.markets[market].code for market in rows.market],
                "first_day": first,
                "gap_days": rows.gap,
                "lapse": rows.lapse,
                "basket": rows.size,
                "reorder": rows.reorder,
                "quantity_level": rows.level,
                "tastes": [tuple(row) for row in rows.segment.tolist()],
                "weights": [tuple(row) for row in rows.weight.tolist()],
            }
        )

    @cached_property
    def items(self) -> pd.DataFrame:
        """One row per item: id, category, list price and cost in the reporting currency, season
        (0 = none, else the month of its peak), popularity (mean over tastes), partner (number).
        """
        s, world = self.setting, self.setting.world
        return pd.DataFrame(
            {
                "item_id": s.item_ids,
                "category": s.categories,
                "list_price": world.list_price,
                "unit_cost": s.unit_cost,
                "season": world.season_of,
                "popularity": world.taste.mean(axis=0),
                "partner": world.partner,
            }
        )

    @cached_property
    def markets(self) -> pd.DataFrame:
        """One row per market: code, customers, currency, rate (units per reporting unit)."""
        return pd.DataFrame([vars(market) for market in self.setting.markets])

    @cached_property
    def exposures(self) -> pd.DataFrame:
        """The true chances behind each row of ``Simulation.exposures``, in the same order.

        order_chance, click_chance: of these outcomes as shown. unshown_chance: of ordering the
        item on that visit had it not been shown; the difference is what showing it was worth.
        """
        names = ("order_chance", "click_chance", "unshown_chance")
        return pd.DataFrame({name: getattr(self.exposed, name) for name in names})

    def wants(self, customers: IntArray, day: dt.date) -> tuple[FloatArray, FloatArray]:
        """How much each customer wants each item on that day (both customers × items).

        First the intensity (needs and discovery together; what a customer wants most, in order,
        is the oracle's list), then the probability that an order of that day holds the item if
        it is not shown. Both are 0 where the item cannot be had.
        """
        t, rows, lines = self._t(day), self._rows(customers), self._past(customers)
        n_items = self.setting.item_ids.size
        intensity = np.zeros((rows.key.size, n_items))
        held = np.zeros((rows.key.size, n_items))
        needs, scratch = new_needs(n_items, 1), new_scratch(n_items)
        wants(self.setting.world, rows, *lines, t, needs, scratch, intensity, held)
        return intensity, held

    def intensity(self, customers: IntArray, day: dt.date) -> FloatArray:
        """The first of ``wants``."""
        return self.wants(customers, day)[0]

    def order_probability(self, customers: IntArray, day: dt.date) -> FloatArray:
        """The chance (customers) that each one orders on that day, given who has lapsed."""
        rows = self._rows(customers)
        return order_chances(self.setting.world, rows, self._t(day), new_state(rows.key.size))

    def purchase_probability(self, customers: IntArray, day: dt.date) -> FloatArray:
        """The chance (customers × items) that each item is bought on that day, if not shown."""
        chance: FloatArray = (
            self.wants(customers, day)[1] * self.order_probability(customers, day)[:, None]
        )
        return chance

    def if_shown(
        self, intensity: FloatArray, unshown: FloatArray, position: int | IntArray
    ) -> tuple[FloatArray, FloatArray]:
        """P(order) and P(click) of items shown on a visit.

        intensity: the first of ``wants``. unshown: the chance of an order of the item without
        showing it: the second of ``wants`` on a visit with an order, 0 on others (see
        ``visits``). position: from 1. All are broadcast. P(order) - unshown is what showing is
        worth.
        """
        how = self.response
        attention = np.append(how.attention, 0.0)
        looked = attention[np.minimum(np.asarray(position) - 1, attention.size - 1)]
        relevance = intensity / (intensity + how.half)
        ordered = 1.0 - (1.0 - unshown) * (1.0 - looked * how.effect * relevance)
        return ordered, (1.0 - ordered) * looked * how.click * relevance

    def visits(self, market: str, day: dt.date) -> tuple[IntArray, NDArray[np.bool_]]:
        """Who visits on that day (int32), and whether with an order (bool). No policy moves it."""
        row = [m.code for m in self.setting.markets].index(market)
        first, stop = (int(at) for at in self.setting.offsets[row : row + 2])
        rows, t = self._take(np.arange(first, stop)), self._t(day)
        state = new_state(stop - first)
        locate_all(self.setting.world, rows, t, state)
        found = np.empty(stop - first, np.int32)
        found = found[: comers(self.setting.world, rows, self.response, t, state, found)]
        return (first + found).astype(np.int32), state.next[found] == t

    def future(self, customers: IntArray, day: dt.date, days: int, draw: int = 0) -> Lines:
        """One possible future: lines of ``days`` days from ``day`` on, with nothing shown.

        Each ``draw`` is another future from the same state. Lines are sorted by (customer, day,
        item); the means over many draws of what a list captures is the list's true value. Who
        has lapsed, and when newcomers arrive, is the same in all futures.
        """
        world, n_items = self.setting.world, self.setting.item_ids.size
        t, rows, past = self._t(day), self._rows(customers), self._past(customers)
        if t + days >= world.clock.shape[1]:
            raise ValueError(f"the world ends {TAIL} days after its window; {days} are too many")
        key = keys_below(keys_below(rows.key, FUTURE), draw)
        needs, scratch = new_needs(n_items, 1), new_scratch(n_items)
        room, first, parts = new_lines(max(1 << 16, 64 * days)), 0, []
        while first < rows.key.size:
            first, count = imagine(
                world, rows, rows._replace(key=key), *past, first, t, t + days,
                new_state(rows.key.size), needs, scratch, room,
            )  # fmt: skip
            parts.append(first_lines(room, count))
            if count == 0 and first < rows.key.size:
                room = new_lines(2 * room.item.size)
        lines = join_lines(parts)
        numbers = np.asarray(customers, dtype=np.int32)[lines.customer]
        return sort_lines(lines._replace(customer=numbers))

    def expected_purchases(
        self, customers: IntArray, day: dt.date, days: int = 28, draws: int = 100
    ) -> tuple[FloatArray, FloatArray]:
        """Over ``draws`` futures: the share in which each item is bought within ``days`` days
        (customers × items), and the mean spend on it in the market's currency.
        """
        shape = (len(customers), self.setting.item_ids.size)
        bought, spent = np.zeros(shape), np.zeros(shape)
        order = np.argsort(customers, kind="stable")
        for draw in range(draws):
            lines = self.future(customers, day, days, draw)
            row = order[np.searchsorted(np.asarray(customers)[order], lines.customer)]
            cell, at = np.unique(row * shape[1] + lines.item, return_inverse=True)
            bought.ravel()[cell] += 1.0
            spent.ravel()[cell] += np.bincount(at, lines.quantity * lines.price)
        return bought / draws, spent / draws

    def _t(self, day: dt.date) -> int:
        t = (day - self.setting.start).days + self.setting.world.burn
        if not self.setting.world.burn <= t < self.setting.world.clock.shape[1] - 1:
            raise ValueError(
                f"{day} is not in this world: it starts on {self.setting.start} and is known for "
                f"{self.setting.days + TAIL} days"
            )
        return t

    @cached_property
    def _everyone(self) -> Customers:
        return self.setting.customers(0, int(self.setting.offsets[-1]))

    def _rows(self, customers: IntArray) -> Customers:
        return self._take(np.asarray(customers))

    def _take(self, numbers: NDArray[np.integer]) -> Customers:
        return Customers._make(column[numbers] for column in self._everyone)

    @cached_property
    def _indptr(self) -> NDArray[np.int64]:
        bounds = np.arange(self.setting.offsets[-1] + 1)
        return np.searchsorted(self.lines.customer, bounds).astype(np.int64)

    def _past(
        self, customers: IntArray
    ) -> tuple[NDArray[np.int64], NDArray[np.int64], IntArray, IntArray]:
        """Where each customer's lines begin and end, and the days and items of all lines."""
        numbers = np.asarray(customers)
        begin, end = self._indptr[numbers], self._indptr[numbers + 1]
        return begin, end, self.lines.day, self.lines.item
