"""Rank metrics of lists against sets of relevant items: the formulas, and one pass for all.

A list is seen as its gains, best place first: 1 (or money) where the place holds a relevant
item, 0 elsewhere. Everything is float64.
"""

import numpy as np
from numpy.typing import NDArray

from restock.kernels.policy import inlined, kernel

FloatArray = NDArray[np.float64]

ROWS_PER_BLOCK = 8_192

# columns of ``judge`` per segment, in this order
NDCG, MAP, RECALL, PRECISION, MRR, HIT_RATE = range(6)
REVENUE_CAPTURE, REVENUE_NDCG, MARGIN_CAPTURE, CAPTURED, SPEND = range(6, 11)
WIDTH = 11
ALL, REPEAT, NEW = range(3)
SEGMENTS = 3
# what ``find_goals`` finds per segment
RELEVANT, VALUE, MARGIN, BEST_VALUE = range(4)
GOALS = 4
# the sums over hits from the top down that ``add_hit`` makes
HITS, DISCOUNTED, DISCOUNTED_VALUE, PRECISIONS, FIRST = range(5)
SUMS = 5
# columns of ``describe``, behind those
NOVELTY, NEW_ITEM_SHARE, LISTED_VALUE = range(SEGMENTS * WIDTH, SEGMENTS * WIDTH + 3)


@kernel
def log2_of_places(k: int) -> FloatArray:
    """log2(i + 1) of the places i = 1 … k: what a gain is divided by."""
    return np.log2(np.arange(k) + 2.0)


@kernel
def dcg(gains: FloatArray, log2: FloatArray) -> float:
    """Discounted cumulative gain: sum over places i = 1, 2, … of gain_i / log2(i + 1).

    Järvelin and Kekäläinen 2002 in the usual log2(i + 1) form; agrees with ranx.
    """
    total = 0.0
    for place in range(gains.size):
        total += gains[place] / log2[place]
    return total


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
def find_goals(
    first: int,
    last: int,
    indptr: NDArray[np.int64],
    value: FloatArray,
    margin: FloatArray,
    repeat: NDArray[np.bool_],
    k: int,
    goals: FloatArray,
) -> None:
    """What any list of the rows ``first`` to ``last`` is measured by: (rows × SEGMENTS × GOALS).

    The number of relevant items, their value, their known margin, and the discounted value of
    the ``k`` largest in the best order. They do not depend on lists: all candidates share them.
    """
    log2 = log2_of_places(k)
    best = np.zeros(k)
    for row in range(first, last):
        for segment in range(SEGMENTS):
            goal = goals[row, segment]
            goal[:] = 0.0
            size = 0
            for at in range(indptr[row], indptr[row + 1]):
                if segment != ALL and repeat[at] != (segment == REPEAT):
                    continue
                goal[RELEVANT] += 1.0
                goal[VALUE] += value[at]
                goal[MARGIN] += 0.0 if np.isnan(margin[at]) else margin[at]
                size = keep_largest(best, size, value[at])
            goal[BEST_VALUE] = dcg(best[:size], log2)


@kernel
def judge(
    first: int,
    last: int,
    lists: NDArray[np.int32],
    goals: FloatArray,
    indptr: NDArray[np.int64],
    item: NDArray[np.int32],
    value: FloatArray,
    margin: FloatArray,
    repeat: NDArray[np.bool_],
    n_items: int,
    divide_by_all: bool,
    out: FloatArray,
) -> None:
    """All metrics of the rows ``first`` to ``last`` in one pass: the first SEGMENTS·WIDTH columns.

    Row r's list is ``lists[r]`` (item codes, -1 = empty place) and its relevant items are
    ``item[indptr[r]:indptr[r + 1]]``, each with a value, a margin (NaN = unknown) and whether
    it is a repeat; ``goals`` are what ``find_goals`` found of them. A segment changes what is
    relevant, never the list; a row without relevant items of a segment is NaN there. No item
    may be twice in a list.
    """
    k = lists.shape[1]
    place_of = np.full(n_items, -1, dtype=np.int32)
    hit = np.full(k, -1, dtype=np.int64)  # what was bought of the item at a place
    log2 = log2_of_places(k)
    ideal = np.cumsum(1.0 / log2)  # of as many hits from the top
    kept, ranked = np.zeros((SEGMENTS, 3)), np.zeros((SEGMENTS, SUMS))
    for row in range(first, last):
        for place in range(k):
            if lists[row, place] >= 0:
                place_of[lists[row, place]] = place
        kept[:] = 0.0
        for at in range(indptr[row], indptr[row + 1]):
            place = place_of[item[at]]
            if place < 0:
                continue
            hit[place] = at
            for segment in (ALL, REPEAT if repeat[at] else NEW):
                kept[segment, RELEVANT] += 1.0
                kept[segment, VALUE] += value[at]
                kept[segment, MARGIN] += 0.0 if np.isnan(margin[at]) else margin[at]
        ranked[:] = 0.0
        for place in range(k):
            if hit[place] < 0:
                continue
            at, hit[place] = hit[place], -1
            for segment in (ALL, REPEAT if repeat[at] else NEW):
                add_hit(ranked[segment], place, log2[place], value[at])
        for segment in range(SEGMENTS):
            result = out[row, segment * WIDTH : (segment + 1) * WIDTH]
            relevant, found = goals[row, segment, RELEVANT], kept[segment, RELEVANT]
            result[:] = 0.0 if relevant else np.nan
            if relevant == 0.0:
                continue
            attainable = min(k, int(relevant))
            result[NDCG] = ranked[segment, DISCOUNTED] / ideal[attainable - 1]
            result[MAP] = ranked[segment, PRECISIONS] / (relevant if divide_by_all else attainable)
            result[RECALL] = found / relevant
            result[PRECISION] = found / k
            result[MRR] = ranked[segment, FIRST]
            result[HIT_RATE] = found > 0.0
            result[REVENUE_CAPTURE] = share(kept[segment, VALUE], goals[row, segment, VALUE])
            best = goals[row, segment, BEST_VALUE]
            result[REVENUE_NDCG] = share(ranked[segment, DISCOUNTED_VALUE], best)
            result[MARGIN_CAPTURE] = share(kept[segment, MARGIN], goals[row, segment, MARGIN])
            result[CAPTURED] = kept[segment, VALUE]
            result[SPEND] = goals[row, segment, VALUE]
        for place in range(k):
            if lists[row, place] >= 0:
                place_of[lists[row, place]] = -1


