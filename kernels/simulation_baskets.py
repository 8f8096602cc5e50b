"""What a simulated customer orders: needs that are due, and discoveries to its taste."""

import numpy as np

from restock.kernels.policy import kernel
from restock.kernels.random import chance, exponential, gamma, mix, normal, open_stream, uniform
from restock.kernels.simulation import (
    BASKET,
    NEED,
    Customers,
    Needs,
    Scratch,
    World,
    available,
)


@kernel
def weigh_needs(
    world: World, customers: Customers, who: int, t: int, needs: Needs, head: int, scratch: Scratch
) -> float:
    """Put the intensities of living needs into ``scratch.rate``; drop dead ones.

    Returns ``fresh``: what the needs leave of the usual basket, at least its floor.
    """
    market = customers.market[who]
    total = 0.0
    before = -1
    slot = needs.head[head]
    while slot >= 0:
        after = needs.next[slot]
        item = needs.item[slot]
        if needs.end[slot] <= t or world.death[item] <= t:
            if before < 0:
                needs.head[head] = after
            else:
                needs.next[before] = after
            needs.free[needs.n_free[0]] = slot
            needs.n_free[0] += 1
        else:
            scratch.slot_of[item] = slot
            rate = 0.0
            if available(world, market, item, t):
                due = 1.0 - np.exp((needs.last[slot] - t) / needs.period[slot])
                rate = needs.strength[slot] * due * world.season[world.season_of[item], t]
            scratch.rate[item] = rate
            total += rate
            before = slot
        slot = after
    size = customers.size[who]
    return max(world.floor * size, size - total)


@kernel
def fill_basket(
    world: World, customers: Customers, who: int, t: int, needs: Needs, head: int, scratch: Scratch
) -> int:
    """Choose the items of an order into ``scratch.basket``, ascending; returns how many."""
    market = customers.market[who]
    key = mix(mix(customers.key[who], BASKET), t)
    stream = scratch.stream
    open_stream(stream, key)
    factor = gamma(stream, world.spread) / world.spread
    fresh = weigh_needs(world, customers, who, t, needs, head, scratch)
    count = 0
    slot = needs.head[head]
    while slot >= 0:
        item = needs.item[slot]
        mean = factor * scratch.rate[item]
        u = chance(key, item)
        if u < mean and u < 1.0 - np.exp(-mean):
            scratch.basket[count] = item
            scratch.chosen[item] = True
            count += 1
        slot = needs.next[slot]
    n_items = world.taste.shape[1]
    for j in range(customers.segment.shape[1]):
        taste = customers.segment[who, j]
        mean = factor * fresh * customers.weight[who, j] / world.accept[market, taste]
        passed = exponential(stream)
        while passed < mean:  # a Poisson number of draws, each kept if the market has the item
            passed += exponential(stream)
            place = uniform(stream) * n_items
            item = int(place)
            if place - item >= world.alias[taste, item]:
                item = world.other[taste, item]
            kept = world.local[market, item] * world.season[world.season_of[item], t]
            if uniform(stream) >= kept or scratch.chosen[item]:
                continue
            if available(world, market, item, t):
                scratch.basket[count] = item
                scratch.chosen[item] = True
                count += 1
    scratch.basket[:count].sort()
    return count


@kernel
def remember(
    world: World,
    customers: Customers,
    who: int,
    t: int,
    needs: Needs,
    head: int,
    scratch: Scratch,
    count: int,
) -> None:
    """Let the basket change the customer's needs, and leave the scratch space empty."""
    key = mix(customers.key[who], NEED)
    for at in range(count):
        item = scratch.basket[at]
        scratch.chosen[item] = False
        slot = scratch.slot_of[item]
        if slot >= 0:
            needs.last[slot] = t
            continue
        open_stream(scratch.stream, mix(mix(key, item), t))
        shape = world.strength_shape
        strength = gamma(scratch.stream, shape) / shape * world.strength * customers.reorder[who]
        if strength < world.weakest:
            continue
        needs.n_free[0] -= 1
        slot = needs.free[needs.n_free[0]]
        needs.item[slot] = item
        needs.last[slot] = t
        needs.end[slot] = t + 1 + int(world.life * exponential(scratch.stream))
        needs.strength[slot] = strength
        needs.period[slot] = world.period[item] * np.exp(0.5 * normal(scratch.stream))
        needs.next[slot] = needs.head[head]
        needs.head[head] = slot
    slot = needs.head[head]
    while slot >= 0:
        scratch.slot_of[needs.item[slot]] = -1
        slot = needs.next[slot]


@kernel
def forget(needs: Needs, head: int) -> None:
    """Give all needs of a list back to the pool."""
    slot = needs.head[head]
    while slot >= 0:
        needs.free[needs.n_free[0]] = slot
        needs.n_free[0] += 1
        slot = needs.next[slot]
    needs.head[head] = -1
