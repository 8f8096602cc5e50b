"""Room for the simulator's kernels to write in: lines, needs, work space."""

import numpy as np

from restock.kernels.simulation import Customers, Lines, Needs, Scratch
from restock.kernels.simulation_truth import State


def new_lines(size: int) -> Lines:
    """Room for ``size`` order lines."""
    return Lines(
        customer=np.empty(size, np.int32),
        day=np.empty(size, np.int32),
        minute=np.empty(size, np.int32),
        item=np.empty(size, np.int32),
        quantity=np.empty(size, np.float32),
        price=np.empty(size, np.float64),
    )


def join_lines(parts: list[Lines]) -> Lines:
    """All lines of some parts, in their order."""
    if not parts:
        return new_lines(0)
    return Lines._make(np.concatenate(column) for column in zip(*parts, strict=True))


def sort_lines(lines: Lines) -> Lines:
    """Lines by (customer, day, item)."""
    by = np.lexsort((lines.item, lines.day, lines.customer))
    return Lines._make(column[by] for column in lines)


def first_lines(lines: Lines, count: int) -> Lines:
    """A copy of the first ``count`` lines."""
    return Lines._make(column[:count].copy() for column in lines)


def new_customers(rows: int, tastes_each: int) -> Customers:
    """Room for customers."""
    return Customers(
        market=np.zeros(rows, np.int32),
        key=np.zeros(rows, np.uint64),
        pair_key=np.zeros(rows, np.uint64),
        arrival=np.zeros(rows),
        gap=np.zeros(rows),
        lapse=np.zeros(rows),
        size=np.zeros(rows),
        reorder=np.zeros(rows),
        level=np.zeros(rows),
        segment=np.zeros((rows, tastes_each), np.int32),
        weight=np.zeros((rows, tastes_each)),
    )


def new_state(rows: int) -> State:
    """Room for where customers stand."""
    return State(np.zeros(rows, np.int32), np.zeros(rows, np.int32), np.zeros(rows, np.int32))


def new_needs(slots: int, lists: int) -> Needs:
    """Empty lists of needs that share ``slots`` places."""
    return Needs(
        item=np.zeros(slots, np.int32),
        last=np.zeros(slots, np.int32),
        end=np.zeros(slots, np.int32),
        strength=np.zeros(slots, np.float32),
        period=np.zeros(slots, np.float32),
        next=np.zeros(slots, np.int32),
        free=np.arange(slots - 1, -1, -1, dtype=np.int32),
        n_free=np.array([slots]),
        head=np.full(lists, -1, np.int32),
    )


def with_room(needs: Needs, slots: int) -> Needs:
    """The same needs, in twice the places when fewer than ``slots`` are free."""
    if needs.n_free[0] >= slots:
        return needs
    size, free = needs.item.size, int(needs.n_free[0])
    pool = {
        name: np.concatenate([getattr(needs, name), np.zeros_like(getattr(needs, name))])
        for name in ("item", "last", "end", "strength", "period", "next", "free")
    }
    pool["free"][free : free + size] = np.arange(2 * size - 1, size - 1, -1)
    return needs._replace(**pool, n_free=np.array([free + size]))


def new_scratch(items: int) -> Scratch:
    """Work space for baskets out of ``items`` items."""
    return Scratch(
        basket=np.zeros(items, np.int32),
        slot_of=np.full(items, -1, np.int32),
        chosen=np.zeros(items, np.bool_),
        rate=np.zeros(items),
        stream=np.zeros(2, np.uint64),
    )
