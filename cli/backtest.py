"""``restock backtest``: what every model would have been worth, in every market, over time."""

import datetime as dt
from typing import TYPE_CHECKING, Annotated, Any

import typer
from rich.markup import escape
from rich.table import Table

from restock.cli import options
from restock.cli.output import JSON, BadUsage, bad_input, console, errors, print_json
from restock.cli.progress import progress
from restock.cli.running import run

if TYPE_CHECKING:
    from restock.infra.backtest_result import BacktestResult


def backtest(
    orders: options.Orders = None,
    markets: Annotated[
        str | None, typer.Option(help="Judge these markets only, as in FR,DE. Default: all.")
    ] = None,
    models: Annotated[
        str | None,
        typer.Option(
            help="Names of models, with a scope if need be, as in reorder,blend:market. "
            "Default: eight without a network."
        ),
    ] = None,
    windows: Annotated[
        int | None, typer.Option(min=1, help="How many, the newest ones. Default: 12.")
    ] = None,
    ages: Annotated[
        str | None,
        typer.Option(
            help="Days before a cut-off at which models are fitted too; none: fresh ones alone. "
            "Default: 7,14,28,84."
        ),
    ] = None,
    as_of: options.AsOf = None,
    instead: Annotated[
        str | None,
        typer.Option(help="A model that might have been in service, as in blend or blend:market."),
    ] = None,
    since: Annotated[
        str | None, typer.Option(help="From this day on, as in 2011-06-01. Default: all windows.")
    ] = None,
    resume: Annotated[
        str | None, typer.Option(help="Token of a backtest that was cut off: go on with it.")
    ] = None,
    columns: options.Columns = None,
    time_format: options.TimeFormat = None,
    delimiter: options.Delimiter = None,
    encoding: options.Encoding = None,
    runner: options.Runner = None,
    debug: options.Debug = False,
    as_json: Annotated[bool, JSON] = False,
) -> None:
    """What was every model worth, window by window, and when it was fitted long before?

    Models are fitted on past days and judged on the weeks that followed, as in the nights. The
    same command goes on where it was cut off, and costs nothing when it is done.
    """
    from restock.infra.backtest_wishes import read_model

    settings = options.settings(runner, debug)
    wanted: dict[str, Any] = {
        "orders": options.source(orders),
        "markets": options.codes(markets),
        "models": options.words(models),
        "windows": windows,
        "ages": ages_in_days(ages),
        "as_of": options.day(as_of),
        "instead": instead,
        "since": since_day(since),
        "reading": options.reading(columns, time_format, delimiter, encoding) or None,
    }
    parameters = {name: value for name, value in wanted.items() if value is not None}
    if resume:
        if parameters:
            raise BadUsage(f"--resume takes no other option, not {', '.join(sorted(parameters))}")
        parameters["resume"] = resume
    if since and not instead:
        raise BadUsage("--since says from when on --instead MODEL counts: give that too")
    with bad_input(ValueError):
        for name in [*(parameters.get("models") or []), *([instead] if instead else [])]:
            read_model(name)
    options.check_columns(orders, parameters.get("reading", {}))
    with progress(as_json):
        result: BacktestResult = run(settings, _flow, parameters)
    if as_json:
        print_json(result.model_dump(mode="json"))
    else:
        _show(result)
    raise typer.Exit(1 if result.failed else 0)


def _flow() -> Any:
    from restock.flows.backtest import backtest

    return backtest


def ages_in_days(text: str | None) -> list[int] | None:
    """Ages in days. BadUsage says how to write them."""
    words = options.words(text)
    if words is None or text is None:
        return None
    if words == ["none"]:
        return []
    if not all(word.isdigit() and int(word) > 0 for word in words):
        raise BadUsage(f"--ages {text!r}: write days above 0, as in 7,14,28,84, or none")
    return [int(word) for word in words]


def since_day(text: str | None) -> dt.date | None:
    """Of ``--since``. BadUsage."""
    return options.day(text, "--since")


def _show(result: "BacktestResult") -> None:
    from restock.infra.backtest_summary import summary_rows

    table = Table(title=f"The backtest before {result.as_of}", header_style="bold")
    rows = summary_rows(result)
    left_out = {"judged", "revenue_share_at_10"} if console.width < 130 else set()
    rows = [{k: v for k, v in row.items() if k not in left_out} for row in rows]
    for name in rows[0] if rows else ():
        table.add_column(name, justify="right" if name == "judged" else "left", overflow="fold")
    for row in rows:
        table.add_row(*(escape(value) for value in row.values()))
    console.print(table)
    if result.what_if:
        total, what = result.what_if.total, result.what_if
        money = total.difference
        between = (
            ""
            if money.low is None or money.high is None
            else f" ({money.low:+,.0f} to {money.high:+,.0f})"
        )
        console.print(
            f"With {escape(what.plan)} since {what.since}, lists would have named "
            f"{money.value or 0:+,.0f}{between} {what.currency} more of what customers bought."
        )
    busy = f", cores busy {result.core_use:.0%}" if result.core_use is not None else ""
    console.print(f"Backtest {result.token}: {result.seconds:,.0f} s{busy}.")
    if result.report:
        console.print(f"Report: {result.report}", soft_wrap=True)
    for market, why in result.failed.items():
        errors.print(f"[red]{market} failed:[/] {escape(why)}")
