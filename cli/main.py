"""The ``restock`` command. Commands are imported when they are called: help stays quick."""

import sys
from importlib import metadata

import typer

from restock.cli import (
    backtest,
    doctor,
    drift,
    experiment,
    link,
    logs,
    monitor,
    nodes,
    ope,
    output,
    platform,
    properties,
    prune,
    publications,
    retrain,
    search,
    serve,
    submit,
    warm,
    workers,
)

app = typer.Typer(
    name="restock",
    no_args_is_help=True,
    pretty_exceptions_enable=False,
    add_completion=False,
)


def say_version(wanted: bool) -> None:
    """Print what is installed and end."""
    if wanted:
        typer.echo(f"restock {metadata.version('restock')}")
        raise typer.Exit()


@app.callback()
def common(
    traceback: bool = typer.Option(False, "--traceback", help="Show where an error came from."),
    version: bool = typer.Option(
        False, "--version", callback=say_version, is_eager=True, help="Show the version and exit."
    ),
) -> None:
    """What to offer each shop next: learned every night, proved, published, market by market."""
    output.TRACEBACK = traceback


app.command()(retrain.retrain)
app.command()(search.search)
app.command()(drift.drift)
app.command()(monitor.monitor)
app.command()(backtest.backtest)
app.command()(ope.ope)
app.add_typer(experiment.app, name="experiment")
app.command()(publications.recommend)
app.command()(serve.serve)
app.command()(publications.history)
app.command()(publications.rollback)
app.command()(prune.prune)
app.command()(link.link)
app.command()(logs.logs)
app.command()(properties.properties)
app.command()(warm.warm)
app.command()(workers.workers)
app.command()(nodes.nodes)
app.add_typer(submit.app, name="submit")
app.command()(doctor.doctor)
app.command()(platform.up)
app.command()(platform.down)


def main() -> None:
    """Run a command: exit 0 on success, 1 when the work failed, 2 on wrong usage or bad input."""
    try:
        app()
    except output.BadUsage as error:
        if output.traceback():
            raise
        output.failed(str(error))
        sys.exit(2)
    except Exception as error:
        if output.traceback():
            raise
        output.failed(f"{type(error).__name__}: {error} (restock --traceback … says where)")
        sys.exit(1)
