"""``restock retrain``: the main job."""

from typing import TYPE_CHECKING, Annotated, Any

import typer
from rich.markup import escape
from rich.table import Table

from restock.cli import options
from restock.cli.output import JSON, bad_input, console, errors, print_json
from restock.cli.progress import progress
from restock.cli.running import pages, run

if TYPE_CHECKING:
    from restock.infra.night import Night

STYLES = {"published": "green", "unchanged": "green", "held": "yellow", "failed": "red"}


def retrain(
    orders: options.Orders = None,
    markets: Annotated[
        str | None, typer.Option(help="Publish only these markets, as in FR,DE. Default: all.")
    ] = None,
    as_of: options.AsOf = None,
    eligibility: Annotated[
        str | None,
        typer.Option(help="Table (market, item_id) of the items that may be offered."),
    ] = None,
    columns: options.Columns = None,
    time_format: options.TimeFormat = None,
    delimiter: options.Delimiter = None,
    encoding: options.Encoding = None,
    accept_changes: Annotated[
        bool,
        typer.Option(
            "--accept-changes",
            help="Publish lists however much they changed since the last publication.",
        ),
    ] = False,
    because: Annotated[
        str | None,
        typer.Option(help="The alert that asks for it, as in FR-2011-11-30-price-shock."),
    ] = None,
    runner: options.Runner = None,
    debug: options.Debug = False,
    as_json: Annotated[bool, JSON] = False,
) -> None:
    """Retrain every market, prove what is better, publish what is proved.

    Every candidate is judged on the same past windows; the champion's plan is refitted on
    the newest orders and published; another plan replaces it only on evidence. Run it again
    on the same orders and nothing changes.
    """

    settings = options.settings(runner, debug)
    parameters: dict[str, Any] = {
        "orders": options.source(orders),
        "markets": options.codes(markets),
        "as_of": options.day(as_of),
        "eligibility": eligibility,
        "reading": options.reading(columns, time_format, delimiter, encoding),
        "accept_changes": accept_changes,
        "because": _alert(settings, because) if because else None,
    }
    options.check_columns(orders, parameters["reading"])
    with progress(as_json):
        night: Night = run(settings, _flow, parameters)
    if as_json:
        print_json(night.model_dump(mode="json"))
    else:
        _show(night, settings)
    raise typer.Exit(1 if night.failed else 0)


def _alert(settings: Any, because: str) -> str:
    """The id, if there is such an alert: told before a server starts. BadUsage."""
    from restock.infra.alerts import read_alert
    from restock.infra.store import StoreError, open_store

    with bad_input(ValueError, StoreError):
        return read_alert(open_store(settings=settings), because).id


def _flow() -> Any:
    from restock.flows.retrain import retrain

    return retrain


def _show(night: "Night", settings: Any) -> None:
    from restock.infra.report import summary_rows

    table = Table(title=f"The night before {night.as_of}", header_style="bold")
    rows = summary_rows(night)
    # a narrow terminal shows what matters most; the report has everything
    left_out = {"gate"} if console.width < 150 else set()
    left_out |= {"orders", "customers"} if console.width < 110 else set()
    rows = [{k: v for k, v in row.items() if k not in left_out} for row in rows]
    for name in rows[0]:
        right = name in ("orders", "customers")
        table.add_column(name, justify="right" if right else "left", overflow="fold")
    for row in rows:
        state = row["state"]
        cells = map(escape, list(row.values())[:-1])
        table.add_row(*cells, f"[{STYLES[state]}]{state}[/]")
    console.print(table)
    console.print(f"{night.orders_kept:,} of {night.orders_read:,} order lines used.")
    console.print(f"Report: {escape(night.report)}", soft_wrap=True)
    console.print("Look around (both on this machine only):")
    for command in pages(settings):
        console.print(f"  {command}", soft_wrap=True)
    if night.failed:
        errors.print(f"[red]{len(night.failed)} markets failed:[/] {', '.join(night.failed)}")
