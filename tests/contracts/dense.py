"""Neighbourhood models as their papers write them: dense matrices in float64, no kernel."""

import numpy as np

from restock.dataset import Interactions
from restock.models import Recommendations


def purchases(train: Interactions, half_life: float | None) -> np.ndarray:
    """Order lines (customers × items), each counted as 0.5 ** (age / half_life)."""
    table = np.zeros((train.n_customers, train.n_items))
    weight = 1.0 if half_life is None else 0.5 ** (train.age_days / half_life)
    np.add.at(table, (train.customer, train.item), weight)
    return table


def sar_similarity(bought: np.ndarray, kind: str, threshold: int) -> np.ndarray:
    """Item similarities from a binary matrix (customers × items), as SAR defines them."""
    together = bought.T.astype(float) @ bought
    together[together < threshold] = 0
    own = np.diag(together)
    with np.errstate(divide="ignore", invalid="ignore"):
        similarity = {
            "cooccurrence": together,
            "jaccard": together / (own[:, None] + own[None, :] - together),
            "lift": together / np.outer(own, own),
            "cosine": together / np.sqrt(np.outer(own, own)),
        }[kind]
    return np.where(together > 0, similarity, 0.0)


def nearest(similarity: np.ndarray, k: int) -> np.ndarray:
    """Keep the k largest of each row; equal in float32 is a tie, to the lower item."""
    order = np.argsort(-similarity.astype(np.float32), axis=1, kind="stable")
    kept = np.zeros_like(similarity)
    rows = np.arange(len(similarity))[:, None]
    kept[rows, order[:, :k]] = similarity[rows, order[:, :k]]
    return kept


def assert_top(found: Recommendations, scores: np.ndarray, exact: float = 1.0) -> None:
    """The lists are the best of ``scores`` (above 0), ties to the lower item.

    exact: the share of lists that must be the same item by item; the others may differ only
    where the scores are equal but for rounding.
    """
    scores = scores[found.customers]
    rounded = np.where(scores > 0, scores.astype(np.float32), -np.inf)
    same = 0
    for row, items, fallback in zip(rounded, found.items, found.fallback, strict=True):
        mine = items[(items >= 0) & ~fallback]
        best = np.argsort(-row, kind="stable")[: min(found.k, int((row > -np.inf).sum()))]
        assert mine.size == best.size
        same += np.array_equal(mine, best)
        np.testing.assert_allclose(row[mine], row[best], rtol=1e-6)
    assert same >= exact * len(rounded)
