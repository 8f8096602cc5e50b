"""Microsoft's recommenders: SAR, and its ranking metrics."""

from collections.abc import Callable
from pathlib import Path
from typing import Any

import numpy as np
import pandas as pd
from recommenders.evaluation import python_evaluation as evaluation
from recommenders.models.sar.sar_singlenode import SARSingleNode

Arrays = dict[str, Any]
SECONDS = 60.0


def sar(
    folder: Path, k: int = 10, similarity: str = "jaccard", days: float = 30.0, threshold: int = 1
) -> Callable[[], Arrays]:
    """Fit, and the k best items of every customer, bought ones included."""
    lines = frame(folder)
    people = lines[["userID"]].drop_duplicates()

    def work() -> Arrays:
        model = SARSingleNode(
            similarity_type=similarity,
            time_decay_coefficient=days,
            timedecay_formula=True,
            threshold=threshold,
        )
        model.fit(lines)
        lists = model.recommend_k_items(people, top_k=k, remove_seen=False)
        return {
            "customer": lists["userID"].to_numpy(np.int32),
            "item": lists["itemID"].to_numpy(np.int32),
            "score": lists["prediction"].to_numpy(np.float64),
        }

    return work


def configs(folder: Path, configs: list[dict[str, Any]], k: int = 10) -> Callable[[], Arrays]:
    """Each configuration fitted, listed for the judged customers and judged by four metrics."""
    lines, truth = frame(folder), relevant(folder)
    people = truth[["userID"]].drop_duplicates()

    def work() -> Arrays:
        found = []
        for config in configs:
            model = SARSingleNode(
                similarity_type=config["similarity"],
                time_decay_coefficient=config["half_life_days"],
                timedecay_formula=True,
                threshold=config["threshold"],
            )
            model.fit(lines)
            found.append(judged(truth, model.recommend_k_items(people, top_k=k), k))
        return {"metrics": np.array(found)}

    return work


def metrics(folder: Path, k: int = 10) -> Callable[[], Arrays]:
    """ndcg, map, recall and precision of lists that are there."""
    truth, lists = relevant(folder), np.load(folder / "lists.npy")
    rows = np.repeat(np.load(folder / "judged.npy"), k)
    score = np.tile(np.arange(k, 0, -1.0), len(lists))
    predicted = pd.DataFrame({"userID": rows, "itemID": lists.ravel(), "prediction": score})
    return lambda: {"metrics": np.array(judged(truth, predicted, k))}


def judged(truth: pd.DataFrame, predicted: pd.DataFrame, k: int) -> list[float]:
    """The four metrics by the functions of the library."""
    return [
        evaluation.ndcg_at_k(truth, predicted, k=k, discfun_type="log2"),
        evaluation.map_at_k(truth, predicted, k=k),
        evaluation.recall_at_k(truth, predicted, k=k),
        evaluation.precision_at_k(truth, predicted, k=k),
    ]


def frame(folder: Path) -> pd.DataFrame:
    """The order lines; of the same customer, item and minute one, which counts as many times."""
    lines = pd.DataFrame(
        {
            "userID": np.load(folder / "customer.npy"),
            "itemID": np.load(folder / "item.npy"),
            "timestamp": np.load(folder / "minute.npy") * SECONDS,
        }
    )
    together = lines.groupby(["userID", "itemID", "timestamp"], sort=False)
    return together.size().astype(np.float64).rename("rating").reset_index()


def relevant(folder: Path) -> pd.DataFrame:
    """What judged customers bought in the window."""
    pairs = np.load(folder / "relevant.npy")
    return pd.DataFrame({"userID": pairs[0], "itemID": pairs[1], "rating": 1.0})
