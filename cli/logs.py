"""``restock logs``: what every node said in one run, in one pane."""

import datetime as dt
import logging
from contextlib import suppress
from typing import TYPE_CHECKING, Annotated

import typer
from rich.text import Text

from restock.cli.options import code
from restock.cli.output import JSON, BadUsage, bad_input, console, errors

if TYPE_CHECKING:
    from prefect.client.schemas.objects import FlowRun

    from restock.infra.run_log import Line

LEVELS = ("debug", "info", "warning", "error", "critical")
COLOURS = {
    "DEBUG": "dim",
    "INFO": "cyan",
    "WARNING": "yellow",
    "ERROR": "red",
    "CRITICAL": "bold red",
}
SOURCES = ("green", "magenta", "blue", "cyan", "yellow", "bright_green", "bright_magenta")


def logs(
    run: Annotated[
        str, typer.Argument(help="A run: its name, id, beginning of its name, or last.")
    ],
    follow: Annotated[
        bool, typer.Option("--follow", "-f", help="Go on with what is said, until the run ends.")
    ] = False,
    market: Annotated[
        str | None, typer.Option(help="Only lines about this market, as in FR.")
    ] = None,
    worker: Annotated[
        str | None,
        typer.Option(help="Only workers whose name or host contains this; flow: its own."),
    ] = None,
    level: Annotated[
        str, typer.Option(help="From this level on: debug, info, warning, error, critical.")
    ] = "debug",
    as_json: Annotated[bool, JSON] = False,
) -> None:
    """Everything that all nodes said in one run, merged in the order of time.

    The flow, its workers, their joblib children, warnings and other libraries, and what a killed
    worker said last. With -f new lines appear about a second later. --json prints a line each.
    """
    if level not in LEVELS:
        raise BadUsage(f"--level {level!r} is none of {', '.join(LEVELS)}")
    if market is not None:
        code("--market", market)
    from restock.infra.prefect_env import connect
    from restock.infra.settings import SettingsError, load_settings

    with bad_input(SettingsError):
        settings = load_settings()
    with connect(settings) as connection:
        connection.wait()
        from prefect.client.orchestration import get_client

        from restock.infra.run_log import NoSuchRun, RunLog, chosen, find_run

        client = get_client(sync_client=True)
        with bad_input(NoSuchRun):
            found = find_run(client, run)
        log = RunLog(client, found)
        _aside(f"{found.name}, run {found.id}, {_begun(found)}: {found.state_name}")
        lines = log.follow() if follow else (line for _, line in log.read())
        wanted = chosen(
            lines,
            market=market,
            worker=worker,
            level=logging.getLevelNamesMapping()[level.upper()],
        )
        told = False
        with suppress(KeyboardInterrupt):
            for line in wanted:
                told = True
                if as_json:
                    typer.echo(line.model_dump_json())
                else:
                    console.print(drawn(line), soft_wrap=True, highlight=False)
        if not told:
            _aside("nobody said such a thing in this run")


def _begun(run: "FlowRun") -> str:
    return f"begun {run.start_time.astimezone():%Y-%m-%d %H:%M}" if run.start_time else "not begun"


def _aside(text: str) -> None:
    """Beside the lines, which may go into a file."""
    errors.print(Text(text, style="dim"), soft_wrap=True, highlight=False)


def drawn(line: "Line") -> Text:
    """Time, level, who, what about, the words."""
    level = logging.getLevelName(line.level)
    who = f"{line.worker}@{line.host}" if line.worker else "flow"
    when = line.time.astimezone(dt.datetime.now().astimezone().tzinfo)
    return Text.assemble(
        (f"{when:%H:%M:%S}.{when.microsecond // 1000:03} ", "dim"),
        (f"{level[:8]:<8} ", COLOURS.get(level, "")),
        (f"{who} ", SOURCES[sum(who.encode()) % len(SOURCES)]),
        (f"{line.market or ''}{' ' if line.market else ''}", "bold"),
        (f"{line.task_run}: " if line.task_run else "", "dim"),
        line.message,
    )
