"""The order lines of simulated customers, one life after the other."""

import numpy as np

from restock.kernels.policy import kernel
from restock.kernels.random import bell, mix, whole
from restock.kernels.simulation import (
    HOUR,
    LINE,
    Customers,
    Ints,
    Lines,
    Needs,
    Scratch,
    World,
    occasion,
)
from restock.kernels.simulation_baskets import fill_basket, forget, remember


@kernel
def minute_of_visit(world: World, customers: Customers, who: int, t: int) -> int:
    """The minute of the day, between 06:00 and 21:00, at which the customer is in the shop."""
    hour = world.hour_mean + world.hour_sd * bell(mix(customers.key[who], HOUR), t)
    return min(max(int(hour), 360), 1259)


@kernel
def write_lines(
    world: World,
    customers: Customers,
    who: int,
    base: int,
    t: int,
    basket: Ints,
    lines: Lines,
    at: int,
) -> None:
    """Write an order's lines from row ``at`` on: minute, quantities, prices.

    ``base`` is the number, among all customers, of row 0 of ``customers``.
    """
    minute = minute_of_visit(world, customers, who, t)
    pair, line = customers.pair_key[who], mix(mix(customers.key[who], LINE), t)
    factor, level = world.price[customers.market[who], t], customers.level[who]
    usual, listed, discount = world.log_quantity, world.list_price, 1.0 - world.discount
    for n in range(basket.size):
        item = whole(basket[n])
        spread = world.pair_sd * bell(pair, item) + world.line_sd * bell(line, item)
        log_q = usual[item] + level + spread
        price = listed[item] * factor
        if log_q > usual[item] + 1.0:
            price *= discount
        lines.customer[at + n] = base + who
        lines.day[at + n] = t - world.burn
        lines.minute[at + n] = minute
        lines.item[at + n] = item
        lines.quantity[at + n] = world.nice[np.searchsorted(world.log_nice, log_q)]
        lines.price[at + n] = max(np.floor(price * 100.0 + 0.5) / 100.0, 0.01)


@kernel
def live_on(
    world: World,
    customers: Customers,
    who: int,
    base: int,
    t: int,
    number: int,
    until: int,
    needs: Needs,
    head: int,
    scratch: Scratch,
    lines: Lines,
    n: int,
) -> int:
    """Follow one customer from its order ``number`` on day ``t`` up to day ``until``.

    n: the number of lines already there. Returns the number of lines now; -1 when ``lines``
    has no room for all (the needs are then of no use any more).
    """
    while t < until:
        count = fill_basket(world, customers, who, t, needs, head, scratch)
        basket = scratch.basket[:count]
        remember(world, customers, who, t, needs, head, scratch, count)
        if t >= world.burn:
            if n + count > lines.item.size:
                return -1
            write_lines(world, customers, who, base, t, basket, lines, n)
            n += count
        number += 1
        t = occasion(world, customers, who, number, t, t + 1)
    return n


@kernel
def live(
    world: World,
    customers: Customers,
    base: int,
    first: int,
    until: int,
    needs: Needs,
    scratch: Scratch,
    lines: Lines,
    n: int,
) -> tuple[int, int]:
    """Simulate customers from row ``first`` on up to day ``until``, as far as ``lines`` has room.

    n: the number of lines already there. Returns the first customer that is not done, and
    the number of lines now. Uses list 0 of ``needs``, which has a slot per item.
    """
    for who in range(first, customers.key.size):
        t = occasion(world, customers, who, 0, -1, 0)
        more = live_on(world, customers, who, base, t, 0, until, needs, 0, scratch, lines, n)
        forget(needs, 0)
        if more < 0:
            return who, n
        n = more
    return customers.key.size, n
