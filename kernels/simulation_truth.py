"""What simulated customers will do: their state on a day, their intensities, other futures."""

from typing import NamedTuple

import numpy as np

from restock.kernels.policy import kernel
from restock.kernels.random import whole
from restock.kernels.simulation import (
    LOST,
    Counts,
    Customers,
    Floats,
    Ints,
    Lines,
    Needs,
    Scratch,
    World,
    again,
    appeal,
    available,
    occasion,
    shelf_of,
)
from restock.kernels.simulation_baskets import fill_basket, forget, remember, weigh_needs
from restock.kernels.simulation_lives import live_on


class State(NamedTuple):
    """Where customers stand on a day; rows as in Customers."""

    last: Ints  # day of the last occasion, -1 = none yet
    number: Ints  # occasions so far
    next: Ints  # day of the next one, NEVER or LOST


@kernel
def settle(
    world: World, customers: Customers, who: int, needs: Needs, head: int, scratch: Scratch
) -> None:
    """Live through the burn-in: leaves the needs of the first visible day in list ``head``."""
    t = occasion(world, customers, who, 0, -1, 0)
    number = 0
    while t < world.burn:
        count = fill_basket(world, customers, who, t, needs, head, scratch)
        remember(world, customers, who, t, needs, head, scratch, count)
        number += 1
        t = occasion(world, customers, who, number, t, t + 1)


@kernel
def locate(world: World, customers: Customers, who: int, t: int, state: State) -> None:
    """Put the customer's last and next occasion, seen from the start of day t, into ``state``.

    Occasions depend on nothing that happens in the shop: a policy does not move them.
    """
    last, number = -1, 0
    coming = occasion(world, customers, who, 0, -1, 0)
    while coming < t:
        last = coming
        number += 1
        coming = occasion(world, customers, who, number, last, last + 1)
    state.last[who] = last
    state.number[who] = number
    state.next[who] = coming


@kernel
def recall(
    world: World,
    customers: Customers,
    who: int,
    day: Ints,
    item: Ints,
    t: int,
    needs: Needs,
    head: int,
    scratch: Scratch,
) -> None:
    """Rebuild the needs at the start of day t from the customer's visible lines (by day, item)."""
    settle(world, customers, who, needs, head, scratch)
    market = whole(customers.market[who])
    at = 0
    while at < day.size and day[at] + world.burn < t:
        stop = at
        while stop < day.size and day[stop] == day[at]:
            scratch.basket[stop - at] = item[stop]
            stop += 1
        then = whole(day[at]) + world.burn
        shelf = shelf_of(world, market, then)
        weigh_needs(world, customers, who, shelf, needs, head, scratch)
        remember(world, customers, who, then, needs, head, scratch, stop - at)
        at = stop


@kernel
def intensities(
    world: World,
    customers: Customers,
    who: int,
    t: int,
    needs: Needs,
    head: int,
    scratch: Scratch,
    intensity: Floats,
    held: Floats,
) -> None:
    """For all items on day t: n_i + d_i, and the chance that an order holds the item (items)."""
    market = whole(customers.market[who])
    shelf = shelf_of(world, market, t)
    fresh = weigh_needs(world, customers, who, shelf, needs, head, scratch)
    per_draw = fresh / (1.0 + world.together)
    intensity[:] = 0.0
    for j in range(customers.segment.shape[1]):
        taste = whole(customers.segment[who, j])
        weight = per_draw * customers.weight[who, j] / world.accept[market, taste]
        row = world.taste[taste]
        for item in range(intensity.size):
            intensity[item] += weight * row[item]
    partners, together, spread = world.partner, world.together, world.spread
    for item in range(intensity.size):
        intensity[item] *= appeal(shelf, item) * available(shelf, item)
    for item in range(intensity.size):  # partners come along with what is drawn
        partner = whole(partners[item])
        if partner > item:
            own, other = intensity[item], intensity[partner]
            if available(shelf, item):
                intensity[item] += together * other * appeal(shelf, item)
            if available(shelf, partner):
                intensity[partner] += together * own * appeal(shelf, partner)
    for item in range(intensity.size):
        held[item] = (1.0 + intensity[item] / spread) ** -spread
    slot = needs.head[head]
    while slot >= 0:
        item = needs.item[slot]
        intensity[item] += scratch.rate[item]
        held[item] *= np.exp(-scratch.rate[item])
        scratch.slot_of[item] = -1
        slot = needs.next[slot]
    for item in range(intensity.size):
        held[item] = 1.0 - held[item]


@kernel
def wants(
    world: World,
    customers: Customers,
    begin: Counts,
    end: Counts,
    day: Ints,
    item: Ints,
    t: int,
    needs: Needs,
    scratch: Scratch,
    intensity: Floats,
    held: Floats,
) -> None:
    """``intensities`` of all customers (customers × items) from their lines before day t."""
    for who in range(customers.key.size):
        lines = slice(begin[who], end[who])
        recall(world, customers, who, day[lines], item[lines], t, needs, 0, scratch)
        intensities(world, customers, who, t, needs, 0, scratch, intensity[who], held[who])
        forget(needs, 0)


@kernel
def locate_all(world: World, customers: Customers, t: int, state: State) -> None:
    """``locate`` for all customers."""
    for who in range(customers.key.size):
        locate(world, customers, who, t, state)


@kernel
def order_chances(world: World, customers: Customers, t: int, state: State) -> Floats:
    """The chance of an order on day t, given what was ordered before t and who has lapsed.

    Weibull gaps in business time: 1 - S(end of the day) / S(start of the day). When a newcomer
    arrives is part of what it is, so its chance of a first order is 0 or 1.
    """
    found = np.zeros(customers.key.size)
    for who in range(customers.key.size):
        locate(world, customers, who, t, state)
        coming = state.next[who]
        if coming == LOST:
            continue
        if state.number[who] == 0:
            found[who] = 1.0 if coming == t else 0.0
            continue
        clock = world.clock[customers.market[who]]
        start, gap, shape = clock[state.last[who] + 1], customers.gap[who], world.gap_shape
        before = ((clock[t] - start) / gap) ** shape
        after = ((clock[t + 1] - start) / gap) ** shape
        found[who] = 1.0 - np.exp(before - after)
    return found


@kernel
def imagine(
    world: World,
    customers: Customers,
    others: Customers,
    begin: Counts,
    end: Counts,
    day: Ints,
    item: Ints,
    first: int,
    t: int,
    until: int,
    state: State,
    needs: Needs,
    scratch: Scratch,
    lines: Lines,
) -> tuple[int, int]:
    """Another future of the customers from row ``first`` on, from day t up to day ``until``.

    others: the same customers with other keys, which decide this future. Lines name customers
    by row. Returns the first customer that ``lines`` had no room for, and the lines written.
    """
    n = 0
    for who in range(first, customers.key.size):
        own = slice(begin[who], end[who])
        recall(world, customers, who, day[own], item[own], t, needs, 0, scratch)
        locate(world, customers, who, t, state)
        number, coming = whole(state.number[who]), whole(state.next[who])
        if number > 0 and coming != LOST:
            coming = again(world, others, who, number, whole(state.last[who]), t)
        more = live_on(world, others, who, 0, coming, number, until, needs, 0, scratch, lines, n)
        forget(needs, 0)
        if more < 0:
            return who, n
        n = more
    return customers.key.size, n
