"""What lists truly earn in the simulator: the expectation, from its own chances."""

import datetime as dt
from dataclasses import replace
from functools import cached_property
from itertools import pairwise

import numpy as np
from scipy.special import ndtr

from restock.dataset.catalogue import IntArray
from restock.dataset.simulate import Simulation
from restock.evaluation.folds import FloatArray
from restock.kernels.policy import kernel
from restock.kernels.random import bell
from restock.kernels.simulation import Customers, Floats, World
from restock.kernels.simulation_shop import Response

DAYS_AFTER = (1, 6, 10, 15, 20, 24)
"""The days after the lists were published on which the truth is asked."""


class Worth:
    """The true worth of lists for some customers, from a day on.

    On each of some days, a customer of chance o to order (``Truth.order_probability``) comes
    with an order with o, or browses. Without lists he spends o·sum(p_i·v_i): p_i the chance that
    an order holds item i, v_i what he spends on it. An item shown at a place adds the chance
    that it is ordered because it was shown (``Truth.if_shown``) times v_i. Who can lapse or
    arrive does not hang on what is shown, nor here do later days on earlier ones.
    """

    def __init__(self, simulation: Simulation, customers: IntArray, start: dt.date) -> None:
        self._simulation, self._customers = simulation, customers
        self._days = [start + dt.timedelta(days=after) for after in DAYS_AFTER]

    @cached_property
    def _of_days(self) -> list[tuple[FloatArray, FloatArray, FloatArray, FloatArray]]:
        """For each day the chance to order, intensities, chances in an order, and spends."""
        truth, setting = self._simulation.truth, self._simulation.setting
        rows = setting.customers(0, int(setting.offsets[-1]))
        rows = Customers._make(column[self._customers] for column in rows)
        found = []
        for day in self._days:
            t = setting.world.burn + (day - setting.start).days
            spends = usual_spend(setting.world, rows, t)
            order = truth.order_probability(self._customers, day)
            found.append((order, *truth.wants(self._customers, day), spends))
        return found

    @cached_property
    def unshown(self) -> float:
        """Expected revenue of the days without any list."""
        return float(sum((order[:, None] * held * v).sum() for order, _, held, v in self._of_days))

    def of(self, lists: IntArray, response: Response) -> float:
        """Expected revenue of the days with these lists (customers × k, -1 in empty places)."""
        truth = replace(self._simulation.truth, response=response)
        item, there = np.maximum(lists, 0), lists >= 0
        place = np.arange(1, lists.shape[1] + 1)
        total = self.unshown
        for order, intensity, held, spend in self._of_days:
            wanted, anyway, value = (
                np.take_along_axis(table, item, axis=1) for table in (intensity, held, spend)
            )
            with_order = truth.if_shown(wanted, anyway, place)[0] - anyway
            browsing = truth.if_shown(wanted, np.zeros_like(anyway), place)[0]
            looks = (response.browse * (order > 0) * (1 - order))[:, None]
            added = order[:, None] * with_order + looks * browsing
            total += float((added * value * there).sum())
        return total


def usual_spend(world: World, rows: Customers, t: int) -> FloatArray:
    """What each customer spends on each item when he orders it (customers × items), expected.

    The simulator's log quantity is normal about the usual one of the pair; its thresholds
    between round quantities and its discount for large ones are gone through one by one.
    """
    usual = _log_quantity(world, rows.pair_key, rows.level.astype(np.float64))
    edges = np.concatenate([[-np.inf], world.log_nice, [np.inf]])[: world.nice.size + 1]
    edges[-1] = np.inf
    large = world.log_quantity.astype(np.float64) + 1.0
    price = world.price[rows.market, t][:, None] * world.list_price
    spend = np.zeros_like(usual)
    for (low, high), quantity in zip(pairwise(edges), world.nice, strict=True):
        if np.isneginf(low):
            share = ndtr((high - usual) / world.line_sd)
        else:
            share = ndtr((high - usual) / world.line_sd) - ndtr((low - usual) / world.line_sd)
        dear = 1.0 - world.discount * (usual > large)
        spend += share * quantity * price * dear
    return spend


@kernel
def _log_quantity(world: World, key: np.ndarray, level: Floats) -> Floats:
    found = np.empty((key.size, world.log_quantity.size))
    for who in range(key.size):
        for item in range(world.log_quantity.size):
            pair = world.pair_sd * bell(key[who], item)
            found[who, item] = world.log_quantity[item] + level[who] + pair
    return found
