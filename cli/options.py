"""Options that more than one job takes, and what people may write into them."""

import codecs
import datetime as dt
import json
import re
from collections.abc import Sequence
from contextlib import suppress
from pathlib import Path
from typing import TYPE_CHECKING, Annotated, Any

import typer

from restock.cli.output import BadUsage, bad_input
from restock.infra.debugger import PORT

if TYPE_CHECKING:
    from restock.infra.settings import Settings

Orders = Annotated[
    str | None,
    typer.Option(
        help="Order lines: a Parquet or CSV file, a folder of them, or an address of either, as in "
        "azure://ACCOUNT/CONTAINER/orders. "
        "Default: the bundled Online Retail orders of some 40 countries."
    ),
]
AsOf = Annotated[
    str | None,
    typer.Option(
        help="The first day that is not known yet, as in 2011-12-01. "
        "Default: the day after the last order."
    ),
]
Columns = Annotated[
    str | None,
    typer.Option(help="Names in your file = ours, as in Kunde=customer_id,Beleg=order_id."),
]
TimeFormat = Annotated[
    str | None, typer.Option(help="How times are written, as in %d.%m.%Y. Default: ISO 8601.")
]
Delimiter = Annotated[str | None, typer.Option(help="Of CSV files. Default: a comma.")]
Encoding = Annotated[str | None, typer.Option(help="Of CSV files. Default: utf-8.")]
Runner = Annotated[
    str | None,
    typer.Option(
        help="Where work runs: threads, dask (this machine), dask://HOST:PORT or "
        "tls://HOST:PORT. Default: dask."
    ),
]
Debug = Annotated[
    bool,
    typer.Option(
        "--debug",
        help=f"Wait for a debugger on 127.0.0.1:{PORT} (another port: RESTOCK_DEBUG=5700 instead).",
    ),
]


def settings(runner: str | None, debug: bool) -> "Settings":
    """Those of a command that runs a flow. BadUsage says what is wrong with one."""
    from restock.infra.settings import SettingsError, load_settings

    with bad_input(SettingsError):
        return load_settings(runner=runner, debug=PORT if debug else None)


def source(orders: str | None) -> str | None:
    """Where the orders are. BadUsage, before any server starts, when there is no such file."""
    if orders is not None and "://" not in orders and not Path(orders).exists():
        raise BadUsage(f"--orders {orders}: there is no such file or folder")
    return orders


def reading(
    columns: str | None, time_format: str | None, delimiter: str | None, encoding: str | None
) -> dict[str, Any]:
    """How the file is written, as ``read_orders`` takes it; what was not said is left out."""
    if delimiter is not None and len(delimiter) != 1:
        raise BadUsage(f"--delimiter {delimiter!r} is not one character (a tab is $'\\t')")
    if encoding is not None:
        with bad_input(LookupError):
            codecs.lookup(encoding)
    values = {
        "columns": pairs("--columns", columns, "Kunde=customer_id,Beleg=order_id"),
        "time_format": time_format,
        "delimiter": delimiter,
        "encoding": encoding,
    }
    return {name: value for name, value in values.items() if value is not None}


def check_columns(orders: str | None, reading: dict[str, Any]) -> None:
    """BadUsage, before any server starts, when files on this machine lack columns of orders."""
    from restock.dataset.contract import BadOrders
    from restock.dataset.header import check_header

    if orders is not None and "://" not in orders:
        header = {name: value for name, value in reading.items() if name != "time_format"}
        with bad_input(BadOrders):
            check_header(orders, **header)


def pairs(option: str, text: str | None, example: str) -> dict[str, str] | None:
    """``a=b,c=d`` as a dictionary. BadUsage shows the example."""
    if text is None:
        return None
    found = [pair.partition("=") for pair in text.split(",")]
    if not all(left.strip() and right.strip() for left, _, right in found):
        raise BadUsage(f"{option}: write it as {example}")
    return {left.strip(): right.strip() for left, _, right in found}


def values(option: str, pairs: Sequence[str]) -> dict[str, Any]:
    """``name=value``, where a value that is no JSON is a text. BadUsage."""
    found: dict[str, Any] = {}
    for pair in pairs:
        name, equals, text = pair.partition("=")
        if not name or not equals:
            raise BadUsage(f"{option} {pair!r}: write it as name=value")
        found[name] = text
        with suppress(ValueError):
            found[name] = json.loads(text)
    return found


def words(text: str | None) -> list[str] | None:
    """``a, b`` as a list; None where nothing was said."""
    if text is None:
        return None
    return [word.strip() for word in text.split(",") if word.strip()]


def codes(markets: str | None) -> list[str] | None:
    """The codes of markets. BadUsage names the one that is none."""
    found = words(markets)
    for one in found or ():
        code("--markets", one)
    return found


def code(option: str, market: str) -> str:
    """The code of a market. BadUsage says what one is."""
    from restock.dataset.columns import MARKET_PATTERN

    if not re.fullmatch(MARKET_PATTERN, market):
        raise BadUsage(f"{option}: {market!r} is no market code: 2 to 8 capital letters")
    return market


def day(text: str | None, option: str = "--as-of") -> dt.date | None:
    """A date that may be left out. BadUsage."""
    return None if text is None else date(option, text)


def date(option: str, text: str) -> dt.date:
    """A date. BadUsage names the option and says how to write one."""
    try:
        return dt.date.fromisoformat(text)
    except ValueError:
        raise BadUsage(f"{option} {text!r} is no date: write it as 2011-12-01") from None
