"""The order lines of simulated customers, one life after the other."""

import numpy as np

from restock.kernels.policy import kernel
from restock.kernels.random import bell, mix
from restock.kernels.simulation import (
    HOUR,
    LINE,
    PAIR,
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
    key = customers.key[who]
    hour = world.hour_mean + world.hour_sd * bell(mix(key, HOUR), t)
    minute = min(max(int(hour), 360), 1259)
    pair, line = mix(key, PAIR), mix(mix(key, LINE), t)
    quarters = (t - world.burn) // 91
    factor = world.rate[customers.market[who]] * (1.0 + world.inflation) ** quarters
    for n in range(basket.size):
        item = basket[n]
        usual = world.log_quantity[item] + customers.level[who]
        log_q = usual + world.pair_sd * bell(pair, item) + world.line_sd * bell(line, item)
        price = world.list_price[item] * factor
        if log_q > world.log_quantity[item] + 1.0:
            price *= 1.0 - world.discount
        lines.customer[at + n] = base + who
        lines.day[at + n] = t - world.burn
        lines.minute[at + n] = minute
        lines.item[at + n] = item
        lines.quantity[at + n] = world.nice[np.searchsorted(world.log_nice, log_q)]
        lines.price[at + n] = max(np.floor(price * 100.0 + 0.5) / 100.0, 0.01)


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
        begin = n
        number = 0
        t = occasion(world, customers, who, 0, -1)
        while t < until:
            count = fill_basket(world, customers, who, t, needs, 0, scratch)
            if t >= world.burn:
                if n + count > lines.item.size:
                    remember(world, customers, who, t, needs, 0, scratch, count)
                    forget(needs, 0)
                    return who, begin
                write_lines(world, customers, who, base, t, scratch.basket[:count], lines, n)
                n += count
            remember(world, customers, who, t, needs, 0, scratch, count)
            number += 1
            t = occasion(world, customers, who, number, t)
        forget(needs, 0)
    return customers.key.size, n
