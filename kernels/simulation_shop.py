"""The simulated shop: who comes on a day, and how customers respond to what they are shown.

An item of intensity a has relevance a / (a + half). Shown at position r (from 0) it is looked
at with probability attention[r]; the customer then orders it *because it was shown* with
probability effect × relevance, whatever else is ordered, and otherwise clicks on it with
probability click × relevance:

    P(order) = 1 - (1 - p)(1 - attention_r effect relevance)
    P(click) = (1 - P(order)) attention_r click relevance

where p is the chance that the visit's order holds the item anyway (0 on a visit without one).
"""

from typing import NamedTuple

import numpy as np
from numpy.typing import NDArray

from restock.kernels.policy import inlined, kernel
from restock.kernels.random import chance, mix, whole
from restock.kernels.simulation import (
    NEVER,
    SHOWN,
    VISIT,
    Customers,
    Floats,
    Ints,
    Lines,
    Needs,
    Scratch,
    World,
    occasion,
    shelf_of,
)
from restock.kernels.simulation_baskets import fill_basket, put, remember, sort_basket, weigh_needs
from restock.kernels.simulation_lives import minute_of_visit, write_lines
from restock.kernels.simulation_truth import State, intensities

NONE, CLICK, ORDER = 0, 1, 2


class Response(NamedTuple):
    """How customers respond to what they are shown."""

    browse: float  # visits without an order, per business day and customer
    attention: Floats  # chance that a position is looked at
    effect: float  # chance that a fully relevant item is ordered because it is shown
    click: float  # chance that a fully relevant item is clicked on otherwise
    half: float  # intensity of half relevance


class Outcomes(NamedTuple):
    """One row per shown item."""

    minute: Ints  # of the day
    outcome: NDArray[np.int8]  # NONE, CLICK or ORDER
    order_chance: Floats  # P(order) and P(click) of the row, given the customer's state
    click_chance: Floats
    unshown_chance: Floats  # p: the chance of an order had it not been shown


@kernel
def comers(
    world: World, customers: Customers, response: Response, t: int, state: State, found: Ints
) -> int:
    """Put the customers that visit on day t, ascending, into ``found``; returns how many.

    Those with an occasion to order visit; the others browse by chance once they have arrived
    and until they lapse.
    """
    count = 0
    for who in range(customers.key.size):
        clock = world.clock[customers.market[who]]
        comes = state.next[who] == t
        if not comes and state.number[who] > 0 and state.next[who] <= NEVER:
            browse = response.browse * (clock[t + 1] - clock[t])
            comes = chance(mix(customers.key[who], VISIT), t) < browse
        if comes:
            found[count] = who
            count += 1
    return count


@inlined
def respond(
    response: Response,
    intensity: float,
    anyway: float,
    position: int,
) -> tuple[float, float, float]:
    """P(order because shown), P(order), P(click) of an item; anyway: P(order if not shown)."""
    looked = 0.0
    if position < response.attention.size:
        looked = response.attention[position]
    relevance = intensity / (intensity + response.half)
    caused = looked * response.effect * relevance
    ordered = 1.0 - (1.0 - anyway) * (1.0 - caused)
    return caused, ordered, (1.0 - ordered) * looked * response.click * relevance


@kernel
def serve(
    world: World,
    customers: Customers,
    response: Response,
    t: int,
    visitors: Ints,
    shown: Ints,
    first: int,
    base: int,
    state: State,
    needs: Needs,
    scratch: Scratch,
    intensity: Floats,
    held: Floats,
    outcomes: Outcomes,
    lines: Lines,
    n: int,
) -> tuple[int, int]:
    """Let visitors from row ``first`` on order, shown or not; lists of needs are rows.

    shown: items (visitors × k), -1 for an empty place; ``outcomes`` has a row per place. Stops
    early when ``lines`` or ``needs`` has no room for a whole basket. Returns the first visitor
    that was not served and the number of lines now.
    """
    k = shown.shape[1]
    for row in range(first, visitors.size):
        if n + intensity.size > lines.item.size or needs.n_free[0] < intensity.size:
            return row, n
        who = whole(visitors[row])
        orders = state.next[who] == t
        key = mix(mix(customers.key[who], SHOWN), t)
        if k > 0:
            intensities(world, customers, who, t, needs, who, scratch, intensity, held)
        count = 0
        if orders:
            count = fill_basket(world, customers, who, t, needs, who, scratch)
        else:
            shelf = shelf_of(world, whole(customers.market[who]), t)
            weigh_needs(world, customers, who, shelf, needs, who, scratch)
        for position in range(k):
            item = whole(shown[row, position])
            at = row * k + position
            if item < 0:
                continue
            anyway = held[item] if orders else 0.0
            caused, ordered, clicked = respond(response, intensity[item], anyway, position)
            outcomes.minute[at] = minute_of_visit(world, customers, who, t)
            outcomes.order_chance[at] = ordered
            outcomes.click_chance[at] = clicked
            outcomes.unshown_chance[at] = anyway
            if chance(key, item) < caused:
                count = put(scratch.basket, scratch.chosen, item, count)
            outcome = NONE
            if scratch.chosen[item]:
                outcome = ORDER
            elif chance(mix(key, item), 1) * (1.0 - ordered) < clicked:
                outcome = CLICK
            outcomes.outcome[at] = outcome
        sort_basket(scratch.basket, count)
        basket = scratch.basket[:count]
        remember(world, customers, who, t, needs, who, scratch, count)
        write_lines(world, customers, who, base, t, basket, lines, n)
        n += count
        if orders:
            state.last[who] = t
            state.number[who] += 1
            number = whole(state.number[who])
            state.next[who] = occasion(world, customers, who, number, t, t + 1)
    return visitors.size, n
