"""Reading orders: from files or frames to clean order lines, with nothing lost on the way."""

import datetime as dt
from collections.abc import Mapping
from typing import Literal

import numpy as np
import pandas as pd
from numpy.typing import NDArray

from restock.dataset import cleaning, online_retail
from restock.dataset.contract import BadOrders, as_limit
from restock.dataset.encoding import order_codes
from restock.dataset.header import names_in
from restock.dataset.homes import HomeRule, home_markets
from restock.dataset.ledger import Ledger
from restock.dataset.lines import Lines
from restock.dataset.netting import drop_cancellations, net_cancellations
from restock.dataset.readable import check_readable
from restock.dataset.report import CleaningReport, CleanOrders, count_days, count_reasons
from restock.dataset.sources import Opened, Source, hand_back, open_sources
from restock.dataset.texts import Texts

CancellationRule = Literal["net", "drop"]
REPEATED = "in a file with the same content as another"


def read_orders(
    source: Source,
    *,
    columns: Mapping[str, str] | None = None,
    as_of: dt.date | str | None = None,
    cancellations: CancellationRule = "net",
    home_market: HomeRule = "last",
    country_names: Mapping[str, str] | None = None,
    time_zones: Mapping[str, str] | None = None,
    time_format: str | None = None,
    rates: Mapping[str, float] | None = None,
    delimiter: str = ",",
    encoding: str = "utf-8",
) -> CleanOrders:
    """Read order lines, keep the good ones and say what became of every other.

    source: a frame, a Parquet or CSV file, a folder of them, or a list of files.
    columns: {name in the file: our name}, or the other way round; without it the file has
        our names (``restock.dataset.columns``) or those of Online Retail, whose rules then
        hold too (``restock.dataset.online_retail``).
    as_of: the first day that is not known; lines from its local midnight on are set aside.
    cancellations: lines of negative quantity are netted off the latest earlier orders of
        the same customer and item ("net"), or set aside ("drop").
    home_market: a customer of several markets belongs to that of the "last" order or to the
        "most_frequent" one; all of the customer's lines move there.
    country_names: {name in the file: market code}, beside the names that are known anyway.
    time_zones: {market code: zone such as "Europe/Paris"}, needed when time stamps name a
        zone or an offset. Time stamps without one are local already.
    time_format: strptime's codes, when time stamps are text but not ISO 8601.
    rates: {market code: worth of its currency in a common one}, to convert the prices of
        lines that move to a home market; without it one currency is assumed.
    delimiter, encoding: of CSV files.

    Raises BadOrders when the source cannot be read at all: file, cause and remedy are named.
    """
    _check_choice("cancellations", cancellations, ("net", "drop"))
    _check_choice("home_market", home_market, ("last", "most_frequent"))
    limit = as_limit(as_of)
    opened = open_sources(source, delimiter=delimiter, encoding=encoding)
    present = {part.name: part.names for part in opened}
    dialect, names = names_in(present, columns)
    parts = [Lines.of(part, own, time_format) for part, own in zip(opened, names, strict=True)]
    check_readable(opened, names, parts)
    if time_zones is None:
        _refuse_zones(opened, parts)

    lines = Lines.concat(parts)
    ledger = Ledger(len(lines))
    again = [
        np.full(len(part), source.repeated) for source, part in zip(opened, parts, strict=True)
    ]
    ledger.set_aside(np.concatenate(again), REPEATED)
    if dialect:
        ledger.set_aside(np.concatenate(online_retail.repeated(parts)), online_retail.OVERLAP)
    _check_lines(lines, ledger, dialect, limit, country_names or {}, time_zones or {})
    costs_ignored = cleaning.clean_costs(lines)
    settle = net_cancellations if cancellations == "net" else drop_cancellations
    netted = settle(lines, ledger)
    reasons = count_reasons(lines, ledger)
    quarantined_days = count_days(lines, ledger, limit)
    quarantine = _quarantine(opened, ledger)
    files = {part.name: len(part) for part in opened}
    opened.clear()  # what was read makes room for what is kept
    parts.clear()
    hand_back()
    lines.keep(ledger.open)
    lines.quantity[netted.lines - np.searchsorted(quarantine.index, netted.lines)] = netted.left
    hand_back()
    moved = _move_home(lines, home_market, rates)
    _, owner = order_codes(lines.order_id, lines.customer_id)
    report = CleaningReport(
        lines_read=ledger.entry.size,
        lines_kept=len(lines),
        reasons=reasons,
        files=files,
        customers=lines.customer_id.n_values,
        items=lines.item_id.n_values,
        orders=owner.size,
        markets=lines.market.n_values,
        quarantined_days=quarantined_days,
        units_netted=netted.units,
        lines_lowered=netted.lines.size,
        customers_abroad=np.unique(lines.customer_id.codes[moved]).size,
        lines_moved=moved.size,
        costs_ignored=costs_ignored,
    )
    return CleanOrders(lines, quarantine, report)


