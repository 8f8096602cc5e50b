"""rusket: its cosine neighbours of items."""

from collections.abc import Callable
from pathlib import Path
from typing import Any

import numpy as np
from rusket import ItemKNN
from scipy.sparse import csr_matrix


def cosine(folder: Path, neighbours: int, k: int = 10) -> Callable[[], dict[str, Any]]:
    """Fit, and the k best items of every customer, bought ones included, one after the other."""
    customer, item = np.load(folder / "customer.npy"), np.load(folder / "item.npy")
    table = csr_matrix((np.ones(item.size, dtype=np.float32), (customer, item)))
    people = np.flatnonzero(np.diff(table.indptr))

    def work() -> dict[str, Any]:
        model = ItemKNN(method="cosine", k=neighbours).fit(table)
        lists = np.full((people.size, k), -1, dtype=np.int32)
        for row, who in enumerate(people):
            items, _ = model.recommend_items(int(who), n=k, exclude_seen=False)
            lists[row, : len(items)] = items
        return {"customer": people, "lists": lists}

    return work
