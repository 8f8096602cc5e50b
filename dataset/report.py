"""What cleaning gives back: the orders, what was set aside, and the account of both."""

import re
from dataclasses import dataclass
from functools import cached_property
from typing import Any

import numpy as np
import pandas as pd
from numpy.typing import NDArray

from restock.dataset import columns as c
from restock.dataset.contract import check_lines
from restock.dataset.interactions import Interactions
from restock.dataset.ledger import NETTED, QUARANTINED, Ledger
from restock.dataset.lines import Lines


@dataclass(frozen=True, eq=False)
class CleaningReport:
    """The account of one reading: every line read is kept, netted or quarantined.

    reasons: one row per reason: reason, outcome ("netted" or "quarantined"), lines, value
    (sum of quantity × unit price as read, mixed currencies and all; unreadable ones count 0).
    quarantined_days: market, day (datetime64) and quarantined lines, where both are known, of
    the days before as_of.
    """

    lines_read: int
    lines_kept: int
    reasons: pd.DataFrame
    files: dict[str, int]
    customers: int
    items: int
    orders: int
    markets: int
    quarantined_days: pd.DataFrame
    units_netted: float = 0.0
    lines_lowered: int = 0
    customers_abroad: int = 0
    lines_moved: int = 0
    costs_ignored: int = 0

    @property
    def lines_netted(self) -> int:
        """Cancellations that found their orders, and orders of which nothing is left."""
        return self._lines(NETTED)

    @property
    def lines_quarantined(self) -> int:
        """Lines set aside because they are no order lines or cannot be trusted."""
        return self._lines(QUARANTINED)

    def _lines(self, outcome: str) -> int:
        return int(self.reasons.loc[self.reasons["outcome"] == outcome, "lines"].sum())

    def to_dict(self) -> dict[str, Any]:
        """The same for machines, ready for JSON."""
        return {
            "lines_read": self.lines_read,
            "lines_kept": self.lines_kept,
            "lines_netted": self.lines_netted,
            "lines_quarantined": self.lines_quarantined,
            "units_netted": self.units_netted,
            "lines_lowered": self.lines_lowered,
            "customers": self.customers,
            "items": self.items,
            "orders": self.orders,
            "markets": self.markets,
            "customers_abroad": self.customers_abroad,
            "lines_moved": self.lines_moved,
            "costs_ignored": self.costs_ignored,
            "files": dict(self.files),
            "reasons": self.reasons.to_dict("records"),
        }

    def __str__(self) -> str:
        head = f"{'':<66} {'lines':>10} {'value':>16}"
        rows = [head, f"{'read':<66} {self.lines_read:>10,}"]
        rows += [
            f"{f'  {row.outcome}: {row.reason}':<66} {row.lines:>10,} {row.value:>16,.2f}"
            for row in self.reasons.itertuples()
        ]
        rows.append(f"{'kept':<66} {self.lines_kept:>10,}")
        rows.append(
            f"{self.customers:,} customers, {self.items:,} items, {self.orders:,} orders, "
            f"{self.markets} markets"
        )
        if self.units_netted:
            rows.append(
                f"{self.units_netted:,.0f} units netted off by cancellations; "
                f"{self.lines_lowered:,} kept lines have fewer units than ordered"
            )
        if self.customers_abroad:
            rows.append(
                f"{self.customers_abroad:,} customers ordered in more than one market: "
                f"{self.lines_moved:,} lines moved to the home market"
            )
        if self.costs_ignored:
            rows.append(f"{self.costs_ignored:,} unit costs unreadable or negative: unknown")
        return "\n".join(rows)


@dataclass(frozen=True, eq=False)
class CleanOrders:
    """Clean order lines and everything else that was read.

    lines: those that meet the contract, as codes and distinct texts, in the order they were
    read; quantities are net of cancellations. quarantine: every other line, indexed by its
    number, with the columns and values of the source, and ``reason``. No line is in both, none
    in neither.
    """

    lines: Lines
    quarantine: pd.DataFrame
    report: CleaningReport

    @property
    def kept(self) -> NDArray[np.int64]:
        """The numbers of ``lines`` in what was read (int64, from 0, over all files)."""
        kept = np.ones(self.report.lines_read, dtype=bool)
        kept[self.quarantine.index] = False
        return np.flatnonzero(kept)

    @cached_property
    def orders(self) -> pd.DataFrame:
        """``lines`` as a frame under our names, indexed by ``kept``; made when asked for.

        Raises pandera's SchemaError should a line break the contract.
        """
        frame = self.lines.frame().set_index(pd.Index(self.kept, name="line"))
        check_lines(frame)
        return frame

    def interactions(self) -> Interactions:
        """The same as ``Interactions.from_frame(self.orders)``, without making the frame."""
        return Interactions.from_lines(self.lines)


def count_reasons(lines: Lines, ledger: Ledger) -> pd.DataFrame:
    """One row per reason that took a line: reason, outcome, lines, value."""
    aside = np.flatnonzero(~ledger.open)
    entry, size = ledger.entry[aside], len(ledger.reasons) + 1
    with np.errstate(over="ignore", invalid="ignore"):
        value = lines.quantity[aside] * lines.unit_price[aside]
    value = np.where(np.abs(value) < 1e16, value, 0.0)  # what is absurd or unreadable counts 0
    table = pd.DataFrame(ledger.reasons, columns=["reason", "outcome"])
    table["lines"] = np.bincount(entry, minlength=size)[1:]
    table["value"] = np.bincount(entry, weights=value, minlength=size)[1:]
    # one reason may be given by several rules
    table = table.groupby(["reason", "outcome"], sort=False, as_index=False).sum()
    return table[table["lines"] > 0].reset_index(drop=True)


def count_days(lines: Lines, ledger: Ledger, limit: np.datetime64 | None) -> pd.DataFrame:
    """Quarantined lines by market and day, where both are known.

    limit: the first moment that is not known; lines of the future are no fault of a day.
    """
    quarantined = [at for at, (_, told) in enumerate(ledger.reasons, 1) if told == QUARANTINED]
    at = np.flatnonzero(~ledger.open)
    at = at[np.isin(ledger.entry[at], quarantined) & ~np.isnat(lines.time[at])]
    if limit is not None:
        at = at[lines.time[at] < limit]
    is_code = [bool(re.fullmatch(c.MARKET_PATTERN, value)) for value in lines.market.values]
    at = at[lines.market[at].lookup(np.array(is_code, dtype=bool), False)]
    market, time = lines.market[at].objects(), lines.time[at]
    frame = pd.DataFrame({c.MARKET: market, "day": time.astype("datetime64[D]")})
    frame["day"] = frame["day"].astype("datetime64[s]")
    return frame.groupby([c.MARKET, "day"]).size().rename("lines").reset_index()
