"""``restock ope``: what another plan would have earned, from a log of what was shown."""

import datetime as dt
from pathlib import Path
from typing import TYPE_CHECKING, Annotated, Any

import typer
from rich.markup import escape
from rich.table import Table

from restock.cli import options
from restock.cli.options import Columns, Delimiter, Encoding, Orders, TimeFormat
from restock.cli.output import JSON, BadUsage, bad_input, console, errors, print_json

if TYPE_CHECKING:
    from restock.infra.ope_question import Question
    from restock.infra.ope_result import Answer, OpeResult

REWARDS = ("click", "order", "revenue")


def ope(
    plan: Annotated[
        str,
        typer.Option(help="Plans to ask about, as in rerank:pooled,reorder (NAME or NAME:SCOPE)."),
    ],
    exposures: Annotated[
        str | None,
        typer.Option(help="The log: a Parquet or CSV file. Default: the exposures in the store."),
    ] = None,
    drawing: Annotated[
        str,
        typer.Option(help="How the plans' lists are drawn: none, epsilon:0.1 or softmax:0.5."),
    ] = "none",
    reward: Annotated[
        str, typer.Option(help="What a list earns: click, order or revenue.")
    ] = "click",
    markets: Annotated[
        str | None, typer.Option(help="Of these markets only, as in FR,DE. Default: all.")
    ] = None,
    first: Annotated[
        str | None, typer.Option("--from", help="First day of the log to use, as in 2011-11-01.")
    ] = None,
    end: Annotated[
        str | None, typer.Option("--to", help="First day of the log not to use any more.")
    ] = None,
    eligibility: Annotated[
        str | None,
        typer.Option(help="Table (market, item_id[, day]) of what could be offered, and when."),
    ] = None,
    orders: Orders = None,
    columns: Columns = None,
    time_format: TimeFormat = None,
    delimiter: Delimiter = None,
    encoding: Encoding = None,
    as_json: Annotated[bool, JSON] = False,
) -> None:
    """What would another plan have earned, had it been shown? Nothing is shown to anybody.

    Each plan is refitted on the orders before the log begins; what was shown is then weighed by
    how likely the plan would have shown it too. Exits 1 when the log cannot carry an answer to
    any of the plans, and says why.
    """
    from restock.dataset.contract import BadOrders
    from restock.dataset.exposures import BadExposures
    from restock.infra.ope_question import BadQuestion

    if exposures is not None and not Path(exposures).is_file():
        raise BadUsage(f"--exposures {exposures}: there is no such file")
    source, how = options.source(orders), options.reading(columns, time_format, delimiter, encoding)
    options.check_columns(orders, how)
    since, until = options.day(first, "--from"), options.day(end, "--to")
    question = _question(plan, drawing, reward, options.codes(markets), since, until)
    with bad_input(BadExposures, BadOrders, BadQuestion):
        result, address = _answer(question, exposures, source, how, eligibility)
    if as_json:
        print_json({**result.model_dump(mode="json"), "page": address})
    else:
        _show(result, address)
    raise typer.Exit(1 if all(one.refused for one in result.answers) else 0)


def _question(
    plan: str,
    drawing: str,
    reward: str,
    markets: list[str] | None,
    first: dt.date | None,
    end: dt.date | None,
) -> "Question":
    from restock.evaluation.ope.drawing import Drawing
    from restock.infra.ope_question import Question, candidate

    if reward not in REWARDS:
        raise BadUsage(f"--reward {reward!r}: there are {', '.join(REWARDS)}")
    wanted = options.words(plan) or []
    if not wanted:
        raise BadUsage("--plan names no plan: write it as rerank:pooled,reorder")
    if first and end and first >= end:
        raise BadUsage(f"--from {first} is not before --to {end}: no day is left")
    with bad_input(ValueError):
        return Question(
            plans=tuple(candidate(text) for text in wanted),
            drawing=Drawing.parse(drawing),
            reward=reward,  # type: ignore[arg-type]
            markets=tuple(markets) if markets else None,
            first=first,
            end=end,
        )


def _answer(
    question: "Question",
    exposures: str | None,
    source: str | None,
    how: dict[str, Any],
    eligibility: str | None,
) -> "tuple[OpeResult, str]":
    from restock.infra.ope_page import keep
    from restock.infra.ope_run import run
    from restock.infra.settings import SettingsError, load_settings
    from restock.infra.store import open_store

    with bad_input(SettingsError):
        settings = load_settings()
    store = open_store(settings=settings)
    result = run(store, settings, question, exposures, source, how, eligibility)
    return result, keep(store, result)


def _show(result: "OpeResult", address: str) -> None:
    from restock.infra.ope_page import TITLES, number, percent, worth

    console.print(
        f"{result.lists:,} lists of {result.customers:,} customers of {', '.join(result.markets)}, "
        f"{result.first} to {result.last}; shown lists earned {worth(result.logged)} "
        f"{result.unit}. Plans know the orders before {result.fitted_before}; lists are drawn "
        f"by {result.drawing}.",
        soft_wrap=True,
    )
    for one in result.answers:
        if one.refused:
            _refuse(one)
            continue
        table = Table(title=f"{one.plan.label}, {result.unit}", header_style="bold")
        for name in ("estimator", "worth of a list", "against what was shown", "effective lists"):
            table.add_column(name, overflow="fold")
        for row in one.rows:
            if row.worth is None or row.log_lift is None:
                table.add_row(TITLES[row.estimator], "[red]refused[/]", "", number(row.ess))
            else:
                lift = percent(row.log_lift)
                table.add_row(TITLES[row.estimator], worth(row.worth), lift, number(row.ess))
        console.print(table)
        for reason in dict.fromkeys(why for row in one.rows for why in row.refused):
            console.print(f"Whole lists are refused: {escape(reason)}", soft_wrap=True)
    console.print(f"The page: {escape(address)}", soft_wrap=True)


def _refuse(one: "Answer") -> None:
    label = escape(one.plan.label)
    errors.print(f"[bold red]refused[/]: the log cannot say what {label} would have earned")
    for reason in one.refused:
        errors.print(f"[red]- {escape(reason)}[/]", soft_wrap=True)
