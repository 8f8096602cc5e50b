"""The metrics once more, written as the textbooks have them: lists, sets and loops."""

import math
from collections.abc import Mapping, Sequence

Purchases = Mapping[int, float]  # item → spend


def ndcg(listed: Sequence[int], bought: Purchases, k: int) -> float:
    gained = sum(
        1 / math.log2(place + 1) for place, item in enumerate(listed[:k], 1) if item in bought
    )
    ideal = sum(1 / math.log2(place + 1) for place in range(1, min(k, len(bought)) + 1))
    return gained / ideal


def average_precision(listed: Sequence[int], bought: Purchases, k: int, divisor: float) -> float:
    total = 0.0
    for place, item in enumerate(listed[:k], 1):
        if item in bought:
            total += len([i for i in listed[:place] if i in bought]) / place
    return total / divisor


def all_metrics(
    listed: Sequence[int], bought: Purchases, margin: Mapping[int, float], k: int
) -> dict[str, float]:
    """One customer's metrics; margin holds the items whose cost is known."""
    listed = list(listed[:k])
    if not bought:
        return {}
    hits = [item for item in listed if item in bought]
    spend = sum(bought.values())
    profit = sum(margin[item] for item in bought if item in margin)
    first = next((place for place, item in enumerate(listed, 1) if item in bought), None)
    best = sorted(bought.values(), reverse=True)[:k]
    ideal = sum(value / math.log2(place + 1) for place, value in enumerate(best, 1))
    gained = sum(
        bought[item] / math.log2(place + 1)
        for place, item in enumerate(listed, 1)
        if item in bought
    )
    nan = float("nan")
    return {
        "ndcg": ndcg(listed, bought, k),
        "map": average_precision(listed, bought, k, min(k, len(bought))),
        "recall": len(hits) / len(bought),
        "precision": len(hits) / k,
        "mrr": 1 / first if first else 0.0,
        "hit_rate": 1.0 if hits else 0.0,
        "revenue_capture": sum(bought[i] for i in hits) / spend if spend > 0 else nan,
        "revenue_ndcg": gained / ideal if ideal > 0 else nan,
        "margin_capture": (
            sum(margin[i] for i in hits if i in margin) / profit if profit > 0 else nan
        ),
        "captured": sum(bought[i] for i in hits),
        "spend": spend,
    }


def gini(counts: Sequence[int]) -> float:
    """Mean absolute difference of all pairs over twice the mean."""
    n, mean = len(counts), sum(counts) / len(counts)
    return sum(abs(a - b) for a in counts for b in counts) / (2 * n * n * mean)
