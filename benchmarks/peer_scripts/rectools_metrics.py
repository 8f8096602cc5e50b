"""RecTools: ranking metrics of lists that are there."""

from collections.abc import Callable
from pathlib import Path
from typing import Any

import numpy as np
import pandas as pd
from rectools.metrics import MAP, NDCG, Precision, Recall, calc_metrics


def metrics(folder: Path, k: int = 10) -> Callable[[], dict[str, Any]]:
    """ndcg, map, recall and precision."""
    lists, pairs = np.load(folder / "lists.npy"), np.load(folder / "relevant.npy")
    truth = pd.DataFrame({"user_id": pairs[0], "item_id": pairs[1], "weight": 1.0})
    predicted = pd.DataFrame(
        {
            "user_id": np.repeat(np.load(folder / "judged.npy"), k),
            "item_id": lists.ravel(),
            "rank": np.tile(np.arange(1, k + 1), len(lists)),
        }
    )
    wanted = {
        "ndcg": NDCG(k=k, divide_by_achievable=True),
        "map": MAP(k=k),
        "recall": Recall(k=k),
        "precision": Precision(k=k),
    }

    def work() -> dict[str, Any]:
        found = calc_metrics(wanted, predicted, truth)
        return {"metrics": np.array([found[name] for name in wanted])}

    return work
