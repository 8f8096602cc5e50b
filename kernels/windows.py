"""Statistics of windows of days that slide over a market's order lines."""

import math

import numpy as np
from numpy.typing import NDArray

from restock.kernels.policy import inlined, kernel

Ints = NDArray[np.int32]
Counts = NDArray[np.int64]
Floats = NDArray[np.float64]

# columns of ``slide``
LINES, LINES_BEFORE, JS, NEW, LOST, SOLD, PRICE_LEVEL, PRICE_NET, RANGE_NET, RANGE = range(10)
COLUMNS = 10
LEAST_LINES = 2  # of an item in each window, before its prices are compared
LEAST_PAIRS = 8  # of items, before the prices of a range are looked at
MOVED = math.log(1.05)


@kernel
def slide(
    indptr: Counts,
    item: Ints,
    log_price: Floats,
    since: Ints,
    first_day: Ints,
    range_of: Ints,
    ranges: int,
    ends: Counts,
    width: int,
    before: int,
    late: int,
) -> Floats:
    """Compare the days [end - width, end) with the ``before`` days that precede them.

    indptr: where each day's lines start (days + 1). item, log_price: of each line, sorted by
    day. since: the first day of each line's customer. first_day: on which each item was first
    sold. range_of: the range of each item (-1 =
    none) out of ``ranges``. ends: ascending, each at least width + before and at most the
    number of days. Returns (ends × COLUMNS), NaN where a window has no line:

    LINES, LINES_BEFORE: lines in the window and before it. JS: Jensen-Shannon distance of the
    items (base 2). NEW: share of the lines of customers known before the window that are on
    items first sold in it. LOST: share of the usual demand of these customers that is missing in
    the last ``late`` days, beyond chance: with λ_i the lines of an item before, scaled to
    theirs then, sum λ_i (1[none] - exp(-λ_i)) / sum λ_i. SOLD: items sold.
    PRICE_LEVEL: median over items, sold twice on both sides, of the log ratio of the geometric
    mean prices. PRICE_NET: share of them that rose by more than 5 % less the share that fell.
    RANGE_NET: the same of the range where it is largest in |share| sqrt(items), times
    sqrt(items). RANGE: that range, -1 = none has enough items.

    Cost: each line is visited four times, and once per window that it is in.
    """
    n_items = first_day.size
    now, then = np.zeros(n_items, np.int64), np.zeros(n_items, np.int64)
    known, recent = np.zeros(n_items, np.int64), np.zeros(n_items, np.int64)
    price_now, price_then = np.zeros(n_items), np.zeros(n_items)
    room, net, pairs = np.empty(n_items), np.zeros(ranges), np.zeros(ranges, np.int64)
    found = np.full((ends.size, COLUMNS), np.nan)
    a = b = c = 0  # the windows so far: [a, b) before, [b, c) now
    for row in range(ends.size):
        end = ends[row]
        start, begin = end - width, end - width - before
        if begin >= c:  # nothing in common with the last one: start afresh
            now[:], then[:], price_now[:], price_then[:] = 0, 0, 0.0, 0.0
            a = b = c = begin
        _move(indptr, item, log_price, c, end, 1, now, price_now)
        _move(indptr, item, log_price, b, start, -1, now, price_now)
        _move(indptr, item, log_price, b, start, 1, then, price_then)
        _move(indptr, item, log_price, a, begin, -1, then, price_then)
        a, b, c = begin, start, end
        known[:], recent[:] = 0, 0
        for line in range(indptr[start], indptr[end]):
            if since[line] < start:
                known[item[line]] += 1
                recent[item[line]] += line >= indptr[end - late]
        _compare(
            now, then, known, recent, price_now, price_then, first_day, start, range_of, room, net,
            pairs, found[row],
        )  # fmt: skip
    return found


