"""How fast is `ease` on a range of 5,000 items? One thread on both sides.

ease_5k_items_seconds      seconds of the same closed form with ``np.linalg.inv``, all weights kept,
                           over those of our fit (Gram matrix, Cholesky inverse, the 200 strongest
                           weights); 10,000 customers with 20 items each (``benchmarks.growth``).
                           Agreement: the largest difference of a weight that we kept.
ease_5k_items_cpu_seconds  ours
"""

from collections.abc import Iterator
from typing import Any

import numpy as np
from numpy.typing import NDArray
from scipy.sparse import csr_matrix
from threadpoolctl import threadpool_limits

from restock.benchmarks.figures import Figure
from restock.benchmarks.growth import medians, orders
from restock.dataset import Interactions
from restock.models import create

CUSTOMERS = 10_000
REGULARISATION = 10.0
CONFIG: dict[str, Any] = {"regularisation": REGULARISATION, "half_life_days": None, "own": 0.0}


def figures() -> Iterator[Figure]:
    """The ratio and our seconds."""
    data = orders(CUSTOMERS)
    agreement = difference(data)
    with threadpool_limits(1):
        peer, ours = medians(lambda: plain_numpy(data), lambda: create("ease", **CONFIG).fit(data))
    yield Figure(
        "ease_5k_items_seconds", peer / ours, "ratio", peer="np.linalg.inv", agreement=agreement
    )
    yield Figure("ease_5k_items_cpu_seconds", ours, "CPU s", agreement=agreement)


def plain_numpy(data: Interactions) -> NDArray[np.float64]:
    """B of the paper over all items of the catalogue (items × items)."""
    pairs = data.pairs
    counts = np.log1p(pairs.sum(np.ones(len(data))))
    table = csr_matrix((counts, pairs.item, pairs.indptr), (data.n_customers, data.n_items))
    gram = (table.T @ table).toarray()
    inverse = np.linalg.inv(gram + REGULARISATION * np.eye(data.n_items))
    weights: NDArray[np.float64] = -inverse / np.diag(inverse)
    np.fill_diagonal(weights, 0.0)
    return weights


def difference(data: Interactions) -> float:
    """The largest difference of a weight that our fit kept from the same weight of the peer."""
    near = create("ease", **CONFIG).fit(data)._state()
    source = np.repeat(np.arange(data.n_items), np.diff(near["start"]))
    return float(np.abs(near["similarity"] - plain_numpy(data)[source, near["item"]]).max())
