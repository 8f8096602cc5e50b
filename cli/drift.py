"""``restock drift``: has a market moved, since when, and what is to be done about it."""

from collections.abc import Sequence
from typing import TYPE_CHECKING, Annotated, Any

import typer
from rich.markup import escape
from rich.table import Table

from restock.cli import options
from restock.cli.output import JSON, console, errors, print_json
from restock.cli.progress import progress
from restock.cli.running import run

if TYPE_CHECKING:
    from restock.infra.watch import Watch

STYLES = {
    "quiet": "green",
    "note": "dim",
    "warning": "yellow",
    "alarm": "bold red",
    "failed": "red",
}


def drift(
    orders: options.Orders = None,
    markets: Annotated[
        str | None, typer.Option(help="Look at these markets only, as in FR,DE. Default: all.")
    ] = None,
    as_of: options.AsOf = None,
    report: Annotated[
        bool,
        typer.Option("--report", help="Write the page of every market, not of those that alarm."),
    ] = False,
    columns: options.Columns = None,
    time_format: options.TimeFormat = None,
    delimiter: options.Delimiter = None,
    encoding: options.Encoding = None,
    runner: options.Runner = None,
    debug: options.Debug = False,
    as_json: Annotated[bool, JSON] = False,
) -> None:
    """Has a market moved? Its orders are held against what is usual there.

    What is far from usual raises an alert, once; with a platform running, its automation starts
    a retraining. Exits 0 with alarms too: 1 means that a market could not be looked at.
    """

    settings = options.settings(runner, debug)
    parameters: dict[str, Any] = {
        "orders": options.source(orders),
        "markets": options.codes(markets),
        "as_of": options.day(as_of),
        "reading": options.reading(columns, time_format, delimiter, encoding),
        "report": report,
    }
    options.check_columns(orders, parameters["reading"])
    with progress(as_json):
        watch: Watch = run(settings, _flow, parameters)
    if as_json:
        print_json(watch.in_short())
    else:
        _show(watch, settings)
    raise typer.Exit(1 if watch.failed else 0)


def _flow() -> Any:
    from restock.flows.drift import drift

    return drift


def _show(watch: "Watch", settings: Any) -> None:
    from restock.infra.addresses import address
    from restock.infra.store import open_store
    from restock.infra.watch import summary_rows

    rows = summary_rows(watch)
    if rows:
        table = Table(title=f"What moved before {watch.as_of}", header_style="bold")
        for name in rows[0]:
            table.add_column(name, overflow="fold")
        for row in rows:
            cells = {name: escape(text) for name, text in row.items()}
            cells["state"] = f"[{STYLES[row['state']]}]{row['state']}[/]"
            table.add_row(*cells.values())
        console.print(table)
    quiet = [one for one in watch.markets if one.state == "quiet"]
    whole = [one.market for one in quiet if one.tested]
    small = [one.market for one in quiet if not one.tested]
    if whole:
        console.print(f"{len(whole)} quiet: {', '.join(whole)}", soft_wrap=True)
    if small:
        console.print(
            f"{len(small)} too small or too young for tests of their data (their feed, the age of "
            f"their lists and what these come to are quiet): {', '.join(small)}",
            soft_wrap=True,
        )
    if watch.storm:
        errors.print(f"[bold red]{_storm(watch)}[/]", soft_wrap=True)
    if watch.raised:
        console.print(f"New alerts: {_some(watch.raised)}", soft_wrap=True)
    if watch.repeated:
        console.print(f"Going on, and not raised again: {_some(watch.repeated)}", soft_wrap=True)
    store = open_store(settings=settings)
    for one in watch.ordered:
        if one.page:
            console.print(f"{one.market}: {escape(address(store, one.page))}", soft_wrap=True)
    unpublished = [one.market for one in watch.markets if one.publication is None]
    if unpublished:
        every = len(unpublished) == len(watch.markets)
        where = "any of these markets" if every else ", ".join(unpublished)
        console.print(
            f"Nothing is published in {where}: run restock retrain; restock monitor then judges "
            "the lists by the orders that come.",
            soft_wrap=True,
        )
    for one in watch.markets:
        if one.state == "failed":
            errors.print(f"[red]{one.market} failed:[/] {escape(one.error)}", soft_wrap=True)


def _storm(watch: "Watch") -> str:
    """Why so many alarms at once start nothing."""
    alarms = [found for one in watch.markets for found in one.findings if found.severity == "alarm"]
    stale = {found.market for found in alarms if found.kind == "staleness"}
    if {found.market for found in alarms} == stale:
        return "The nights do not run: old lists start no retraining; run restock retrain."
    return (
        "So many markets alarm at once that the data are to blame, not the markets: nothing is "
        "retrained; look at the feed."
    )


def _some(alerts: Sequence[str], shown: int = 8) -> str:
    rest = len(alerts) - shown
    return ", ".join(alerts[:shown]) + (f" and {rest} more" if rest > 0 else "")
