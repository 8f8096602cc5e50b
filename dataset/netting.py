"""Cancellations and returns: netted off the orders they cancel, or set aside."""

from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray

from restock.dataset.contract import MIN_QUANTITY
from restock.dataset.ledger import NETTED, Ledger
from restock.dataset.lines import Lines
from restock.kernels.netting import net

NETTED_OFF = "cancellation, netted off earlier orders"
CANCELLED = "order line cancelled in full"
UNMATCHED = "cancellation without an earlier order"
TOO_LARGE = "cancellation of more than was ordered"
DROPPED = "cancellation"


@dataclass(frozen=True)
class Netted:
    """What netting did: units taken off orders, and kept lines with fewer units than before."""

    units: float = 0.0
    lines_lowered: int = 0


def drop_cancellations(lines: Lines, ledger: Ledger) -> None:
    """Set aside every open line of negative quantity; orders stay as they were."""
    ledger.set_aside(lines.quantity < 0, DROPPED)


def net_cancellations(lines: Lines, ledger: Ledger) -> Netted:
    """Take cancelled units off the latest earlier orders of the same customer and item.

    Lowers ``lines.quantity`` of the orders and sets aside the cancellations and the orders
    of which nothing is left. An order of the same moment counts as earlier; market, price
    and order id need not agree, since a credit note names none of them reliably. What is
    left of a cancellation is noted and never makes an order negative.
    """
    width = max(lines.item_id.values.size, 1)
    group = lines.customer_id.codes * width + lines.item_id.codes
    cancels = ledger.open & (lines.quantity < 0)
    touched = np.flatnonzero(ledger.open & np.isin(group, np.unique(group[cancels])))
    by = touched[_order(lines, group, touched)]
    before = lines.quantity[by]
    left = net(group[by], before, MIN_QUANTITY)

    order = before > 0
    lines.quantity[by[order]] = left[order]
    ledger.set_aside(_where(lines, by[order & (left == 0)]), CANCELLED, NETTED)
    ledger.set_aside(_where(lines, by[~order & (left == 0)]), NETTED_OFF, NETTED)
    ledger.set_aside(_where(lines, by[~order & (left < -before)]), TOO_LARGE)
    ledger.set_aside(_where(lines, by[~order & (left == -before)]), UNMATCHED)
    lowered = order & (left > 0) & (left < before)
    return Netted(float((before[order] - left[order]).sum()), int(lowered.sum()))


def _order(lines: Lines, group: NDArray[np.int64], touched: NDArray[np.int64]) -> NDArray[np.int64]:
    """By (group, time, orders first); ties by all else, so that row order cannot matter."""
    keys = [lines.unit_price, np.abs(lines.quantity), lines.market.codes, lines.order_id.codes]
    for text in (lines.item_name, lines.category):
        if text is not None:
            keys.insert(0, text.codes)
    if lines.unit_cost is not None:
        keys.insert(0, lines.unit_cost)
    keys += [lines.quantity < 0, lines.time, group]
    return np.lexsort([key[touched] for key in keys])


def _where(lines: Lines, positions: NDArray[np.int64]) -> NDArray[np.bool_]:
    mask = np.zeros(len(lines), dtype=bool)
    mask[positions] = True
    return mask
