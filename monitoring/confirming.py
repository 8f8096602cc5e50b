"""Is a move of what customers buy more than who happened to order? Whole customers are permuted."""

import numpy as np
from numpy.typing import NDArray

from restock.monitoring.clustered import swapped_js, swapped_mean
from restock.monitoring.market_days import MarketDays


def chance_of(days: MarketDays, statistic: str, end: int, width: int) -> float:
    """The p-value of a statistic in [end - width, end) against the window before it.

    statistic: one that is ``by_customer``. 1 when a window is empty.
    """
    per_line = statistic in ("item_js", "category_js", "quantity")
    day = days.day if per_line else days.orders.day
    here = slice(*np.searchsorted(day, [end - 2 * width, end]).tolist())
    current = day[here] >= end - width
    if not current.any() or current.all():
        return 1.0
    customer = (days.customer if per_line else days.orders.customer)[here]
    if statistic == "item_js":
        return swapped_js(customer, days.item[here], current).p_value
    if statistic == "category_js":
        return swapped_js(customer, days.range_of[days.item[here]], current).p_value
    return swapped_mean(customer, _values(days, statistic)[here], current).p_value


def _values(days: MarketDays, statistic: str) -> NDArray[np.float64]:
    if statistic == "quantity":
        return days.log_quantity
    return np.log(days.orders.lines if statistic == "basket_lines" else days.orders.value)
