"""How fast is `tifu_knn` beside plain Python of the published code's shape? One thread each.

tifu_knn_1m_vs_reference  a million distinct pairs: 50,000 customers, 5,000 items, some 6 baskets
                          each (``benchmarks.growth``); vectors, 300 neighbours, the top 10 of
                          every customer, by the published configuration. The reference makes a
                          dense vector per basket in Python loops, asks scikit-learn's
                          ``NearestNeighbors`` (brute force) and averages with numpy. It is timed
                          on the vectors of 1,000 customers and the lists of 500, and scaled to all;
                          ours is timed on all. Agreement: the share of these 500 lists that are
                          the same, item by item.
tifu_knn_1m_seconds       ours
"""

from collections.abc import Iterator
from importlib import import_module

import numpy as np
from numpy.typing import NDArray
from threadpoolctl import threadpool_limits

from restock.benchmarks.figures import Figure
from restock.benchmarks.growth import medians, orders
from restock.dataset import Interactions
from restock.dataset.catalogue import IntArray
from restock.models import create
from restock.models.presets import preset

VECTORS, LISTS, K = 1_000, 500, 10
GROUPS, GROUP_DECAY, ALPHA, NEIGHBOURS = 15, 0.8, 0.5, 300
Baskets = list[list[list[int]]]
FloatArray = NDArray[np.float64]


def figures() -> Iterator[Figure]:
    """The ratio and our seconds."""
    data = orders()
    customers, baskets = data.customers, baskets_of(data)
    asked = np.random.default_rng(0).choice(customers.size, LISTS, replace=False)
    some = [baskets[row] for row in asked]
    with threadpool_limits(1):
        vectors = vectors_of(baskets, data.n_items)
        found = ours(data)[asked]
        agreement = float((found == lists_of(vectors, asked)).all(axis=1).mean())
        vector_seconds, list_seconds, seconds = medians(
            lambda: vectors_of((some * 2)[:VECTORS], data.n_items),
            lambda: lists_of(vectors, asked),
            lambda: ours(data),
        )
    peer = (vector_seconds / VECTORS + list_seconds / LISTS) * customers.size
    yield Figure(
        "tifu_knn_1m_vs_reference",
        peer / seconds,
        "ratio",
        peer="numpy, scikit-learn",
        agreement=agreement,
    )
    yield Figure("tifu_knn_1m_seconds", seconds, "CPU s", agreement=agreement)


def ours(data: Interactions) -> IntArray:
    """The lists of everybody who ordered (customers × K)."""
    model = create("tifu_knn", **preset("tifu_knn", "published")).fit(data)
    return model.recommend(data.customers, K).items


def baskets_of(data: Interactions) -> Baskets:
    """The items of every order of everybody who ordered: what the published code reads."""
    order_starts = np.flatnonzero(np.diff(data.order, prepend=-1))
    owner = data.customer[order_starts]
    baskets = [part.tolist() for part in np.split(data.item, order_starts[1:])]
    bounds = np.searchsorted(owner, data.customers)
    return [
        baskets[first:last] for first, last in zip(bounds, [*bounds[1:], len(baskets)], strict=True)
    ]


def vectors_of(baskets: Baskets, n_items: int) -> FloatArray:
    """The personalised item frequency of each customer, basket by basket (customers × items)."""
    found = np.zeros((len(baskets), n_items))
    for row, history in enumerate(baskets):
        dense = []
        for basket in history:
            vector = np.zeros(n_items)
            for item in basket:
                vector[item] = 1.0
            dense.append(vector)
        groups = grouped(dense)
        total = np.zeros(n_items)
        for place, group in enumerate(groups):
            total += group * GROUP_DECAY ** (len(groups) - 1 - place)
        found[row] = total / len(groups)
    return found


def grouped(dense: list[FloatArray]) -> list[FloatArray]:
    """Means of GROUPS runs of baskets whose lengths differ by one at most, the longer last."""
    if len(dense) <= GROUPS:
        return dense
    short, longer = divmod(len(dense), GROUPS)
    sizes = [short] * (GROUPS - longer) + [short + 1] * longer
    means, start = [], 0
    for size in sizes:
        total = np.zeros_like(dense[0])
        for vector in dense[start : start + size]:
            total += vector
        means.append(total / size)
        start += size
    return means


def lists_of(vectors: FloatArray, rows: NDArray[np.int64]) -> IntArray:
    """The K best items of some customers, from the vectors of all (rows × K)."""
    neighbors = import_module("sklearn.neighbors")  # comes with mlflow
    search = neighbors.NearestNeighbors(n_neighbors=NEIGHBOURS + 1, algorithm="brute")
    near = search.fit(vectors).kneighbors(vectors[rows], return_distance=False)
    lists = np.empty((rows.size, K), dtype=np.int32)
    for place, row in enumerate(rows):
        others = near[place][near[place] != row][:NEIGHBOURS]
        score = ALPHA * vectors[row] + (1 - ALPHA) * vectors[others].mean(axis=0)
        lists[place] = np.argsort(-score.astype(np.float32), kind="stable")[:K]
    return lists
