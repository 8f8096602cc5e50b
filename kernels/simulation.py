"""The simulated world: what it is made of, who its customers are, and when they order.

Every random number is a function of (seed, customer, day, item), see ``kernels.random``: a
customer's life does not depend on who is simulated beside it, nor on the size of a chunk.
``t`` counts days from the start of the burn-in; the first visible day is ``world.burn``.

An order on day t holds item i with probability 1 - exp(-n_i - G d_i), independently over
items, where G, the size of the order, is gamma with mean 1 and shape ``world.spread``, and

    n_i = strength (1 - exp(-age / period)) season_i(t)     a need of the customer, if due
    d_i = fresh (D_i A_i + together D_k A_k A_i) / (1 + together)             discovery
    D_i = sum_j weight_j taste_{j,i} / accept_j,   A_i = local_i season_i(t) if available else 0

so that P(i) = 1 - exp(-n_i) (1 + d_i / spread) ** -spread. Needs do not depend on the size of an
order: small orders are mostly repeats.

Here k is the partner of i: an item that is often taken with it.
An item that is bought and is no need yet may become one (``remember``). ``fresh`` is what the
needs leave of the customer's usual basket, so that re-orderers discover less.
"""

from typing import NamedTuple

import numpy as np
from numpy.typing import NDArray

from restock.kernels.policy import inlined, kernel
from restock.kernels.random import Stream, chance, gamma, mix, normal, open_stream, uniform

Ints = NDArray[np.int32]
Counts = NDArray[np.int64]
Floats = NDArray[np.float64]
Singles = NDArray[np.float32]

NEVER = 1 << 30  # no order within the clock
LOST = NEVER + 1  # the customer will not order again
# branches of a customer's key
GAP, LAPSE, BASKET, NEED, PAIR, LINE, HOUR, VISIT, WHO, SHOWN, FUTURE = range(11)


class World(NamedTuple):
    """What is the same for all customers. T days, M markets, N items, S tastes, C seasons."""

    seed: np.uint64
    burn: int  # days before the first visible one
    market_key: NDArray[np.uint64]  # (M)
    clock: Floats  # (M, T + 1): business time at the start of each day
    price: Floats  # (M, T): units of the market's currency per unit of the list price
    local: Singles  # (M, N): how well an item sells in a market, 0 = not in its assortment
    accept: Floats  # (M, S): share of a taste's draws that the market can serve
    birth: Ints  # (M, N): first day of an item in a market
    death: Ints  # (M, N): first day without it
    season: Singles  # (C, T): factor in (0, 1] of each season on each day
    season_of: Ints  # (N)
    taste: Singles  # (S, N): each row sums to 1
    alias: Singles  # (S, N): Walker's alias table of ``taste``
    other: Ints  # (S, N)
    partner: Ints  # (N): the item that is often taken with an item, -1 = none
    period: Singles  # (N): days after which a need is due
    loyalty: Singles  # (N): factor on the strength of needs
    log_quantity: Singles  # (N)
    list_price: Floats  # (N)
    log_nice: Floats  # thresholds between usual quantities, in logs
    nice: Singles  # usual quantities
    gap_shape: float  # Weibull shape of the gaps between orders, in business time
    spread: float  # gamma shape of the size of an order
    together: float  # chance that a discovery brings its partner along
    floor: float  # share of a basket that is always open to discovery
    strength: float  # mean intensity of a need, of a customer with the usual gap
    strength_per_gap: float  # its elasticity to the gap
    strength_per_narrowness: float  # its elasticity to usual_size / size
    strength_shape: float  # gamma shape of it over needs: small = few strong ones
    weakest: float  # needs below are forgotten at once
    life: float  # scale of the life of a need, days, of a customer with the usual gap
    life_tail: float  # power of an exponential number that spreads it
    life_per_gap: float  # its elasticity to the gap: 0 = days count, 1 = orders count
    usual_gap: float  # business days
    usual_size: float  # items
    pair_sd: float  # sd of log quantity between pairs of customer and item
    line_sd: float  # and within them
    discount: float  # off the list price for large quantities
    hour_mean: float  # minute of the day of an order
    hour_sd: float
    stock_out: float  # share of item-weeks without stock


