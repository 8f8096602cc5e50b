"""``restock retrain``: the main job."""

import logging
import re
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import TYPE_CHECKING, Annotated, Any

import typer
from rich.progress import (
    BarColumn,
    MofNCompleteColumn,
    Progress,
    SpinnerColumn,
    TextColumn,
    TimeElapsedColumn,
)
from rich.table import Table

from restock.cli.output import JSON, BadUsage, bad_input, console, errors, print_json

if TYPE_CHECKING:
    from restock.infra.night import Night

STYLES = {"published": "green", "unchanged": "green", "held": "yellow", "failed": "red"}


def retrain(
    orders: Annotated[
        str | None,
        typer.Option(
            help="Order lines: a Parquet or CSV file, a folder of them, or an address. "
            "Default: the bundled Online Retail orders of some 40 countries."
        ),
    ] = None,
    markets: Annotated[
        str | None, typer.Option(help="Publish only these markets, as in FR,DE. Default: all.")
    ] = None,
    as_of: Annotated[
        str | None,
        typer.Option(
            help="The first day that is not known yet, as in 2011-12-01. "
            "Default: the day after the last order."
        ),
    ] = None,
    eligibility: Annotated[
        str | None,
        typer.Option(help="Table (market, item_id) of the items that may be offered."),
    ] = None,
    columns: Annotated[
        str | None,
        typer.Option(help="Names in your file = ours, as in Kunde=customer_id,Beleg=order_id."),
    ] = None,
    time_format: Annotated[
        str | None, typer.Option(help="How times are written, as in %d.%m.%Y. Default: ISO 8601.")
    ] = None,
    delimiter: Annotated[str | None, typer.Option(help="Of CSV files. Default: a comma.")] = None,
    encoding: Annotated[str | None, typer.Option(help="Of CSV files. Default: utf-8.")] = None,
    accept_changes: Annotated[
        bool,
        typer.Option(
            "--accept-changes",
            help="Publish lists however much they changed since the last publication.",
        ),
    ] = False,
    runner: Annotated[
        str | None,
        typer.Option(
            help="Where work runs: threads, dask (this machine), dask://HOST:PORT or "
            "tls://HOST:PORT. Default: dask."
        ),
    ] = None,
    as_json: Annotated[bool, JSON] = False,
) -> None:
    """Retrain every market, prove what is better, publish what is proved.

    Every candidate is judged on the same past windows; the champion's plan is refitted on
    the newest orders and published; another plan replaces it only on evidence. Run it again
    on the same orders and nothing changes.
    """
    from restock.infra.settings import SettingsError, load_settings

    with bad_input(SettingsError):
        settings = load_settings(runner=runner)
    parameters = {
        "orders": _source(orders),
        "markets": _codes(markets),
        "as_of": _date(as_of),
        "eligibility": eligibility,
        "reading": {
            name: value
            for name, value in {
                "columns": _pairs(columns),
                "time_format": time_format,
                "delimiter": delimiter,
                "encoding": encoding,
            }.items()
            if value is not None
        },
        "accept_changes": accept_changes,
    }
    night = _run(settings, parameters, quiet=as_json)
    if as_json:
        print_json(night.model_dump(mode="json"))
    else:
        _show(night, settings)
    raise typer.Exit(1 if night.failed else 0)


def _source(orders: str | None) -> str | None:
    """Told before any server starts."""
    if orders is not None and "://" not in orders and not Path(orders).exists():
        raise BadUsage(f"--orders {orders}: there is no such file or folder")
    return orders


def _pairs(columns: str | None) -> dict[str, str] | None:
    if columns is None:
        return None
    pairs = [pair.partition("=") for pair in columns.split(",")]
    if not all(theirs.strip() and ours.strip() for theirs, _, ours in pairs):
        raise BadUsage("--columns: write it as Kunde=customer_id,Beleg=order_id")
    return {theirs.strip(): ours.strip() for theirs, _, ours in pairs}


