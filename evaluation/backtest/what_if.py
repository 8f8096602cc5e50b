"""What lists of another plan would have named, in money: captured spend, never revenue won."""

import datetime as dt
import math
from collections.abc import Sequence
from typing import NamedTuple

import numpy as np
from numpy.typing import NDArray

from restock.evaluation.estimates import Z95, Mean
from restock.evaluation.folds import FloatArray
from restock.evaluation.scorecard import Scorecard
from restock.evaluation.totals import Ground


class Captured(NamedTuple):
    """Spend on items that lists named, under both plans, and the difference (instead - before)."""

    before: float
    instead: float
    difference: Mean
    by_window: dict[dt.date, Mean]


def captured(
    before: Sequence[Scorecard], instead: Sequence[Scorecard], rate: float = 1.0
) -> Captured:
    """What customers spent on items that their list named: of the plan in service, and of another.

    before, instead: scorecards of both on the same folds of one market. rate: what one unit of
    its currency is worth. Money of all judged customers of all windows. They bought these items
    without having seen either list: the difference says how much better one plan foresees what
    is bought, and bounds from above what its lists could have moved; it is no revenue.
    The interval is of the sum of the customers' differences, each customer with all windows one
    draw: sum ± 1.96 · sqrt(n / (n - 1) · sum (d_i - mean d)²); unknown with one customer.
    ValueError when the two are not from the same folds.
    """
    ground = Ground(tuple(before))
    ordered = ground.arranged(instead)
    pairs = list(zip(ground.scorecards, ordered, strict=True))
    ours = [_money(card, rate) for card, _ in pairs]
    theirs = [_money(card, rate) for _, card in pairs]
    customers = [card.customer[~card.cold] for card, _ in pairs]
    differences = [b - a for a, b in zip(ours, theirs, strict=True)]
    by_window = {
        card.cutoff: _sum(difference, who)
        for (card, _), difference, who in zip(pairs, differences, customers, strict=True)
    }
    return Captured(
        before=float(sum(part.sum() for part in ours)),
        instead=float(sum(part.sum() for part in theirs)),
        difference=_sum(_joined(differences), _joined(customers)),
        by_window=by_window,
    )


def together(found: Sequence[Captured]) -> Captured:
    """Markets added up: their customers are not the same, so their errors add in squares."""
    days = sorted({day for one in found for day in one.by_window})
    return Captured(
        before=sum(one.before for one in found),
        instead=sum(one.instead for one in found),
        difference=_added([one.difference for one in found]),
        by_window={
            day: _added([one.by_window[day] for one in found if day in one.by_window])
            for day in days
        },
    )


def _money(card: Scorecard, rate: float) -> FloatArray:
    return np.nan_to_num(card.column(f"captured_at_{card.k}")) * rate


def _joined(parts: Sequence[NDArray[np.generic]]) -> NDArray[np.generic]:
    return np.concatenate(parts) if parts else np.empty(0)


def _sum(differences: NDArray[np.generic], customers: NDArray[np.generic]) -> Mean:
    _, code = np.unique(customers, return_inverse=True)
    each = np.bincount(code, weights=differences)
    total, n = float(each.sum()), each.size
    if n < 2:
        return Mean(total, math.nan, math.nan)
    reach = Z95 * math.sqrt(n / (n - 1) * float(np.square(each - each.mean()).sum()))
    return Mean(total, total - reach, total + reach)


def _added(parts: Sequence[Mean]) -> Mean:
    """A market of one customer has no error of its own: it adds its money alone."""
    total = sum(part.value for part in parts)
    reach = math.sqrt(
        sum((part.high - part.value) ** 2 for part in parts if not math.isnan(part.high))
    )
    return Mean(total, total - reach, total + reach)
