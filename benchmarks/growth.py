"""Synthetic orders of any size, and a fair clock: what the speed benchmarks of models share."""

import time
from collections.abc import Callable
from functools import cache
from typing import Any

import numpy as np
import pyarrow as pa
from numpy.typing import NDArray

from restock.dataset import Interactions
from restock.dataset.catalogue import Catalogue
from restock.dataset.interactions import MINUTES_PER_DAY

ITEMS = 5_000
CUSTOMERS = 50_000  # with 20 pairs each: a million
PAIRS_EACH = 20
BASKETS = 5.0
REPEATS = 0.5  # every pair is bought 1 + geometric times
DAYS = 364
ROUNDS = 3


@cache
def orders(customers: int = CUSTOMERS, items: int = ITEMS, seed: int = 0) -> Interactions:
    """Order lines of one market: 20 items per customer on average, drawn by Zipf's law.

    Customers differ in size (log-normal) and have 1 + Poisson(5) baskets, spread over a year; a
    pair is bought in one or more of them. The number of distinct pairs is exactly 20 per
    customer.
    """
    rng = np.random.default_rng(seed)
    customer, item = _pairs(rng, customers, items)
    baskets = 1 + rng.poisson(BASKETS, customers)
    bought = rng.geometric(1 - REPEATS, customer.size)
    customer, item = np.repeat(customer, bought), np.repeat(item, bought)
    basket = (rng.random(customer.size) * baskets[customer]).astype(np.int64)
    first = np.concatenate([[0], np.cumsum(baskets)])
    order, item = np.divmod(np.unique((first[customer] + basket) * items + item), items)
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
    rng: np.random.Generator, customers: int, items: int
) -> tuple[NDArray[np.int64], NDArray[np.int64]]:
    """Distinct (customer, item) pairs, in ascending order."""
    share: Any = 1 / np.arange(1, items + 1)
    size = rng.lognormal(0, 0.7, customers)
    wanted = PAIRS_EACH * customers
    keys = np.empty(0, dtype=np.int64)
    while keys.size < wanted:
        n = 2 * (wanted - keys.size) + customers
        who = rng.choice(customers, n, p=size / size.sum())
        what = rng.choice(items, n, p=share / share.sum())
        keys = np.unique(np.concatenate([keys, who * items + what]))
    kept = np.zeros(keys.size, dtype=bool)
    kept[rng.permutation(keys.size)[:wanted]] = True
    return np.divmod(keys[kept], items)


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