def _codes(markets: str | None) -> list[str] | None:
    if markets is None:
        return None
    from restock.dataset.columns import MARKET_PATTERN

    codes = [code.strip() for code in markets.split(",") if code.strip()]
    for code in codes:
        if not re.fullmatch(MARKET_PATTERN, code):
            raise BadUsage(f"--markets: {code!r} is no market code: 2 to 8 capital letters")
    return codes


def _date(text: str | None) -> Any:
    import datetime as dt

    if text is None:
        return None
    try:
        return dt.date.fromisoformat(text)
    except ValueError:
        raise BadUsage(f"--as-of {text!r} is no date: write it as 2011-12-01") from None


def _run(settings: Any, parameters: dict[str, Any], *, quiet: bool) -> "Night":
    """Run the flow in this process, against whatever Prefect server is there."""
    import os

    from restock.infra.prefect_env import connect

    os.environ["RESTOCK_RUNNER"] = settings.runner
    with _progress(quiet), connect(settings) as connection:
        from restock.dataset.contract import BadOrders
        from restock.flows.retrain import retrain as flow
        from restock.infra.night import NightIncomplete

        connection.wait()
        state = flow(**parameters, return_state=True)
        result = state.result(raise_on_failure=False)
        if isinstance(result, NightIncomplete):
            return result.night
        if isinstance(result, BadOrders | ValueError):
            raise BadUsage(str(result)) from result
        if isinstance(result, BaseException):
            raise result
        return result


class _Drawing(logging.Handler):
    """Draws the progress that a flow reports through logging."""

    def __init__(self, progress: Progress) -> None:
        super().__init__()
        self._progress = progress
        self._bars: dict[str, Any] = {}

    def emit(self, record: logging.LogRecord) -> None:
        stage = getattr(record, "stage", None)
        if stage is None:
            return
        if stage not in self._bars:
            self._bars[stage] = self._progress.add_task(stage, total=None, detail="")
        self._progress.update(
            self._bars[stage],
            completed=getattr(record, "done", 0),
            total=getattr(record, "total", None),
            detail=getattr(record, "detail", ""),
        )


@contextmanager
def _progress(quiet: bool) -> Iterator[None]:
    """A progress display on standard error while work runs; nothing when quiet."""
    progress = Progress(
        SpinnerColumn(),
        TextColumn("{task.description:<16}"),
        BarColumn(bar_width=30),
        MofNCompleteColumn(),
        TimeElapsedColumn(),
        TextColumn("[dim]{task.fields[detail]}"),
        console=errors,
        disable=quiet,
    )
    handler = _Drawing(progress)
    logger = logging.getLogger("restock.progress")
    logger.addHandler(handler)
    logger.setLevel(logging.INFO)
    try:
        with progress:
            yield
    finally:
        logger.removeHandler(handler)


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
        table.add_row(*list(row.values())[:-1], f"[{STYLES[state]}]{state}[/]")
    console.print(table)
    console.print(f"{night.orders_kept:,} of {night.orders_read:,} order lines used.")
    console.print(f"Report: {Path(night.report)}", soft_wrap=True)
    console.print("Look around (both on this machine only):")
    for command in _ui_commands(settings):
        console.print(f"  {command}", soft_wrap=True)
    if night.failed:
        errors.print(f"[red]{len(night.failed)} markets failed:[/] {', '.join(night.failed)}")


def _ui_commands(settings: Any) -> list[str]:
    """The commands that open the pages of Prefect and MLflow for the embedded servers."""
    import sys

    here = Path(sys.executable).parent
    pages = settings.tracking_uri
    if not pages.startswith("http"):
        pages = f"{here / 'mlflow'} ui --host 127.0.0.1 --backend-store-uri {pages}"
    return [
        f"PREFECT_HOME={settings.home / 'prefect'} {here / 'prefect'} server start",
        pages,
    ]
