"""The rules by which a line is kept or set aside, one after the other."""

from collections.abc import Mapping

import numpy as np
from numpy.typing import NDArray

from restock.dataset import columns as c
from restock.dataset.contract import (
    FIRST_DAY,
    LAST_DAY,
    MAX_ID_LENGTH,
    MAX_PRICE,
    MAX_QUANTITY,
    MIN_PRICE,
    MIN_QUANTITY,
)
from restock.dataset.countries import to_markets
from restock.dataset.ledger import Ledger
from restock.dataset.lines import Lines
from restock.dataset.texts import CONTROL, MISSING, TOO_LONG, clean_ids, clean_names
from restock.dataset.times import to_local

_FAULTS = {
    CONTROL: "{} with a line break, a control or an invisible character",
    TOO_LONG: f"{{}} longer than {MAX_ID_LENGTH} characters",
    MISSING: "no {}",
}


def clean_texts(lines: Lines, *, upper_items: bool) -> dict[str, NDArray[np.int8]]:
    """Clean ids and names in place; return what is wrong with each line's (see ``clean_ids``).

    upper_items: the letter case of an item id does not matter.
    """
    faults: dict[str, NDArray[np.int8]] = {}
    for name in (c.MARKET, c.CUSTOMER, c.ORDER, c.ITEM):
        upper = upper_items and name == c.ITEM
        cleaned, faults[name] = clean_ids(getattr(lines, name), upper=upper)
        setattr(lines, name, cleaned)
    if lines.item_name is not None:
        lines.item_name = clean_names(lines.item_name)
    if lines.category is not None:
        lines.category = clean_names(lines.category)
    return faults


def check_ids(faults: Mapping[str, NDArray[np.int8]], ledger: Ledger) -> None:
    """Set aside lines with a missing, unprintable or over-long id."""
    for name, fault in faults.items():
        for kind, reason in _FAULTS.items():
            ledger.set_aside(fault == kind, reason.format(name))


def check_markets(
    lines: Lines, ledger: Ledger, names: Mapping[str, str], *, names_first: bool
) -> None:
    """Turn market names into codes in place; set aside lines of an unknown one."""
    lines.market, unknown = to_markets(lines.market, names, names_first=names_first)
    ledger.set_aside(unknown, "market that is no code and no known country name")


def check_times(
    lines: Lines,
    ledger: Ledger,
    limit: np.datetime64 | None,
    time_zones: Mapping[str, str],
) -> None:
    """Make times local in place; set aside lines without a time and of the future.

    limit: the first moment that is not known yet.
    """
    if lines.aware.any():
        local, unknown = to_local(lines.time, lines.market, time_zones)
        lines.time = np.where(lines.aware, local, lines.time)
        ledger.set_aside(lines.aware & unknown, "time stamp in UTC of a market without time zone")
    ledger.set_aside(np.isnat(lines.time), "no timestamp, or an unreadable one")
    sane = (lines.time >= np.datetime64(FIRST_DAY)) & (lines.time < np.datetime64(LAST_DAY))
    ledger.set_aside(~sane, f"timestamp not between {FIRST_DAY.year} and {LAST_DAY.year}")
    if limit is not None:
        ledger.set_aside(lines.time >= limit, "in the future: not before as_of")


def check_numbers(lines: Lines, ledger: Ledger) -> None:
    """Set aside lines whose quantity or price no order line can have.

    The price of a cancellation may be 0: only its units count.
    """
    quantity, price = lines.quantity, lines.unit_price
    ledger.set_aside(~np.isfinite(quantity), f"{c.QUANTITY} is not a finite number")
    nothing = (quantity > -MIN_QUANTITY) & (quantity < MIN_QUANTITY)
    ledger.set_aside(nothing, f"{c.QUANTITY} is 0")
    too_much = (quantity < -MAX_QUANTITY) | (quantity > MAX_QUANTITY)
    ledger.set_aside(too_much, f"{c.QUANTITY} above {MAX_QUANTITY:,.0f}")
    ledger.set_aside(~np.isfinite(price), f"{c.UNIT_PRICE} is not a finite number")
    ledger.set_aside(price < 0, f"{c.UNIT_PRICE} below 0")
    ledger.set_aside(price > MAX_PRICE, f"{c.UNIT_PRICE} above {MAX_PRICE:,.0f}")
    ledger.set_aside((price < MIN_PRICE) & (quantity > 0), f"{c.UNIT_PRICE} is 0: not a sale")


def clean_costs(lines: Lines) -> int:
    """Make impossible unit costs unknown (NaN) in place; return how many there were."""
    if lines.unit_cost is None:
        return 0
    cost = lines.unit_cost
    bad = ~np.isnan(cost) & ~((cost >= 0) & (cost <= MAX_PRICE))
    lines.unit_cost = np.where(bad, np.nan, cost)
    return int(bad.sum())