@inlined
def _move(
    indptr: Counts, item: Ints, log_price: Floats, first: int, end: int, sign: int,
    count: Counts, price: Floats,
) -> None:  # fmt: skip
    """Add (or take away) the lines of the days [first, end)."""
    for line in range(indptr[first], indptr[max(first, end)]):
        count[item[line]] += sign
        price[item[line]] += sign * log_price[line]


@kernel
def _compare(
    now: Counts, then: Counts, known: Counts, recent: Counts, price_now: Floats, price_then: Floats,
    first_day: Ints, start: int, range_of: Ints, room: Floats, net: Floats, pairs: Counts,
    row: Floats,
) -> None:  # fmt: skip
    n, m, k, r = now.sum(), then.sum(), max(known.sum(), 1), max(recent.sum(), 1)
    row[LINES], row[LINES_BEFORE] = n, m
    if n == 0 or m == 0:
        return
    net[:], pairs[:] = 0.0, 0
    divergence = new = lost = rose = 0.0
    sold = paired = 0
    for i in range(now.size):
        p, q = then[i] / m, now[i] / n
        if p > 0.0:
            divergence += 0.5 * p * math.log2(2.0 * p / (p + q))
            usual = then[i] * (r / m)
            lost -= usual * math.exp(-usual)
            if recent[i] == 0:
                lost += usual
        if q > 0.0:
            divergence += 0.5 * q * math.log2(2.0 * q / (p + q))
            sold += 1
            if first_day[i] >= start:
                new += known[i] / k
        if now[i] >= LEAST_LINES and then[i] >= LEAST_LINES:
            ratio = price_now[i] / now[i] - price_then[i] / then[i]
            room[paired] = ratio
            paired += 1
            moved = int(ratio > MOVED) - int(ratio < -MOVED)
            rose += moved
            if range_of[i] >= 0:
                net[range_of[i]] += moved
                pairs[range_of[i]] += 1
    row[JS], row[NEW], row[LOST], row[SOLD] = math.sqrt(max(divergence, 0.0)), new, lost / r, sold
    if paired == 0:
        return
    row[PRICE_LEVEL], row[PRICE_NET] = np.median(room[:paired]), rose / paired
    row[RANGE], row[RANGE_NET] = -1.0, 0.0
    for g in range(net.size):
        if pairs[g] >= LEAST_PAIRS and abs(net[g]) / math.sqrt(pairs[g]) > abs(row[RANGE_NET]):
            row[RANGE_NET], row[RANGE] = net[g] / math.sqrt(pairs[g]), g


@kernel
def ordering_customers(indptr: Counts, previous: Ints, ends: Counts, width: int) -> Counts:
    """How many customers order in the days [end - width, end), for each end.

    indptr: where each day's orders start (days + 1), orders sorted by day. previous: the day of
    the same customer's order before, -1 = none.
    """
    found = np.zeros(ends.size, dtype=np.int64)
    for row in range(ends.size):
        start = ends[row] - width
        for order in range(indptr[start], indptr[ends[row]]):
            found[row] += previous[order] < start
    return found


@kernel
def levels(
    indptr: Counts, item: Ints, value: Floats, items: int, memory: float, most: float
) -> Floats:
    """How far each line's value is from the level of its item on the days before (float64).

    NaN until three lines of an item lie on days before. The level follows the lines by a share of
    1 / min(lines, memory) of the difference, which counts for at most ``most``: a day that is
    wrong by a hundred moves it little.
    """
    level, seen = np.zeros(items), np.zeros(items, np.int64)
    off = np.full(item.size, np.nan)
    for day in range(indptr.size - 1):
        for line in range(indptr[day], indptr[day + 1]):
            if seen[item[line]] >= 3:
                off[line] = value[line] - level[item[line]]
        for line in range(indptr[day], indptr[day + 1]):
            i = item[line]
            if seen[i] == 0:
                level[i] = value[line]
            seen[i] += 1
            step = min(max(value[line] - level[i], -most), most)
            level[i] += step / min(seen[i], memory)
    return off
