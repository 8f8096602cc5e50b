"""Cancellations and returns: netted off the orders they cancel, or set aside."""

from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray

from restock.dataset.contract import MIN_QUANTITY
from restock.dataset.ledger import NETTED, Ledger
from restock.dataset.lines import Lines
from restock.kernels.netting import net, shares_pair
from restock.kernels.sorting import radix_order

NETTED_OFF = "cancellation, netted off earlier orders"
CANCELLED = "order line cancelled in full"
UNMATCHED = "cancellation without an earlier order"
TOO_LARGE = "cancellation of more than was ordered"
DROPPED = "cancellation"


@dataclass(frozen=True)
class Netted:
    """What netting found: units to take off, and what is left of the lines that are kept.

    lines: ascending positions (int64) of the orders of which a part is cancelled; left: their
    units (float64), fewer than before.
    """

    units: float
    lines: NDArray[np.int64]
    left: NDArray[np.float64]


def drop_cancellations(lines: Lines, ledger: Ledger) -> Netted:
    """Set aside every open line of negative quantity; orders stay as they were."""
    ledger.set_aside(lines.quantity < 0, DROPPED)
    return Netted(0.0, np.empty(0, dtype=np.int64), np.empty(0))


def net_cancellations(lines: Lines, ledger: Ledger) -> Netted:
    """Take cancelled units off the latest earlier orders of the same customer and item.

    Sets aside the cancellations and the orders of which nothing is left, and says what is left
    of the others: quantities stay as they were read. An order of the same moment counts as
    earlier; market, price and order id need not agree, since a credit note names none of them
    reliably. What is left of a cancellation is noted and never makes an order negative.
    """
    touched = _touched(lines, ledger.open)
    group = lines.customer_id.codes[touched].astype(np.int64)
    group = group * max(lines.item_id.n_values, 1) + lines.item_id.codes[touched]
    turn = _order(lines, group, touched)
    group, by = group[turn], touched[turn]
    before = lines.quantity[by]
    left = net(group, before, MIN_QUANTITY)

    order = before > 0
    lowered = order & (left > 0) & (left < before)
    ledger.set_aside(by[order & (left == 0)], CANCELLED, NETTED)
    ledger.set_aside(by[~order & (left == 0)], NETTED_OFF, NETTED)
    ledger.set_aside(by[~order & (left < -before)], TOO_LARGE)
    ledger.set_aside(by[~order & (left == -before)], UNMATCHED)
    units = float((before[order] - left[order]).sum())
    at = np.argsort(by[lowered])
    return Netted(units, by[lowered][at], left[lowered][at])


def _touched(lines: Lines, is_open: NDArray[np.bool_]) -> NDArray[np.int64]:
    """Positions of the open lines of every customer and item of which something is cancelled."""
    cancels = is_open & (lines.quantity < 0)
    customer, item = lines.customer_id.codes, lines.item_id.codes
    found = shares_pair(customer, item, np.flatnonzero(cancels))
    return np.flatnonzero(found & is_open)


def _order(lines: Lines, group: NDArray[np.int64], touched: NDArray[np.int64]) -> NDArray[np.int32]:
    """By (group, time, orders first); ties by all else, so that row order cannot matter."""
    quantity, time = lines.quantity[touched], lines.time[touched].view(np.int64)
    cancels = (quantity < 0).view(np.int8)
    by = radix_order(cancels, time, group)
    keys = (group[by], time[by], cancels[by])
    again = np.logical_and.reduce([key[1:] == key[:-1] for key in keys])
    tied = np.flatnonzero(np.append(again, False) | np.append(False, again))
    if tied.size:
        run = np.cumsum(np.append(True, ~again))[tied]
        by[tied] = by[tied][np.lexsort([*_all_else(lines, touched[by[tied]]), run])]
    return by


def _all_else(lines: Lines, at: NDArray[np.int64]) -> list[NDArray[np.generic]]:
    """What tells lines of one customer, item and moment apart, the most important last."""
    texts = (lines.category, lines.item_name, lines.order_id, lines.market)
    category, name, order, market = (None if text is None else text.codes[at] for text in texts)
    cost = None if lines.unit_cost is None else lines.unit_cost[at]
    quantity = np.abs(lines.quantity[at])
    keys = (cost, category, name, lines.unit_price[at], quantity, market, order)
    return [key for key in keys if key is not None]