@inlined
def add_hit(ranked: FloatArray, place: int, log2: float, value: float) -> None:
    """Add the hit at a place (from 0) to the sums of a list; hits come from the top down.

    Discounted gain is 1, or the value, over log2(place + 2) (Järvelin and Kekäläinen 2002);
    average precision sums up the share of hits down to each of them, and is then divided by
    min(k, relevant), so that a perfect list reaches 1 (ours, RecTools' ``MAP@K`` divides by all
    relevant items, as ranx and trec_eval do); the reciprocal rank is 1 / place of the first.
    """
    ranked[HITS] += 1.0
    ranked[DISCOUNTED] += 1.0 / log2
    ranked[DISCOUNTED_VALUE] += value / log2
    ranked[PRECISIONS] += ranked[HITS] / (place + 1.0)
    if ranked[HITS] == 1.0:
        ranked[FIRST] = 1.0 / (place + 1.0)


@kernel
def describe(
    first: int,
    last: int,
    lists: NDArray[np.int32],
    bought_start: NDArray[np.int64],
    bought_stop: NDArray[np.int64],
    bought_items: NDArray[np.int32],
    surprise: FloatArray,
    line_value: FloatArray,
    out: FloatArray,
) -> None:
    """What the lists are like, whatever was bought later: the columns from ``NOVELTY`` on.

    Mean surprise of the listed items, the share of them that the row had not bought (both NaN
    for an empty list), and the mean value over places, discounted by 1/log2(place + 1).
    """
    k = lists.shape[1]
    discount = 1.0 / log2_of_places(k)
    whole = discount.sum()
    listed = np.zeros(surprise.size, dtype=np.bool_)
    for row in range(first, last):
        size, total, value = 0, 0.0, 0.0
        for place in range(k):
            item = lists[row, place]
            if item < 0:
                continue
            listed[item] = True
            size += 1
            total += surprise[item]
            value += line_value[item] * discount[place]
        known = 0
        for at in range(bought_start[row], bought_stop[row]):
            known += listed[bought_items[at]]
        out[row, NOVELTY] = total / size if size else np.nan
        out[row, NEW_ITEM_SHARE] = (size - known) / size if size else np.nan
        out[row, LISTED_VALUE] = value / whole
        for place in range(k):
            if lists[row, place] >= 0:
                listed[lists[row, place]] = False


@kernel
def means(
    values: FloatArray, columns: NDArray[np.int64], rows: NDArray[np.bool_]
) -> tuple[FloatArray, FloatArray]:
    """The mean and the sum of the numbers of some columns over some rows, NaN left out.

    The mean is NaN where no number is. rows: bool, of all rows of ``values``.
    """
    count, total = np.zeros(columns.size), np.zeros(columns.size)
    for row in range(rows.size):
        if not rows[row]:
            continue
        for at in range(columns.size):
            value = values[row, columns[at]]
            if not np.isnan(value):
                count[at] += 1.0
                total[at] += value
    mean = np.full(columns.size, np.nan)
    for at in range(columns.size):
        if count[at] > 0.0:
            mean[at] = total[at] / count[at]
    return mean, total


@kernel
def count_listed(
    lists: NDArray[np.int32],
    rows: NDArray[np.bool_],
    part: NDArray[np.int32],
    parts: int,
    n_items: int,
) -> NDArray[np.int64]:
    """How many lists of some rows name each item (int64, parts × items).

    rows: bool, of all rows of ``lists``; part: which of the parts each row is of.
    """
    counts = np.zeros((parts, n_items), dtype=np.int64)
    for row in range(rows.size):
        if not rows[row]:
            continue
        for place in range(lists.shape[1]):
            if lists[row, place] >= 0:
                counts[part[row], lists[row, place]] += 1
    return counts


@kernel
def faults(lists: NDArray[np.int32], candidates: NDArray[np.bool_]) -> tuple[int, int, int]:
    """What is wrong with lists: (places outside the candidates, first such item, doubled items).

    candidates: bool (items). The first item is -1 where there is none.
    """
    outside, item, doubled = 0, -1, 0
    seen = np.full(candidates.size, -1, dtype=np.int64)
    for row in range(lists.shape[0]):
        for place in range(lists.shape[1]):
            listed = lists[row, place]
            if listed < 0:
                continue
            if not candidates[listed]:
                outside += 1
                item = listed if item < 0 else item
            doubled += seen[listed] == row
            seen[listed] = row
    return outside, item, doubled
