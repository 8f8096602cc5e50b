"""What a simulated customer orders: needs that are due, and discoveries to its taste."""

import numpy as np

from restock.kernels.policy import kernel
from restock.kernels.random import (
    Stream,
    chance,
    exponential,
    gamma,
    mix,
    normal,
    open_stream,
    uniform,
    whole,
)
from restock.kernels.simulation import (
    BASKET,
    NEED,
    Customers,
    Needs,
    Scratch,
    World,
    appeal,
    available,
)


@kernel
def weigh_needs(
    world: World, customers: Customers, who: int, t: int, needs: Needs, head: int, scratch: Scratch
) -> float:
    """Put the intensities of living needs into ``scratch.rate``; drop dead ones.

    Returns ``fresh``: what the needs leave of the usual basket, at least its floor.
    """
    market = whole(customers.market[who])
    total = 0.0
    before = -1
    slot = needs.head[head]
    while slot >= 0:
        after = needs.next[slot]
        item = whole(needs.item[slot])  # one integer type: one compilation of callees
        if needs.end[slot] <= t or world.death[market, item] <= t:
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
def put(scratch: Scratch, item: int, count: int) -> int:
    """Put an item into a basket of ``count`` unless it is there; returns the new count."""
    if scratch.chosen[item]:
        return count
    scratch.basket[count] = item
    scratch.chosen[item] = True
    return count + 1


@kernel
def sort_basket(scratch: Scratch, count: int) -> None:
    """Sort the first ``count`` items, ascending, by insertion: baskets are short."""
    basket = scratch.basket
    for at in range(1, count):
        item = basket[at]
        place = at
        while place > 0 and basket[place - 1] > item:
            basket[place] = basket[place - 1]
            place -= 1
        basket[place] = item


@kernel
def draw_item(world: World, taste: int, stream: Stream) -> int:
    """Draw an item from a taste (Walker's alias method: one number, one look-up)."""
    place = uniform(stream) * world.taste.shape[1]
    item = int(place)
    if place - item >= world.alias[taste, item]:
        item = whole(world.other[taste, item])
    return item


@kernel
def fill_basket(
    world: World, customers: Customers, who: int, t: int, needs: Needs, head: int, scratch: Scratch
) -> int:
    """Choose the items of an order into ``scratch.basket``, ascending; returns how many."""
    market = whole(customers.market[who])
    key = mix(mix(customers.key[who], BASKET), t)
    stream = scratch.stream
    open_stream(stream, key)
    factor = gamma(stream, world.spread) / world.spread
    fresh = weigh_needs(world, customers, who, t, needs, head, scratch)
    count = 0
    slot = needs.head[head]
    while slot >= 0:
        item = whole(needs.item[slot])
        mean = factor * scratch.rate[item]
        u = chance(key, item)
        if u < mean and u < 1.0 - np.exp(-mean):
            count = put(scratch, item, count)
        slot = needs.next[slot]
    per_draw = factor * fresh / (1.0 + world.together)
    for j in range(customers.segment.shape[1]):
        taste = whole(customers.segment[who, j])
        mean = per_draw * customers.weight[who, j] / world.accept[market, taste]
        passed = exponential(stream)
        while passed < mean:  # a Poisson number of draws, each kept if the market can serve it
            passed += exponential(stream)
            item = draw_item(world, taste, stream)
            if uniform(stream) >= appeal(world, market, item, t):
                continue
            if not available(world, market, item, t):
                continue
            count = put(scratch, item, count)
            partner = whole(world.partner[item])
            if partner < 0:
                continue
            brought = world.together * appeal(world, market, partner, t)
            if uniform(stream) < brought and available(world, market, partner, t):
                count = put(scratch, partner, count)
    sort_basket(scratch, count)
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
    slow = customers.gap[who] / world.usual_gap
    life = world.life * slow**world.life_per_gap
    scale = customers.reorder[who] * slow**world.strength_per_gap
    for at in range(count):
        item = whole(scratch.basket[at])
        scratch.chosen[item] = False
        slot = scratch.slot_of[item]
        if slot >= 0:
            needs.last[slot] = t
            continue
        open_stream(scratch.stream, mix(mix(key, item), t))
        shape = world.strength_shape
        strength = gamma(scratch.stream, shape) / shape * world.strength * scale
        if strength < world.weakest:
            continue
        needs.n_free[0] -= 1
        slot = needs.free[needs.n_free[0]]
        needs.item[slot] = item
        needs.last[slot] = t
        needs.end[slot] = t + 1 + int(life * exponential(scratch.stream))
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
