"""``restock doctor``: what works here, what is missing, and the remedy."""

from typing import Annotated

import typer
from rich.markup import escape
from rich.table import Table

from restock.cli.output import JSON, bad_input, console, print_json

STYLES = {"ok": "green", "missing": "yellow", "wrong": "bold red"}


def doctor(as_json: Annotated[bool, JSON] = False) -> None:
    """Look at versions, extras, cores, memory, Java, GPU, servers and storage.

    Exits 1 when something that every night needs is wrong; what is only missing is optional.
    """
    from restock.infra.doctor import examine
    from restock.infra.settings import SettingsError, load_settings

    with bad_input(SettingsError):
        lines = examine(load_settings())
    if as_json:
        print_json([line._asdict() for line in lines])
    else:
        table = Table("", "", box=None)
        for heading in ("found", "remedy"):
            table.add_column(heading, overflow="fold")
        for line in lines:
            state = f"[{STYLES[line.state]}]{line.state}[/]"
            table.add_row(line.name, state, escape(line.found), escape(line.remedy))
        console.print(table)
    raise typer.Exit(1 if any(line.state == "wrong" for line in lines) else 0)
