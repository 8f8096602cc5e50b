"""The simulated world: what it is made of, who its customers are, and when they order.

Every random number is a function of (seed, customer, day, item), see ``kernels.random``: a
customer's life does not depend on who is simulated beside it, nor on the size of a chunk.
``t`` counts days from the start of the burn-in; the first visible day is ``world.burn``.

An order on day t takes item i with probability 1 - exp(-G a_i), independently over items,
where G is gamma with mean 1 and shape ``world.spread`` and a_i is the customer's intensity:

    a_i = strength (1 - exp(-age / period)) season_i(t)     a need of the customer, if due
        + fresh sum_j weight_j taste_{j,i} local_i season_i(t) / accept_j         discovery

An item that is bought and is no need yet may become one (``remember``). ``fresh`` is what the
needs leave of the customer's usual basket, so that re-orderers discover less.
"""

from typing import NamedTuple

import numpy as np
from numpy.typing import NDArray

from restock.kernels.policy import kernel
from restock.kernels.random import Stream, chance, gamma, mix, normal, open_stream, uniform

Ints = NDArray[np.int32]
Floats = NDArray[np.float64]
Singles = NDArray[np.float32]

NEVER = 1 << 30
# branches of a customer's key
GAP, LAPSE, BASKET, NEED, PAIR, LINE, HOUR, VISIT, WHO = range(9)


class World(NamedTuple):
    """What is the same for all customers. T days, M markets, N items, S tastes, C seasons."""

    seed: np.uint64
    burn: int  # days before the first visible one
    market_key: NDArray[np.uint64]  # (M)
    clock: Floats  # (M, T + 1): business time at the start of each day
    rate: Floats  # (M): currency units and price level per unit of the list price
    local: Singles  # (M, N): how well an item sells in a market, 0 = not in its assortment
    accept: Floats  # (M, S): share of a taste's draws that the market can serve
    birth: Ints  # (N): first day of an item
    death: Ints  # (N): first day without it
    season: Singles  # (C, T): factor in (0, 1] of each season on each day
    season_of: Ints  # (N)
    taste: Singles  # (S, N): each row sums to 1
    alias: Singles  # (S, N): Walker's alias table of ``taste``
    other: Ints  # (S, N)
    period: Singles  # (N): days after which a need is due
    log_quantity: Singles  # (N)
    list_price: Floats  # (N)
    log_nice: Floats  # thresholds between usual quantities, in logs
    nice: Singles  # usual quantities
    gap_shape: float  # Weibull shape of the gaps between orders, in business time
    spread: float  # gamma shape of the size of an order
    floor: float  # share of a basket that is always open to discovery
    strength: float  # mean intensity of a need
    strength_shape: float  # gamma shape of it over needs: small = few strong ones
    weakest: float  # needs below are forgotten at once
    life: float  # mean life of a need, days
    pair_sd: float  # sd of log quantity between pairs of customer and item
    line_sd: float  # and within them
    inflation: float  # rise of prices in a quarter
    discount: float  # off the list price for large quantities
    hour_mean: float  # minute of the day of an order
    hour_sd: float
    stock_out: float  # share of item-weeks without stock


class Customers(NamedTuple):
    """What is particular about each customer; rows are customers, J tastes each."""

    market: Ints
    key: NDArray[np.uint64]
    arrival: Floats  # business time of the first order
    gap: Floats  # scale of the gaps, business days
    lapse: Floats  # chance to be lost after an order
    size: Floats  # usual number of items in a basket
    reorder: Floats  # factor on the strength of needs
    level: Floats  # log factor on quantities
    segment: Ints  # (rows, J)
    weight: Floats  # (rows, J), sums to 1


class Needs(NamedTuple):
    """Items that customers re-order: one linked list per customer in a shared pool."""

    item: Ints
    last: Ints  # day of the last purchase
    end: Ints  # day on which the need is over
    strength: Singles
    period: Singles
    next: Ints  # -1 ends a list
    free: Ints  # unused slots: free[:n_free[0]]
    n_free: NDArray[np.int64]
    head: Ints  # first slot of each list


class Scratch(NamedTuple):
    """Work space over items; empty (-1, False) between two baskets."""

    basket: Ints
    slot_of: Ints
    chosen: NDArray[np.bool_]
    rate: Floats
    stream: Stream


