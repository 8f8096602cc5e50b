"""``restock search``: find the best plan for every market."""

import re
import time
from typing import TYPE_CHECKING, Annotated, Any

import typer
from rich.markup import escape
from rich.table import Table

from restock.cli import options
from restock.cli.live import View, watching
from restock.cli.output import JSON, BadUsage, bad_input, console, errors, print_json
from restock.cli.running import pages, run

if TYPE_CHECKING:
    from restock.infra.search_result import SearchResult
    from restock.infra.settings import Settings

BUDGET = "10m"
LEAST_SECONDS = 30.0
_PARTS = re.compile(r"(?:(\d+)h)?(?:(\d+)m)?(?:(\d+)s)?")
_STYLES = {"adopted": "green", "kept": "yellow", "failed": "red"}


def search(
    budget: Annotated[
        str | None,
        typer.Option(help=f"Time for everything, as in 90s, 30m or 1h30m. Default: {BUDGET}."),
    ] = None,
    trials: Annotated[
        int | None,
        typer.Option(min=1, help="Trials to run in all, instead of a time: always the same plans."),
    ] = None,
    families: Annotated[
        str | None, typer.Option(help="Search only these models, as in sar,als. Default: all.")
    ] = None,
    markets: Annotated[
        str | None, typer.Option(help="Plans for these markets only, as in FR,DE. Default: all.")
    ] = None,
    on: Annotated[
        str | None,
        typer.Option(help="Where models run, as in als=SPARK,gru=GPU. Default: CPU, GPU if any."),
    ] = None,
    seed: Annotated[int, typer.Option(help="Of every draw and every fit.")] = 0,
    resume: Annotated[
        str | None,
        typer.Option(metavar="RUN", help="Go on with a search that was stopped, by its name."),
    ] = None,
    orders: options.Orders = None,
    as_of: options.AsOf = None,
    columns: options.Columns = None,
    time_format: options.TimeFormat = None,
    delimiter: options.Delimiter = None,
    encoding: options.Encoding = None,
    runner: options.Runner = None,
    debug: options.Debug = False,
    as_json: Annotated[bool, JSON] = False,
) -> None:
    """Find the best plan for every market: model, configuration, scope and mixture.

    Candidates compete on older windows. What wins there meets the plan in service once more,
    on the newest ones, and takes its place only when it is surely better. Nightly retraining
    refits the plans from then on.
    """

    given = {
        "--budget": budget,
        "--trials": trials,
        "--families": families,
        "--markets": markets,
        "--on": on,
        "--orders": orders,
        "--as-of": as_of,
        "--columns": columns,
        "--time-format": time_format,
        "--delimiter": delimiter,
        "--encoding": encoding,
    }
    _one_story(given, resume)
    seconds = None if trials else duration(BUDGET if budget is None else budget)
    settings = options.settings(runner, debug)
    parameters: dict[str, Any] = {"resume": known_search(resume, settings)}
    if resume is None:
        parameters = {
            "orders": options.source(orders),
            "markets": known_markets(options.codes(markets), orders, settings),
            "as_of": options.day(as_of),
            "reading": options.reading(columns, time_format, delimiter, encoding),
            "budget_seconds": seconds,
            "trials": trials,
            "families": known_families(options.words(families)),
            "placements": placed(options.pairs("--on", on, "als=SPARK,gru=GPU")),
            "seed": seed,
        }
        options.check_columns(orders, parameters["reading"])
    result = _run(settings, parameters, quiet=as_json)
    if as_json:
        print_json(result.model_dump(mode="json"))
    else:
        _show(result, settings)
    raise typer.Exit(1 if result.failed else 0)


# what people type -----------------------------------------------------------------------------
def _one_story(given: dict[str, Any], resume: str | None) -> None:
    if given["--budget"] is not None and given["--trials"] is not None:
        raise BadUsage("--budget and --trials: give one of them, a time or a number of trials")
    extra = [name for name, value in given.items() if value is not None]
    if resume is not None and extra:
        raise BadUsage(
            f"--resume goes on with what {resume} set out to do: leave out {', '.join(extra)}"
        )


def duration(text: str) -> float:
    """Seconds of ``90s``, ``30m`` or ``1h30m``. BadUsage for anything else."""
    found = _PARTS.fullmatch(text.strip())
    if not found or not any(found.groups()):
        raise BadUsage(f"--budget {text!r} is no time: write it as 90s, 30m or 1h30m")
    hours, minutes, seconds = (int(part or 0) for part in found.groups())
    total = float(3600 * hours + 60 * minutes + seconds)
    if total < LEAST_SECONDS:
        raise BadUsage(f"--budget {text}: a search needs at least {LEAST_SECONDS:.0f}s")
    return total


