"""``restock monitor``: what published lists come to, market by market."""

from typing import TYPE_CHECKING, Annotated, Any

import typer
from rich.markup import escape
from rich.table import Table

from restock.cli import options
from restock.cli.output import JSON, console, errors, print_json
from restock.cli.progress import progress
from restock.cli.running import run

if TYPE_CHECKING:
    from restock.infra.health import Health

STYLES = {"red": "bold red", "yellow": "yellow", "green": "green", "grey": "dim"}


def monitor(
    orders: options.Orders = None,
    markets: Annotated[
        str | None, typer.Option(help="Look at these markets only, as in FR,DE. Default: all.")
    ] = None,
    as_of: options.AsOf = None,
    columns: options.Columns = None,
    time_format: options.TimeFormat = None,
    delimiter: options.Delimiter = None,
    encoding: options.Encoding = None,
    runner: options.Runner = None,
    debug: options.Debug = False,
    as_json: Annotated[bool, JSON] = False,
) -> None:
    """How do the published lists serve each market? Every later order judges them.

    A new plan whose lists turn out surely worse than those of the plan before is rolled back, and
    says so. Exits 0 then too: 1 means that a market could not be looked at.
    """

    settings = options.settings(runner, debug)
    parameters: dict[str, Any] = {
        "orders": options.source(orders),
        "markets": options.codes(markets),
        "as_of": options.day(as_of),
        "reading": options.reading(columns, time_format, delimiter, encoding),
    }
    options.check_columns(orders, parameters["reading"])
    with progress(as_json):
        health: Health = run(settings, _flow, parameters)
    if as_json:
        print_json(health.model_dump(mode="json"))
    else:
        _show(health)
    raise typer.Exit(1 if health.failed else 0)


def _flow() -> Any:
    from restock.flows.monitor import monitor

    return monitor


def _show(health: "Health") -> None:
    from restock.infra.health_page import summary_rows

    if all(one.retrained is None and not one.error for one in health.markets):
        console.print(
            "Nothing is published yet: run restock retrain, and come back with later orders."
        )
        return
    table = Table(title=f"The markets before {health.as_of}", header_style="bold")
    rows = summary_rows(health)
    left_out = {"retrained", "last alert"} if console.width < 130 else set()
    for name in (name for name in rows[0] if name not in left_out):
        left = name in ("market", "light", "last alert", "how it stands")
        table.add_column(name, justify="left" if left else "right", overflow="fold")
    for row in rows:
        cells = {name: escape(text) for name, text in row.items() if name not in left_out}
        cells["light"] = f"[{STYLES[row['light']]}]{row['light']}[/]"
        table.add_row(*cells.values())
    console.print(table)
    for one in health.markets:
        if one.rolled_back:
            errors.print(
                f"[bold red]{one.market} was rolled back[/] to {one.rolled_back.back_to}: "
                f"{escape(one.rolled_back.why)}",
                soft_wrap=True,
            )
    if health.raised:
        console.print(f"New alerts: {', '.join(health.raised)}", soft_wrap=True)
    console.print(f"All markets: {escape(health.report)}", soft_wrap=True)
    for one in health.markets:
        if one.error:
            errors.print(f"[red]{one.market} failed:[/] {escape(one.error)}", soft_wrap=True)