def _check_lines(
    lines: Lines,
    ledger: Ledger,
    dialect: bool,
    limit: np.datetime64 | None,
    country_names: Mapping[str, str],
    time_zones: Mapping[str, str],
) -> None:
    """Clean the columns in place and set aside every line that no rule lets pass."""
    if dialect:
        lines.customer_id = online_retail.without_float_suffix(lines.customer_id)
        country_names = {**online_retail.COUNTRY_NAMES, **country_names}
    faults = cleaning.clean_texts(lines, upper_items=dialect)
    hand_back()
    if dialect:
        online_retail.set_aside(lines, ledger)
    cleaning.check_ids(faults, ledger)
    cleaning.check_markets(lines, ledger, country_names, names_first=dialect)
    cleaning.check_times(lines, ledger, limit, time_zones)
    cleaning.check_numbers(lines, ledger)


def _check_choice(name: str, value: str, choices: tuple[str, ...]) -> None:
    if value not in choices:
        raise ValueError(f"{name} must be one of {', '.join(choices)}, not {value!r}")


def _refuse_zones(opened: list[Opened], parts: list[Lines]) -> None:
    for source, part in zip(opened, parts, strict=True):
        if part.aware.any():
            raise BadOrders(
                source.name,
                "its time stamps name a time zone, and a market's day is local",
                "say the zone of each market with time_zones={'FR': 'Europe/Paris', …}, or "
                "remove the zone if the times are local already",
            )


def _move_home(
    lines: Lines, rule: HomeRule, rates: Mapping[str, float] | None
) -> NDArray[np.int64]:
    """Give every line the home market of its customer; return which ones moved (positions)."""
    placed = lines.market.codes
    home = home_markets(lines.customer_id.codes, placed, lines.time, lines.order_id.codes, rule)
    moved = np.flatnonzero(home != placed)
    if rates is not None and moved.size:
        factor = _rates(lines, rates, np.union1d(home[moved], placed[moved]))
        change = factor[placed[moved]] / factor[home[moved]]
        lines.unit_price[moved] *= change
        if lines.unit_cost is not None:
            lines.unit_cost[moved] *= change
    lines.market = Texts(home, lines.market.distinct).compact()
    return moved


def _rates(
    lines: Lines, rates: Mapping[str, float], needed: NDArray[np.int32]
) -> NDArray[np.float64]:
    factor = np.full(lines.market.n_values, np.nan)
    for code in needed:
        market = lines.market.values[code]
        if not rates.get(market, 0.0) > 0.0:
            raise ValueError(
                f"no rate above 0 for {market}, where customers of another market ordered: "
                "add it to rates={…}"
            )
        factor[code] = rates[market]
    return factor


def _quarantine(opened: list[Opened], ledger: Ledger) -> pd.DataFrame:
    """The lines set aside, as their sources hold them."""
    aside = np.flatnonzero(~ledger.open)
    frames, start = [], 0
    for part in opened:
        stop = start + len(part)
        frames.append(part.rows(aside[slice(*np.searchsorted(aside, [start, stop]))] - start))
        start = stop
    table = frames[0].reset_index(drop=True) if len(frames) == 1 else _stacked(frames)
    table.index = pd.Index(aside, name="line")
    return table.assign(reason=ledger.reason_of(aside))


def _stacked(frames: list[pd.DataFrame]) -> pd.DataFrame:
    columns = list(dict.fromkeys(name for frame in frames for name in frame.columns))
    # a column that is empty in one file must not decide the type of it in all of them
    known = [frame.dropna(axis="columns", how="all") for frame in frames if len(frame)]
    table = pd.concat(known, ignore_index=True) if known else frames[0].reset_index(drop=True)
    return table.reindex(columns=columns)
