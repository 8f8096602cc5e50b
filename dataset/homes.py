"""The home market of each customer: of a customer in two countries, one."""

from typing import Literal

import numpy as np
from numpy.typing import NDArray

HomeRule = Literal["last", "most_frequent"]


def home_markets(
    customer: NDArray[np.int64],
    market: NDArray[np.int64],
    time: NDArray[np.datetime64],
    order: NDArray[np.int64],
    rule: HomeRule,
) -> NDArray[np.int64]:
    """The code of the home market of each line's customer (int64, lines).

    rule "last": the market of the customer's last order. "most_frequent": the market with
    most of the customer's lines; of equals, the one of the later order. Orders of one
    moment are told apart by order code, then by market code, whatever the order of the lines.
    """
    if customer.size == 0:
        return market
    width = int(market.max()) + 1
    pair, of_line, count = np.unique(
        customer * width + market, return_inverse=True, return_counts=True
    )
    owner = pair // width
    home = np.zeros(int(customer.max()) + 1, dtype=np.int64)
    home[owner] = pair % width
    abroad = np.bincount(owner, minlength=home.size)[customer] > 1
    lines = np.flatnonzero(abroad)
    if lines.size:
        weight = count[of_line[lines]] if rule == "most_frequent" else np.zeros(lines.size)
        by = np.lexsort((market[lines], order[lines], time[lines], weight))
        home[customer[lines[by]]] = market[lines[by]]  # the last one stays
    return home[customer]