class Lines(NamedTuple):
    """Order lines, one per customer, day and item."""

    customer: Ints
    day: Ints  # from the first visible one
    minute: Ints  # of the day
    item: Ints
    quantity: Singles
    price: Floats


class Habits(NamedTuple):
    """How customers differ: the distributions that ``draw_customers`` draws from."""

    old_share: float  # share of customers that were there before the first visible day
    days: int  # visible days in which the others arrive
    log_gap: float  # mean and sd of the log of the gap scale, business days
    log_gap_sd: float
    lapse_a: float  # beta distribution of the chance to lapse
    lapse_b: float
    log_size: float  # mean and sd of the log of the usual basket
    log_size_sd: float
    reorder_shape: float  # gamma shape of the factor on needs, mean 1
    level_sd: float  # sd of the log factor on quantities
    focus: float  # Dirichlet concentration of the weights of a customer's tastes


@kernel
def draw_customers(
    world: World, habits: Habits, market: int, first: int, mix_of_tastes: Floats, rows: Customers
) -> None:
    """Fill ``rows`` with the market's customers ``first``, ``first + 1``, …

    mix_of_tastes: cumulative shares of the tastes in the market (S), ending in 1.
    """
    clock = world.clock[market]
    stream = np.zeros(2, dtype=np.uint64)
    n_tastes = rows.segment.shape[1]
    for row in range(rows.key.size):
        key = mix(world.market_key[market], first + row)
        rows.market[row] = market
        rows.key[row] = key
        open_stream(stream, mix(key, WHO))
        begin, end = clock[world.burn], clock[world.burn + habits.days]
        if uniform(stream) < habits.old_share:
            begin, end = clock[0], clock[world.burn]
        rows.arrival[row] = begin + (end - begin) * uniform(stream)
        rows.gap[row] = np.exp(habits.log_gap + habits.log_gap_sd * normal(stream))
        a, b = gamma(stream, habits.lapse_a), gamma(stream, habits.lapse_b)
        rows.lapse[row] = a / (a + b)
        rows.size[row] = np.exp(habits.log_size + habits.log_size_sd * normal(stream))
        rows.reorder[row] = gamma(stream, habits.reorder_shape) / habits.reorder_shape
        rows.level[row] = habits.level_sd * normal(stream)
        total = 0.0
        for j in range(n_tastes):
            rows.segment[row, j] = np.searchsorted(mix_of_tastes, uniform(stream))
            rows.weight[row, j] = gamma(stream, habits.focus) + 1e-12
            total += rows.weight[row, j]
        for j in range(n_tastes):
            rows.weight[row, j] /= total


@kernel
def available(world: World, market: int, item: int, t: int) -> bool:
    """Whether the market has the item in its assortment and in stock on day t."""
    if t < world.birth[item] or t >= world.death[item] or world.local[market, item] <= 0.0:
        return False
    week = mix(mix(world.market_key[market], item), t // 7)
    return chance(week, 0) >= world.stock_out


@kernel
def occasion(world: World, customers: Customers, who: int, number: int, last: int) -> int:
    """The day of order ``number`` (from 0), the one before being on day ``last``; or NEVER."""
    key = customers.key[who]
    clock = world.clock[customers.market[who]]
    if number == 0:
        target = customers.arrival[who]
    else:
        if last >= world.burn and chance(mix(key, LAPSE), number) < customers.lapse[who]:
            return NEVER
        wait = (-np.log(chance(mix(key, GAP), number))) ** (1.0 / world.gap_shape)
        target = clock[last + 1] + customers.gap[who] * wait
    if target >= clock[-1]:
        return NEVER
    return np.searchsorted(clock, target, side="right") - 1


@kernel
def discovery(world: World, customers: Customers, who: int, item: int) -> float:
    """The customer's intensity for an item per unit of ``fresh``, season and stock aside."""
    market = customers.market[who]
    total = 0.0
    for j in range(customers.segment.shape[1]):
        taste = customers.segment[who, j]
        total += customers.weight[who, j] * world.taste[taste, item] / world.accept[market, taste]
    return total * world.local[market, item]
