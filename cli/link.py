"""``restock link``: what offline figures foretold, what experiments measured, what follows."""

import json
from pathlib import Path
from typing import TYPE_CHECKING, Annotated

import typer
from rich.markup import escape
from rich.table import Table

from restock.cli import options
from restock.cli.output import JSON, bad_input, console, print_json

if TYPE_CHECKING:
    from restock.evaluation.link import Ahead
    from restock.infra.link_report import LinkReport


def link(
    markets: Annotated[
        str | None,
        typer.Option(help="Experiments and weights of these markets only, as in FR,DE."),
    ] = None,
    add: Annotated[
        Path | None,
        typer.Option(metavar="FILE", help="Record an experiment that ran elsewhere (JSON) first."),
    ] = None,
    predict: Annotated[
        Path | None,
        typer.Option(
            metavar="FILE",
            help="Foretell the lift of pairs of candidates: a JSON list of their offline deltas.",
        ),
    ] = None,
    metric: Annotated[str, typer.Option(help="The business metric of the lifts.")] = "revenue",
    as_json: Annotated[bool, JSON] = False,
) -> None:
    """Which offline figures foretell what experiments show, and the weights that follow.

    Reads the ledger of experiments. With fewer than three the declared weights stay, and it says
    so. Weights are proposed, never adopted: what is printed goes into markets.toml by hand.
    """
    from restock.infra.addresses import address
    from restock.infra.link_ledger import add_entry, read_entries, read_entry_file
    from restock.infra.link_page import keep
    from restock.infra.link_report import common_objective, link_report
    from restock.infra.markets import MarketsError, load_markets
    from restock.infra.settings import SettingsError, load_settings
    from restock.infra.store import StoreError, open_store

    codes = options.codes(markets)
    with bad_input(SettingsError, MarketsError):
        settings = load_settings()
        declared = load_markets(settings)
    ahead = _pairs(predict) if predict else []
    store = open_store(settings=settings)
    if add:
        with bad_input(StoreError):
            added = add_entry(store, read_entry_file(add))
        if not as_json:
            console.print(f"Recorded: {escape(address(store, added))}", soft_wrap=True)
    entries = [one for one in read_entries(store, codes) if one.metric == metric]
    concerned = codes or sorted({code for one in entries for code in one.markets})
    with bad_input(ValueError):
        objective = common_objective(declared, concerned)
        report = link_report(entries, objective, markets=codes, ahead=ahead)
    report = keep(store, report)
    if as_json:
        print_json(report.model_dump(mode="json"))
    else:
        _show(report)
        console.print(f"Page: {escape(address(store, report.page))}", soft_wrap=True)


def _pairs(path: Path) -> "list[Ahead]":
    """What the file asks for. BadUsage says what is wrong with it."""
    from pydantic import TypeAdapter, ValidationError

    from restock.cli.output import BadUsage
    from restock.evaluation.link import Ahead

    try:
        return TypeAdapter(list[Ahead]).validate_python(json.loads(path.read_bytes()))
    except (OSError, ValueError) as error:
        about = error.errors()[0] if isinstance(error, ValidationError) else None
        why = f"{about['loc']}: {about['msg']}" if about else str(error)
        raise BadUsage(
            f"--predict {path}: {why}; it is a list as in "
            '[{"name": "blend-reorder", "offline": {"ndcg_at_10": 0.02}}]'
        ) from None


def _show(report: "LinkReport") -> None:
    from restock.infra.link_charts import percent

    before = {one.name: percent(one.value) for one in report.before}
    if report.entries:
        table = _table("Experiments", "experiment", "markets", "days", "lift", "foretold", "OPE")
        for name in report.declared:
            table.add_column(name, justify="right")
        for one in report.entries:
            deltas = [one.offline.get(name) for name in report.declared]
            table.add_row(
                escape(one.name),
                ", ".join(one.markets),
                str((one.end - one.start).days),
                f"{percent(one.lift)} ± {196 * one.error:.1f}",
                before.get(one.name, "–"),
                "–" if one.ope is None else percent(one.ope),
                *("–" if delta is None else f"{delta:+.3f}" for delta in deltas),
            )
        console.print(table)
        table = _table("What they foretold", "figure", "n", "tau", "right sign", "slope", "spread")
        for q in (*([report.calibration] if report.calibration else []), *report.qualities):
            table.add_row(
                "lift, from the others" if q.name == "foretold" else q.name,
                str(q.experiments),
                "–" if q.tau is None else f"{q.tau:+.2f}",
                "–" if q.sign is None else f"{q.sign:.0%}",
                "–" if q.slope is None else f"{q.slope:.3f} ± {1.96 * (q.slope_error or 0):.3f}",
                "–" if q.spread is None else f"{q.spread:.3f}",
            )
        console.print(table)
    for name, why in report.left_out.items():
        console.print(f"{escape(name)} was left out: {why}.", soft_wrap=True)
    if not report.enough:
        console.print(f"[yellow]{escape(report.missing)}[/]", soft_wrap=True)
    else:
        console.print(
            f"The declared weights hold as they are with probability {report.trust:.0%}. "
            "Proposed, for markets.toml:\n",
            soft_wrap=True,
        )
        console.print(escape(report.toml), highlight=False)
    for pair in report.ahead:
        console.print(
            f"{escape(pair.name)}: {percent(pair.value)} foretold "
            f"({percent(pair.low)} to {percent(pair.high)})",
            soft_wrap=True,
        )


def _table(title: str, *columns: str) -> Table:
    table = Table(title=title, header_style="bold")
    for at, name in enumerate(columns):
        table.add_column(name, overflow="fold", justify="right" if at > 1 else "left")
    return table