def known_families(names: list[str] | None) -> list[str] | None:
    """The families, if there are such models. BadUsage names the nearest one."""
    from restock.models.registry import model_class

    for name in names or ():
        with bad_input(ValueError):
            model_class(name)
    return names


def known_markets(codes: list[str] | None, orders: str | None, settings: "Settings") -> Any:
    """The codes; those of the bundled orders are declared, so that others are refused here."""
    from restock.infra.markets import MarketsError, load_markets

    if orders is None and settings.markets is None:
        with bad_input(MarketsError, KeyError):
            declared = load_markets(settings)
            for code in codes or ():
                declared[code]
    return codes


def known_search(name: str | None, settings: "Settings") -> str | None:
    """The name, if there is such a search in the store. BadUsage names those there are."""
    from restock.infra.search_store import get_run
    from restock.infra.store import StoreError, open_store

    if name is not None:
        with bad_input(StoreError, ValueError):
            get_run(open_store(settings=settings), name)
    return name


def placed(wanted: dict[str, str] | None) -> dict[str, str] | None:
    """Model → resource, if the model can run there. BadUsage says why not."""
    from restock.infra.placement import RESOURCES, Offers, place

    upper = {family: resource.upper() for family, resource in (wanted or {}).items()}
    everything = Offers(slots=dict.fromkeys(RESOURCES, 1))
    with bad_input(ValueError):
        place(list(upper), upper, everything)  # type: ignore[arg-type]
    return upper or None


# what people see ------------------------------------------------------------------------------
def _flow() -> Any:
    """The flow, told how much of the budget this process has used before it begins."""
    import psutil

    from restock.flows.search import search

    began = psutil.Process().create_time()
    return lambda **parameters: search(**parameters, spent_seconds=time.time() - began)


def _run(settings: "Settings", parameters: dict[str, Any], *, quiet: bool) -> "SearchResult":
    with watching(quiet=quiet) as view:
        try:
            result = run(settings, _flow, parameters)
        except KeyboardInterrupt:
            _say_how_to_go_on(view)
            raise typer.Exit(130) from None
        except BadUsage:
            raise
        except Exception:
            _say_how_to_go_on(view)
            raise
    if view.finished:
        errors.print(f"Search {view.token} was finished already: nothing was run.", soft_wrap=True)
    return result


def _say_how_to_go_on(view: View) -> None:
    if view.token:
        errors.print(
            f"Stopped. What was finished is kept; go on with: restock search --resume {view.token}",
            soft_wrap=True,
        )


def _show(result: "SearchResult", settings: "Settings") -> None:
    from restock.infra.search_report import summary_rows

    table = Table(title=f"The search before {result.as_of}", header_style="bold")
    rows = summary_rows(result)
    left_out = {"where from", "judged"} if console.width < 130 else set()
    for name in (name for name in rows[0] if name not in left_out):
        right = name in ("judged", "later", "chosen on")
        table.add_column(name, justify="right" if right else "left", overflow="fold")
    for row in rows:
        cells = {name: escape(text) for name, text in row.items() if name not in left_out}
        cells["state"] = f"[{_STYLES[row['state']]}]{row['state']}[/]"
        table.add_row(*cells.values())
    console.print(table)
    console.print(
        f"{result.trials} trials in {result.seconds:.0f} s; later: lift over the plan in service "
        "on windows that nobody chose on, with its 95 % interval.",
        soft_wrap=True,
    )
    if result.remedy:
        console.print(f"[yellow]{escape(result.remedy)}[/]", soft_wrap=True)
    for family, reason in result.left_out.items():
        console.print(f"[yellow]{family} was left out:[/] {escape(reason)}", soft_wrap=True)
    for note in result.notes:
        console.print(escape(note), soft_wrap=True)
    console.print(f"Report: {escape(result.report)}", soft_wrap=True)
    console.print(f"Search: {result.token}", soft_wrap=True)
    console.print("Look around (both on this machine only):")
    for command in pages(settings):
        console.print(f"  {command}", soft_wrap=True)
    if result.failed:
        errors.print(f"[red]{len(result.failed)} markets failed:[/] {', '.join(result.failed)}")
        for one in result.markets:
            if one.state == "failed":
                errors.print(f"  {one.market}: {escape(one.why)}", soft_wrap=True)
