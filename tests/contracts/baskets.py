"""Models of baskets and similar customers as their papers write them: loops and dense matrices."""

import numpy as np

from restock.dataset import Interactions


def baskets(train: Interactions) -> list[list[set[int]]]:
    """The items of each customer's orders, the first order first."""
    found: list[dict[int, set[int]]] = [{} for _ in range(train.n_customers)]
    for customer, order, item in zip(train.customer, train.order, train.item, strict=True):
        found[customer].setdefault(int(order), set()).add(int(item))
    return [list(orders.values()) for orders in found]


def in_groups(history: list[set[int]], groups: int) -> list[list[set[int]]]:
    """Divide baskets into groups of the same size but for one, the larger groups last."""
    groups = min(groups, len(history))
    sizes = sorted(len(history[at::groups]) for at in range(groups))
    parts, start = [], 0
    for size in sizes:
        parts.append(history[start : start + size])
        start += size
    return parts


def frequency(
    history: list[set[int]], n_items: int, groups: int, within: float, between: float
) -> np.ndarray:
    """The personalised item frequency of TIFU-KNN."""
    vector = np.zeros(n_items)
    parts = in_groups(history, groups)
    for age, part in enumerate(reversed(parts)):
        mean = np.zeros(n_items)
        for back, basket in enumerate(reversed(part)):
            mean[list(basket)] += within**back
        vector += between**age * mean / len(part)
    return vector / max(len(parts), 1)


def season(train: Interactions) -> np.ndarray:
    """What each customer's market buys now, the best seller 1 (customers × items)."""
    sold = np.zeros((len(train.catalogue.markets), train.n_items))
    np.add.at(sold, (train.market, train.item), 0.5 ** (train.age_days / 14))
    best = np.maximum(sold.max(axis=1, keepdims=True), 1e-300)
    return (sold / best)[train.catalogue.customer_market]


def closest(closeness: np.ndarray, k: int, floor: float) -> np.ndarray:
    """Mark the k closest others of each row, closer than ``floor`` (bool, rows × rows).

    Equal in float32 is a tie, to the lower row.
    """
    rounded = closeness.astype(np.float32)
    np.fill_diagonal(rounded, -np.inf)
    order = np.argsort(-rounded, axis=1, kind="stable")[:, :k]
    near = np.zeros(closeness.shape, dtype=bool)
    np.put_along_axis(near, order, True, axis=1)
    return near & (rounded > floor)
