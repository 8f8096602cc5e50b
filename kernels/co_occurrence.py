"""How many customers bought both of two items, and what follows for a customer's best items.

Only items that were sold have levels. They go by their *place*, from the most bought to the
least. Counts lie in tiles of ``WIDTH`` columns: in a tile of the first level a column is the item
at one place; on the levels above it stands for a tile of the level below, by its largest count:
``level[tile, place, column]`` is of the item at ``place`` and the ``SPANS[level]`` items of the
column, from the place ``(tile * WIDTH + column) * SPANS[level]`` on, 0 behind the last. Items of
a column are about equally popular, so that this and the least popular of them bound every
similarity closely. A count is at most the buyers of the less bought item: it takes two bytes but
in the first tiles, if their items have more buyers than that.

Every sum runs in float64 in the order of the codes of what was bought, as in
``neighbour_scores``: whichever way is taken, not a bit changes.
"""

from typing import NamedTuple

import numpy as np
from numpy.typing import NDArray

from restock.kernels.lanes import WIDTH, Lanes, at_least, largest, put, row, spread
from restock.kernels.neighbours import JACCARD, LIFT
from restock.kernels.policy import inlined, kernel
from restock.kernels.selection import ANY, REPEAT, insert_item

SPANS = (1, WIDTH, WIDTH**2)  # places of a column, by level


class Level(NamedTuple):
    """Counts (tiles × places × WIDTH): ``wide`` of the first tiles, ``narrow`` of the others."""

    wide: NDArray[np.int32]
    narrow: NDArray[np.uint16]


class Levels(NamedTuple):
    """All counts: columns are items, tiles of items, and groups of tiles."""

    items: Level
    tiles: Level
    groups: Level


class Bought(NamedTuple):
    """What every customer bought (CSR): items, in ascending order, their places and affinities."""

    indptr: NDArray[np.int64]
    items: NDArray[np.int32]
    places: NDArray[np.int32]
    affinity: NDArray[np.float64]


class Measure(NamedTuple):
    """How items are compared. kind: see ``kernels.neighbours``; below ``threshold`` they are not.

    own: by place, descending: the buyers of an item, or for cosines by way of LIFT their root.
    """

    kind: int
    threshold: float
    own: NDArray[np.float64]


@kernel
def count_together(
    first: int,
    last: int,
    some: NDArray[np.int32],
    item_start: NDArray[np.int64],
    item_customers: NDArray[np.int32],
    indptr: NDArray[np.int64],
    places: NDArray[np.int32],
    levels: Levels,
) -> None:
    """Fill the rows ``first`` to ``last`` of all levels.

    some: the item of each row. item_start, item_customers: the customers of each item (CSR by
    item). indptr, places: the places of what each customer bought (CSR, in the order of the codes).
    Cost: the items of all customers of these items.
    """
    shared = np.zeros(tiles_of(levels.groups) * WIDTH**3, dtype=np.int32)
    for one in range(first, last):
        for at in range(item_start[some[one]], item_start[some[one] + 1]):
            customer = item_customers[at]
            for pair in range(indptr[customer], indptr[customer + 1]):
                shared[places[pair]] += 1
        write_levels(levels, one, shared)


