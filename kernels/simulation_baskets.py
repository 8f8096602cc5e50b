"""What a simulated customer orders: needs that are due, and discoveries to its taste."""

import numpy as np
from numpy.typing import NDArray

from restock.kernels.policy import inlined, kernel
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
    Ints,
    Needs,
    Scratch,
    Shelf,
    Singles,
    World,
    appeal,
    available,
    shelf_of,
)


@kernel
def weigh_needs(
    world: World,
    customers: Customers,
    who: int,
    shelf: Shelf,
    needs: Needs,
    head: int,
    scratch: Scratch,
) -> float:
    """Put the intensities of living needs into ``scratch.rate``; drop dead ones.

    Returns ``fresh``: what the needs leave of the usual basket, at least its floor.
    """
    t, rate, slot_of = shelf.t, scratch.rate, scratch.slot_of
    items, last, end, following = needs.item, needs.last, needs.end, needs.next
    strength, period = needs.strength, needs.period
    total = 0.0
    before = -1
    slot = whole(needs.head[head])
    while slot >= 0:
        after = whole(following[slot])
        item = whole(items[slot])
        if end[slot] <= t or shelf.death[item] <= t:
            if before < 0:
                needs.head[head] = after
            else:
                following[before] = after
            needs.free[needs.n_free[0]] = slot
            needs.n_free[0] += 1
        else:
            slot_of[item] = slot
            rate[item] = 0.0
            if available(shelf, item):
                due = 1.0 - np.exp((last[slot] - t) / period[slot])
                rate[item] = strength[slot] * due * shelf.season[shelf.season_of[item]]
                total += rate[item]
            before = slot
        slot = after
    size = customers.size[who]
    return max(world.floor * size, size - total)


@inlined
def put(basket: Ints, chosen: NDArray[np.bool_], item: int, count: int) -> int:
    """Put an item into a basket of ``count`` unless it is there; returns the new count."""
    if chosen[item]:
        return count
    basket[count] = item
    chosen[item] = True
    return count + 1


@inlined
def sort_basket(basket: Ints, count: int) -> None:
    """Sort the first ``count`` items, ascending, by insertion: baskets are short."""
    for at in range(1, count):
        item = basket[at]
        place = at
        while place > 0 and basket[place - 1] > item:
            basket[place] = basket[place - 1]
            place -= 1
        basket[place] = item


@inlined
def draw_item(alias: Singles, other: Ints, stream: Stream) -> int:
    """Draw an item from the row of a taste (Walker's alias method: one number, one look-up)."""
    place = uniform(stream) * alias.size
    item = min(int(place), alias.size - 1)
    if place - item >= alias[item]:
        item = whole(other[item])
    return item


@kernel
def discover(
    shelf: Shelf,
    alias: Singles,
    other: Ints,
    partners: Ints,
    together: float,
    mean: float,
    scratch: Scratch,
    count: int,
) -> int:
    """Add a Poisson number of draws from a taste, each kept if the market can serve it."""
    basket, chosen, stream = scratch.basket, scratch.chosen, scratch.stream
    passed = exponential(stream)
    while passed < mean:
        passed += exponential(stream)
        item = draw_item(alias, other, stream)
        if uniform(stream) >= appeal(shelf, item) or not available(shelf, item):
            continue
        count = put(basket, chosen, item, count)
        partner = whole(partners[item])
        if partner < 0 or uniform(stream) >= together * appeal(shelf, partner):
            continue
        if available(shelf, partner):
            count = put(basket, chosen, partner, count)
    return count


@kernel
def repeat(key: np.uint64, needs: Needs, head: int, scratch: Scratch) -> int:
    """Put the needs that come up into the basket, by their intensities in ``scratch.rate``."""
    basket, chosen, rate = scratch.basket, scratch.chosen, scratch.rate
    items, following = needs.item, needs.next
    count = 0
    slot = whole(needs.head[head])
    while slot >= 0:
        item = whole(items[slot])
        u = chance(key, item)
        if u < rate[item] and u < 1.0 - np.exp(-rate[item]):
            count = put(basket, chosen, item, count)
        slot = whole(following[slot])
    return count


@kernel
def fill_basket(
    world: World, customers: Customers, who: int, t: int, needs: Needs, head: int, scratch: Scratch
) -> int:
    """Choose the items of an order into ``scratch.basket``, ascending; returns how many."""
    market = whole(customers.market[who])
    shelf = shelf_of(world, market, t)
    key = mix(mix(customers.key[who], BASKET), t)
    open_stream(scratch.stream, key)
    factor = gamma(scratch.stream, world.spread) / world.spread
    fresh = weigh_needs(world, customers, who, shelf, needs, head, scratch)
    count = repeat(key, needs, head, scratch)
    per_draw = factor * fresh / (1.0 + world.together)
    for j in range(customers.segment.shape[1]):
        taste = whole(customers.segment[who, j])
        mean = per_draw * customers.weight[who, j] / world.accept[market, taste]
        alias, other = world.alias[taste], world.other[taste]
        count = discover(shelf, alias, other, world.partner, world.together, mean, scratch, count)
    sort_basket(scratch.basket, count)
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
    life, tail = world.life * slow**world.life_per_gap, world.life_tail
    shape, weakest = world.strength_shape, world.weakest
    narrow = world.usual_size / customers.size[who]
    scale = customers.reorder[who] * world.strength / shape
    scale *= slow**world.strength_per_gap * narrow**world.strength_per_narrowness
    basket, chosen, slot_of = scratch.basket, scratch.chosen, scratch.slot_of
    stream, items, following = scratch.stream, needs.item, needs.next
    for at in range(count):
        item = whole(basket[at])
        chosen[item] = False
        slot = whole(slot_of[item])
        if slot >= 0:
            needs.last[slot] = t
            continue
        open_stream(stream, mix(mix(key, item), t))
        strength = gamma(stream, shape) * scale * world.loyalty[item]
        if strength < weakest:
            continue
        needs.n_free[0] -= 1
        slot = whole(needs.free[needs.n_free[0]])
        items[slot] = item
        needs.last[slot] = t
        needs.end[slot] = t + 1 + int(min(life * exponential(stream) ** tail, 1e8))
        needs.strength[slot] = strength
        needs.period[slot] = world.period[item] * np.exp(0.5 * normal(stream))
        following[slot] = needs.head[head]
        needs.head[head] = slot
    slot = whole(needs.head[head])
    while slot >= 0:
        slot_of[items[slot]] = -1
        slot = whole(following[slot])


@kernel
def forget(needs: Needs, head: int) -> None:
    """Give all needs of a list back to the pool."""
    slot = needs.head[head]
    while slot >= 0:
        needs.free[needs.n_free[0]] = slot
        needs.n_free[0] += 1
        slot = needs.next[slot]
    needs.head[head] = -1
