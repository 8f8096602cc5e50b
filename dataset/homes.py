"""The home market of each customer: of a customer in two countries, one."""

from typing import Literal

import numpy as np
from numpy.typing import NDArray

from restock.kernels.sorting import recode, sole

HomeRule = Literal["last", "most_frequent"]


def home_markets(
    customer: NDArray[np.int32],
    market: NDArray[np.int32],
    time: NDArray[np.datetime64],
    order: NDArray[np.int32],
    rule: HomeRule,
) -> NDArray[np.int32]:
    """The code of the home market of each line's customer (int32, lines).

    rule "last": the market of the customer's last order. "most_frequent": the market with
    most of the customer's lines; of equals, the one of the later order. Orders of one
    moment are told apart by order code, then by market code, whatever the order of the lines.
    """
    if customer.size == 0:
        return market
    home = sole(customer, market, int(customer.max()) + 1)
    if not (home == -2).any():
        return market
    lines = np.flatnonzero((home == -2)[customer])
    if lines.size:
        of, at = customer[lines], market[lines]
        weight = np.zeros(lines.size)
        if rule == "most_frequent":
            pair = of.astype(np.int64) * (int(market.max()) + 1) + at
            _, of_line, count = np.unique(pair, return_inverse=True, return_counts=True)
            weight = count[of_line]
        by = np.lexsort((at, order[lines], time[lines], weight))
        home[of[by]] = at[by]  # the last one stays
    return recode(customer, home)
