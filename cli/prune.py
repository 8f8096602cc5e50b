"""``restock prune``: what is old and no longer needed leaves the store."""

import datetime as dt
from typing import Annotated

import typer
from rich.markup import escape
from rich.table import Table

from restock.cli.output import JSON, bad_input, console, print_json

LEAST_DAYS = 7  # younger things may belong to a run that is on its way
MOST_DAYS = 36_500


def prune(
    older_than: Annotated[
        int,
        typer.Option(
            "--older-than",
            min=LEAST_DAYS,
            max=MOST_DAYS,
            metavar="DAYS",
            help="Days since it was written; what is younger than a week may belong to a run.",
        ),
    ] = 90,
    exposures: Annotated[
        bool,
        typer.Option(
            "--exposures", help="Logged exposures of days before that, too: ope and link need them."
        ),
    ] = False,
    dry_run: Annotated[
        bool, typer.Option("--dry-run", help="Say what would go, and remove nothing.")
    ] = False,
    as_json: Annotated[bool, JSON] = False,
) -> None:
    """Remove from the store what is old and what nothing needs any more.

    Publications in service and the way back from them stay, with their models and snapshots, and
    so do champions, plans, alerts, experiments and what lists came to. Old publications, models,
    snapshots, reports, quarantined lines and runs that never ended go.
    """
    from restock.infra.pruning import prune as remove
    from restock.infra.settings import SettingsError, load_settings
    from restock.infra.store import StoreError, open_store

    with bad_input(SettingsError, StoreError, ValueError):
        store = open_store(settings=load_settings())
        before = dt.datetime.now(dt.UTC) - dt.timedelta(days=older_than)
        removed = remove(store, before, exposures=exposures, dry_run=dry_run)
    if as_json:
        print_json({"dry_run": dry_run, "removed": [one.model_dump() for one in removed]})
        return
    if not removed:
        where = escape(store.uri)
        console.print(f"{where} has nothing older than {older_than} days that is not needed")
        return
    what = "would be removed from" if dry_run else "removed from"
    console.print(f"{what} {escape(store.uri)}, older than {older_than} days:", soft_wrap=True)
    table = Table(header_style="bold")
    table.add_column("kind")
    for name in ("things", "objects", "MB"):
        table.add_column(name, justify="right")
    for one in removed:
        _row(table, one.kind, len(one.things), one.objects, one.size)
    table.add_section()
    things = sum(len(one.things) for one in removed)
    objects, size = sum(one.objects for one in removed), sum(one.size for one in removed)
    _row(table, "all", things, objects, size)
    console.print(table)


def _row(table: Table, kind: str, things: int, objects: int, size: int) -> None:
    table.add_row(kind, f"{things:,}", f"{objects:,}", f"{size / 1e6:,.1f}")
