"""implicit: cosine neighbours of items."""

from collections.abc import Callable
from pathlib import Path
from typing import Any

import numpy as np
from implicit.nearest_neighbours import CosineRecommender
from scipy.sparse import csr_matrix


def cosine(folder: Path, neighbours: int, k: int = 10) -> Callable[[], dict[str, Any]]:
    """Fit, and the k best items of every customer, bought ones included."""
    customer, item = np.load(folder / "customer.npy"), np.load(folder / "item.npy")
    table = csr_matrix((np.ones(item.size), (customer, item)))
    people = np.flatnonzero(np.diff(table.indptr))

    def work() -> dict[str, Any]:
        model = CosineRecommender(K=neighbours)
        model.fit(table, show_progress=False)
        lists, scores = model.recommend(
            people, table[people], N=k, filter_already_liked_items=False
        )
        return {"customer": people, "lists": lists, "scores": scores}

    return work