@inlined
def write_levels(levels: Levels, at: int, shared: NDArray[np.int32]) -> None:
    """Write a row of counts to all levels; it is zeros afterwards."""
    write_row(levels.items, at, shared)
    largest_of_each(shared, shared.size // WIDTH)
    write_row(levels.tiles, at, shared)
    largest_of_each(shared, shared.size // WIDTH**2)
    write_row(levels.groups, at, shared)
    shared[:] = 0


@inlined
def tiles_of(level: Level) -> int:
    """How many tiles a level has."""
    return level.wide.shape[0] + level.narrow.shape[0]


@inlined
def write_row(level: Level, at: int, shared: NDArray[np.int32]) -> None:
    """Spread a row over the tiles of a level."""
    far = level.wide.shape[0]
    for tile in range(far):
        for column in range(WIDTH):
            level.wide[tile, at, column] = shared[tile * WIDTH + column]
    for tile in range(level.narrow.shape[0]):
        for column in range(WIDTH):
            level.narrow[tile, at, column] = shared[(far + tile) * WIDTH + column]


@inlined
def largest_of_each(values: NDArray[np.int32], tiles: int) -> None:
    """Put the largest value of each tile where the tile is a column, in the same array."""
    for tile in range(tiles):
        most = values[tile * WIDTH]
        for column in range(1, WIDTH):
            most = max(most, values[tile * WIDTH + column])
        values[tile] = most


@kernel
def bound_groups(
    customers: NDArray[np.int32], bought: Bought, levels: Levels, measure: Measure
) -> NDArray[np.float32]:
    """What no score of a customer in a group is above (groups × customers), -inf where it has none.

    A group has WIDTH**2 items. A similarity grows with what is shared and falls with what either
    item has of its own, and rounding keeps that order in every step: the bound holds to the last
    bit, without a margin.
    """
    chunks = tiles_of(levels.groups)
    similarity = np.empty((measure.own.size, WIDTH), dtype=np.float64)
    total = np.empty((1, WIDTH), dtype=np.float64)
    bounds = np.empty((chunks * WIDTH, customers.size), dtype=np.float32)
    for chunk in range(chunks):
        compare(levels.groups, chunk, SPANS[2], measure, similarity)
        for at in range(customers.size):
            put(scored(customers[at], bought, similarity), total, 0)
            for column in range(WIDTH):
                bound = total[0, column]
                bounds[chunk * WIDTH + column, at] = bound if bound > 0.0 else -np.inf
    return bounds


@kernel
def score_tiles(
    customers: NDArray[np.int32],
    bought: Bought,
    levels: Levels,
    measure: Measure,
    order: NDArray[np.int32],
    n_items: int,
) -> NDArray[np.float32]:
    """``sum_i affinity[c, i] * similarity[i, j]`` for every customer c and item j.

    order: the item at each place. Returns (customers × all items), -inf where the sum is not
    above 0. Cost: the items sold × everything bought.
    """
    n = measure.own.size
    similarity = np.empty((n, WIDTH), dtype=np.float64)
    total = np.empty((1, WIDTH), dtype=np.float64)
    scores = np.full((customers.size, n_items), -np.inf, dtype=np.float32)
    for tile in range(tiles_of(levels.items)):
        compare(levels.items, tile, SPANS[0], measure, similarity)
        first = tile * WIDTH
        for at in range(customers.size):
            put(scored(customers[at], bought, similarity), total, 0)
            for column in range(min(WIDTH, n - first)):
                if total[0, column] > 0.0:
                    scores[at, order[first + column]] = total[0, column]
    return scores


@kernel
def best_of_groups(
    customers: NDArray[np.int32],
    bought: Bought,
    levels: Levels,
    measure: Measure,
    order: NDArray[np.int32],
    groups: NDArray[np.int64],
    bounds: NDArray[np.float32],
    allowed: NDArray[np.bool_],
    history: int,
    k: int,
) -> tuple[NDArray[np.int32], NDArray[np.float32]]:
    """The ``k`` items of the largest sums (customers × k), as ``best_items`` of ``score_tiles``.

    A group, and then a tile, whose bound is below a customer's ``k``-th best so far, of what
    history and ``allowed`` let a list hold, is not scored. Items are -1 where the list is short.
    order: the item at each place.
    groups: the order in which they are taken; it changes how much is left out, never a list.
    bounds: of ``bound_groups``.

    Cost: everything bought, for each group that is not left out, and WIDTH times that for each
    tile.
    """
    n = measure.own.size
    similarity = np.empty((n, WIDTH), dtype=np.float64)
    total = np.empty((1, WIDTH), dtype=np.float64)
    best = np.full((customers.size, k), -1, dtype=np.int32)
    values = np.zeros((customers.size, k), dtype=np.float32)
    size = np.zeros(customers.size, dtype=np.int64)
    least = np.zeros(customers.size, dtype=np.float32)  # the k-th best; 0, as long as there is none
    wanted = np.empty(customers.size, dtype=np.int64)
    near = np.empty((customers.size, WIDTH), dtype=np.float64)
    for group in groups:
        some = 0
        for at in range(customers.size):
            wanted[some] = at
            some += bounds[group, at] >= least[at]
        if some == 0:
            continue
        compare(levels.tiles, group, SPANS[1], measure, similarity)
        for one in range(some):
            put(scored(customers[wanted[one]], bought, similarity), near, one)
        for tile in range(group * WIDTH, min((group + 1) * WIDTH, tiles_of(levels.items))):
            first, compared = tile * WIDTH, False
            for one in range(some):
                at, bound = wanted[one], near[one, tile - group * WIDTH]
                if not bound > 0.0 or np.float32(bound) < least[at]:
                    continue
                if not compared:
                    compare(levels.items, tile, SPANS[0], measure, similarity)
                    compared = True
                found = scored(customers[at], bought, similarity)
                if np.float32(largest(found)) < least[at]:
                    continue
                put(found, total, 0)
                start, end = bought.indptr[customers[at]], bought.indptr[customers[at] + 1]
                own = bought.items[start:end]
                for column in range(min(WIDTH, n - first)):
                    score = np.float32(total[0, column])
                    if not total[0, column] > 0.0 or score < least[at]:
                        continue
                    item = order[first + column]
                    if allowed[item] and welcome(history, own, item):
                        size[at] = insert_item(best[at], values[at], size[at], item, score)
                        least[at] = values[at, k - 1]
    return best, values


@kernel
def compare(
    level: Level, tile: int, span: int, measure: Measure, similarity: NDArray[np.float64]
) -> None:
    """Write the similarities of all items to the columns of a tile (places × WIDTH).

    0 where too little is shared. Of a column with more than one item (span) it is what no
    similarity to any of them is above.
    """
    others = np.empty((1, WIDTH), dtype=np.float64)
    for column in range(WIDTH):
        end = (tile * WIDTH + column + 1) * span
        others[0, column] = measure.own[min(end, measure.own.size) - 1]
    far = level.wide.shape[0]
    if tile < far:
        compare_rows(level.wide[tile], row(others, 0), measure, similarity)
    else:
        compare_rows(level.narrow[tile - far], row(others, 0), measure, similarity)


@inlined
def compare_rows(
    shared: NDArray[np.int32] | NDArray[np.uint16],
    others: Lanes,
    measure: Measure,
    similarity: NDArray[np.float64],
) -> None:
    """Write the similarities of all items to those of a tile, who have so much of their own."""
    for place in range(measure.own.size):
        both = row(shared, place)
        if largest(both) < measure.threshold:
            put(spread(0.0), similarity, place)
        else:
            value = similarity_of(measure.kind, both, spread(measure.own[place]), others)
            put(at_least(value, both, measure.threshold), similarity, place)


@inlined
def similarity_of(kind: int, both: Lanes, one: Lanes, other: Lanes) -> Lanes:
    """As in ``kernels.neighbours``, digit by digit, for COUNT, JACCARD and LIFT."""
    if kind == JACCARD:
        return both / (one + other - both)
    if kind == LIFT:
        return both / (one * other)
    return both


@inlined
def scored(customer: int, bought: Bought, similarity: NDArray[np.float64]) -> Lanes:
    """``sum of affinity * similarity`` over what a customer bought, one after the other."""
    total = spread(0.0)
    for pair in range(bought.indptr[customer], bought.indptr[customer + 1]):
        total = total + spread(bought.affinity[pair]) * row(similarity, bought.places[pair])
    return total


@kernel
def welcome(history: int, bought: NDArray[np.int32], item: int) -> bool:
    """Whether a list of this history may hold the item; bought: ascending codes."""
    if history == ANY:
        return True
    at = np.searchsorted(bought, item)
    return (at < bought.size and bought[at] == item) == (history == REPEAT)