class Customers(NamedTuple):
    """What is particular about each customer; rows are customers, J tastes each."""

    market: Ints
    key: NDArray[np.uint64]
    pair_key: NDArray[np.uint64]  # fixes a customer's quantity of an item in all futures
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
    key_share: float  # share of customers that are key accounts
    key_level: float  # added to the log factor of those
    key_haste: float  # taken off the log of their gap
    level_per_size: float  # change of that log factor with the log of the usual basket
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
        rows.pair_key[row] = mix(key, PAIR)
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
        wide = np.log(rows.size[row]) - habits.log_size
        rows.level[row] = habits.level_sd * normal(stream) + habits.level_per_size * wide
        if uniform(stream) < habits.key_share:
            rows.level[row] += habits.key_level
            rows.gap[row] *= np.exp(-habits.key_haste)
        total = 0.0
        for j in range(n_tastes):
            rows.segment[row, j] = np.searchsorted(mix_of_tastes, uniform(stream))
            rows.weight[row, j] = gamma(stream, habits.focus) + 1e-12
            total += rows.weight[row, j]
        for j in range(n_tastes):
            rows.weight[row, j] /= total


class Shelf(NamedTuple):
    """What a market offers on a day: rows of the world, so that loops touch small arrays only."""

    t: int
    key: np.uint64
    stock_out: float
    local: Singles  # (N)
    birth: Ints
    death: Ints
    season: Singles  # (C)
    season_of: Ints  # (N)


@kernel
def shelf_of(world: World, market: int, t: int) -> Shelf:
    """The market's shelf on day t."""
    return Shelf(
        t,
        world.market_key[market],
        world.stock_out,
        world.local[market],
        world.birth[market],
        world.death[market],
        world.season[:, t],
        world.season_of,
    )


@inlined
def available(shelf: Shelf, item: int) -> bool:
    """Whether the item is in the assortment and in stock."""
    if shelf.local[item] <= 0.0:
        return False
    if shelf.t < shelf.birth[item] or shelf.t >= shelf.death[item]:
        return False
    return chance(mix(mix(shelf.key, item), shelf.t // 7), 0) >= shelf.stock_out


@inlined
def appeal(shelf: Shelf, item: int) -> float:
    """A_i: what share of the draws of an item the market serves, stock aside."""
    return float(shelf.local[item] * shelf.season[shelf.season_of[item]])


@kernel
def available_items(world: World, market: int, t: int) -> NDArray[np.bool_]:
    """``available`` for all items of a market."""
    shelf = shelf_of(world, market, t)
    found = np.empty(shelf.local.size, dtype=np.bool_)
    for item in range(found.size):
        found[item] = available(shelf, item)
    return found


@kernel
def occasion(world: World, customers: Customers, who: int, number: int, last: int, now: int) -> int:
    """The day of order ``number`` (from 0), the one before being on day ``last``.

    now: the first day on which it can be; there was none between ``last`` and ``now``.
    Returns NEVER when it lies beyond the clock and LOST when the customer has lapsed.
    """
    if number > 0:
        if is_lost(world, customers, who, number, last):
            return LOST
        return again(world, customers, who, number, last, now)
    clock = world.clock[customers.market[who]]
    return int(np.searchsorted(clock, customers.arrival[who], side="right") - 1)


@inlined
def again(world: World, customers: Customers, who: int, number: int, last: int, now: int) -> int:
    """The same for an order after the first, of a customer that has not lapsed."""
    clock = world.clock[customers.market[who]]
    start, gap, shape = clock[last + 1], customers.gap[who], world.gap_shape
    survived = ((clock[now] - start) / gap) ** shape
    wait = (survived - np.log(chance(mix(customers.key[who], GAP), number))) ** (1.0 / shape)
    target = start + gap * wait
    if target >= clock[-1]:
        return NEVER
    return max(np.searchsorted(clock, target, side="right") - 1, now)


@inlined
def is_lost(world: World, customers: Customers, who: int, number: int, last: int) -> bool:
    """Whether the customer lapsed after its order ``number - 1`` on day ``last``."""
    if last < world.burn:  # before the first visible day nobody lapses
        return False
    return chance(mix(customers.key[who], LAPSE), number) < customers.lapse[who]
