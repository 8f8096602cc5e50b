"""Rank metrics of lists against sets of relevant items: the formulas, and one pass for all.

A list is seen as its gains, best place first: 1 (or money) where the place holds a relevant
item, 0 elsewhere. Everything is float64.
"""

import numpy as np
from numpy.typing import NDArray

from restock.kernels.policy import kernel

FloatArray = NDArray[np.float64]

# columns of ``judge`` per segment, in this order
NDCG, MAP, RECALL, PRECISION, MRR, HIT_RATE = range(6)
REVENUE_CAPTURE, REVENUE_NDCG, MARGIN_CAPTURE, CAPTURED, SPEND = range(6, 11)
WIDTH = 11
ALL, REPEAT, NEW = range(3)
SEGMENTS = 3


@kernel
def dcg(gains: FloatArray) -> float:
    """Discounted cumulative gain: sum over places i = 1, 2, … of gain_i / log2(i + 1).

    Järvelin and Kekäläinen 2002 in the usual log2(i + 1) form; agrees with ranx.
    """
    total = 0.0
    for place in range(gains.size):
        if gains[place] != 0.0:
            total += gains[place] / np.log2(place + 2.0)
    return total


@kernel
def average_precision(gains: FloatArray, divisor: float) -> float:
    """Sum over the hits of (hits up to and with this place / place), over ``divisor``.

    divisor = min(k, relevant) lets a perfect list reach 1 (ours, RecTools' ``MAP@K`` divides
    by all relevant items, as ranx and trec_eval do: divisor = relevant).
    """
    total, hits = 0.0, 0.0
    for place in range(gains.size):
        if gains[place] > 0.0:
            hits += 1.0
            total += hits / (place + 1.0)
    return total / divisor


@kernel
def reciprocal_rank(gains: FloatArray) -> float:
    """1 / place of the first hit, 0 without a hit. Agrees with ranx."""
    for place in range(gains.size):
        if gains[place] > 0.0:
            return 1.0 / (place + 1.0)
    return 0.0


@kernel
def keep_largest(best: FloatArray, size: int, value: float) -> int:
    """Insert ``value`` into the ``size`` sorted ones of ``best``; the new size."""
    if size == best.size:
        if value <= best[size - 1]:
            return size
        size -= 1
    at = size
    while at > 0 and best[at - 1] < value:
        best[at] = best[at - 1]
        at -= 1
    best[at] = value
    return size + 1


@kernel
def share(part: float, whole: float) -> float:
    """part / whole, NaN where the whole is nothing."""
    return part / whole if whole > 0.0 else np.nan


@kernel
def judge(
    lists: NDArray[np.int32],
    indptr: NDArray[np.int64],
    item: NDArray[np.int32],
    value: FloatArray,
    margin: FloatArray,
    repeat: NDArray[np.bool_],
    n_items: int,
    divide_by_all: bool,
) -> FloatArray:
    """All metrics of all rows in one pass: (rows × SEGMENTS·WIDTH), NaN where undefined.

    Row r's list is ``lists[r]`` (item codes, -1 = empty place) and its relevant items are
    ``item[indptr[r]:indptr[r + 1]]``, each with a value, a margin (NaN = unknown) and whether
    it is a repeat. A segment changes what is relevant, never the list; a row without relevant
    items of a segment is NaN there. No item may be twice in a list.
    """
    rows, k = lists.shape
    out = np.full((rows, SEGMENTS * WIDTH), np.nan)
    place_of = np.full(n_items, -1, dtype=np.int32)
    hits = np.zeros(k)
    money = np.zeros(k)
    best = np.zeros(k)
    ones = np.ones(k)
    ideal = np.zeros(k + 1)
    for size in range(1, k + 1):
        ideal[size] = dcg(ones[:size])
    for row in range(rows):
        for place in range(k):
            if lists[row, place] >= 0:
                place_of[lists[row, place]] = place
        for segment in range(SEGMENTS):
            hits[:] = 0.0
            money[:] = 0.0
            relevant, size, found = 0, 0, 0.0
            spend, captured, profit, earned = 0.0, 0.0, 0.0, 0.0
            for at in range(indptr[row], indptr[row + 1]):
                if segment != ALL and repeat[at] != (segment == REPEAT):
                    continue
                relevant += 1
                spend += value[at]
                size = keep_largest(best, size, value[at])
                known = not np.isnan(margin[at])
                if known:
                    profit += margin[at]
                place = place_of[item[at]]
                if place >= 0:
                    found += 1.0
                    hits[place] = 1.0
                    money[place] = value[at]
                    captured += value[at]
                    if known:
                        earned += margin[at]
            if relevant == 0:
                continue
            result = out[row, segment * WIDTH : (segment + 1) * WIDTH]
            attainable = min(k, relevant)
            result[NDCG] = dcg(hits) / ideal[attainable]
            result[MAP] = average_precision(hits, relevant if divide_by_all else attainable)
            result[RECALL] = found / relevant
            result[PRECISION] = found / k
            result[MRR] = reciprocal_rank(hits)
            result[HIT_RATE] = 1.0 if found > 0.0 else 0.0
            result[REVENUE_CAPTURE] = share(captured, spend)
            result[REVENUE_NDCG] = share(dcg(money), dcg(best[:size]))
            result[MARGIN_CAPTURE] = share(earned, profit)
            result[CAPTURED] = captured
            result[SPEND] = spend
        for place in range(k):
            if lists[row, place] >= 0:
                place_of[lists[row, place]] = -1
    return out


@kernel
def describe(
    lists: NDArray[np.int32],
    bought_start: NDArray[np.int64],
    bought_stop: NDArray[np.int64],
    bought_items: NDArray[np.int32],
    surprise: FloatArray,
    line_value: FloatArray,
) -> FloatArray:
    """What the lists are like, whatever was bought later: (rows × 3).

    Mean surprise of the listed items, the share of them that the row had not bought (both NaN
    for an empty list), and the mean value over places, discounted by 1/log2(place + 1).
    """
    rows, k = lists.shape
    out = np.full((rows, 3), np.nan)
    discount = 1.0 / np.log2(np.arange(k) + 2.0)
    whole = discount.sum()
    bought = np.zeros(surprise.size, dtype=np.bool_)
    for row in range(rows):
        for at in range(bought_start[row], bought_stop[row]):
            bought[bought_items[at]] = True
        size, new, total, value = 0, 0, 0.0, 0.0
        for place in range(k):
            item = lists[row, place]
            if item < 0:
                continue
            size += 1
            total += surprise[item]
            new += 0 if bought[item] else 1
            value += line_value[item] * discount[place]
        out[row, 2] = value / whole
        if size > 0:
            out[row, 0] = total / size
            out[row, 1] = new / size
        for at in range(bought_start[row], bought_stop[row]):
            bought[bought_items[at]] = False
    return out
