"""Synthetic orders of any size, and a fair clock: what the speed benchmarks of models share."""

import time
from collections.abc import Callable

import numpy as np
import pyarrow as pa
from numpy.typing import NDArray

from restock.dataset import Interactions
from restock.dataset.catalogue import Catalogue
from restock.dataset.interactions import MINUTES_PER_DAY
from restock.kernels.policy import kernel
from restock.kernels.random import alias_tables, open_stream, uniform

ITEMS = 5_000
CUSTOMERS = 50_000  # with 20 pairs each: a million
PAIRS_EACH = 20
BASKETS = 5.0
REPEATS = 0.5  # every pair is bought 1 + geometric times
SPREAD = 0.7  # of the logarithm of a customer's size
DAYS = 364
ROUNDS = 3


def orders(
    customers: int = CUSTOMERS,
    items: int = ITEMS,
    *,
    each: float = PAIRS_EACH,
    repeats: float = REPEATS,
    seed: int = 0,
) -> Interactions:
    """Order lines of one market; what customers buy follows Zipf's law.

    Customers differ in size (log-normal) and have 1 + Poisson(5) baskets, spread over a year; a
    pair is bought in one or more of them. The number of distinct pairs is exactly ``each`` per
    customer on average, that of lines ``1 / (1 - repeats)`` times that at most.
    """
    rng = np.random.default_rng(seed)
    customer, item = _pairs(rng, customers, items, each)
    baskets = 1 + rng.poisson(BASKETS, customers)
    if repeats:
        bought = rng.geometric(1 - repeats, customer.size)
        customer, item = np.repeat(customer, bought), np.repeat(item, bought)
    basket = (rng.random(customer.size) * baskets[customer]).astype(np.int64)
    first = np.concatenate([[0], np.cumsum(baskets)])
    lines = np.sort((first[customer] + basket) * items + item)
    order, item = np.divmod(lines[np.diff(lines, prepend=-1) > 0], items)
    customer = np.searchsorted(first, order, side="right") - 1
    place = (order - first[customer] + 1) / baskets[customer]
    ones = np.ones(order.size, dtype=np.float32)
    return Interactions(
        customer=customer.astype(np.int32),
        item=item.astype(np.int32),
        order=order.astype(np.int32),
        minute=(place * DAYS * MINUTES_PER_DAY).astype(np.int32),
        quantity=ones,
        value=ones,
        catalogue=_catalogue(customers, items),
        as_of=(DAYS + 1) * MINUTES_PER_DAY,
    )


def _pairs(
    rng: np.random.Generator, customers: int, items: int, each: float
) -> tuple[NDArray[np.int64], NDArray[np.int64]]:
    """Distinct (customer, item) pairs, in ascending order; codes say nothing of popularity."""
    sizes = _sizes(rng.lognormal(0, SPREAD, customers), round(each * customers), items // 2)
    share = 1 / np.arange(1, items + 1)
    alias, other = alias_tables((share / share.sum())[rng.permutation(items)][None])
    indptr = np.concatenate([[0], np.cumsum(sizes)])
    key = rng.integers(2**63, dtype=np.uint64)
    return np.repeat(np.arange(customers), sizes), _different_items(indptr, alias, other, key)


def _sizes(weight: NDArray[np.float64], total: int, most: int) -> NDArray[np.int64]:
    """Whole numbers from 1 to ``most`` that sum up to ``total``, about in proportion."""
    ends = np.floor(np.cumsum(weight) / weight.sum() * (total - weight.size) + 0.5)
    sizes = 1 + np.diff(ends, prepend=0.0).astype(np.int64)
    excess = np.maximum(sizes - most, 0).sum()
    sizes = np.minimum(sizes, most)
    while excess:
        poor = np.flatnonzero(sizes < most)[:excess]
        sizes[poor] += 1
        excess -= poor.size
    return sizes


@kernel
def _different_items(
    indptr: NDArray[np.int64],
    alias: NDArray[np.float32],
    other: NDArray[np.int32],
    key: np.uint64,
) -> NDArray[np.int64]:
    """The items of each customer, drawn until they are different, in ascending order."""
    n_items = alias.shape[1]
    drawn = np.empty(indptr[-1], dtype=np.int64)
    owner = np.full(n_items, -1, dtype=np.int64)
    stream = np.empty(2, dtype=np.uint64)
    open_stream(stream, key)
    for customer in range(indptr.size - 1):
        at = indptr[customer]
        while at < indptr[customer + 1]:
            place = uniform(stream) * n_items
            item = int(place)
            if place - item > alias[0, item]:
                item = other[0, item]
            if owner[item] != customer:
                owner[item] = customer
                drawn[at] = item
                at += 1
        drawn[indptr[customer] : at].sort()
    return drawn


def _catalogue(customers: int, items: int) -> Catalogue:
    names = pa.array([f"{n:07}" for n in range(items)])
    return Catalogue(
        customers=pa.table(
            {
                "id": pa.array([f"{n:07}" for n in range(customers)]),
                "market": np.zeros(customers, dtype=np.int32),
            }
        ),
        items=pa.table(
            {
                "id": names,
                "name": names,
                "category": names,
                "unit_cost": np.full(items, np.nan, dtype=np.float32),
            }
        ),
        markets=("GB",),
    )


def cpu_seconds(work: Callable[[], object]) -> float:
    """What it takes of this process's CPUs, once: other programs on the machine hardly count."""
    start = time.process_time()
    work()
    return time.process_time() - start


def medians(*sides: Callable[[], object]) -> list[float]:
    """The median CPU seconds of each side; rounds alternate, so that a slow minute hits all."""
    found = [[cpu_seconds(side) for side in sides] for _ in range(ROUNDS)]
    return [float(median) for median in np.median(found, axis=0)]
