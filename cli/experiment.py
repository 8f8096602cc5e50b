"""``restock experiment``: design an A/B test, assign customers, rehearse it, analyze it."""

import datetime as dt
from pathlib import Path
from typing import Annotated

import typer

from restock.cli import experiment_tables as tables
from restock.cli import options
from restock.cli.experiment_input import Here, bad_orders, draft_of, numbers
from restock.cli.options import AsOf, Columns, Delimiter, Encoding, Orders, TimeFormat
from restock.cli.output import JSON, BadUsage, bad_input, print_json

app = typer.Typer(
    no_args_is_help=True,
    help="A/B tests: design one, assign its customers, rehearse it in a world, analyze it.",
)
Name = Annotated[str, typer.Argument(help="Of the experiment, as in rerank-in-france.")]
Clusters = Annotated[
    str | None,
    typer.Option(
        help="Table (customer_id, cluster): assign whole clusters, as stores or chains, whose "
        "customers act alike or see one another's lists."
    ),
]


@app.command()
def design(
    name: Annotated[
        str | None, typer.Argument(help="Save the draft under this name; without, only look.")
    ] = None,
    markets: Annotated[str, typer.Option(help="Whose customers take part, as in FR,DE.")] = "",
    metric: Annotated[
        str,
        typer.Option(help="What decides: revenue, orders, lines, items or revenue_per_order."),
    ] = "revenue",
    effect: Annotated[float, typer.Option(help="Least relative effect worth finding.")] = 0.05,
    power: Annotated[float, typer.Option(help="Chance of finding it.")] = 0.8,
    arms: Annotated[
        str,
        typer.Option(
            help="Arms and their plans, the control first: control=reorder,treatment=rerank; "
            "or control,treatment when something else is tested."
        ),
    ] = "control,treatment",
    shares: Annotated[
        str | None,
        typer.Option(help="Of each arm, as in control=0.8,treatment=0.2. Default: all alike."),
    ] = None,
    guardrails: Annotated[
        str | None,
        typer.Option(help="What may not get worse than by so much, as in orders=0.02."),
    ] = None,
    share: Annotated[float, typer.Option(help="Share of the customers that take part.")] = 1.0,
    layer: Annotated[
        str, typer.Option(help="Experiments of one layer share no customer.")
    ] = "main",
    clusters: Clusters = None,
    orders: Orders = None,
    as_of: AsOf = None,
    columns: Columns = None,
    time_format: TimeFormat = None,
    delimiter: Delimiter = None,
    encoding: Encoding = None,
    as_json: Annotated[bool, JSON] = False,
) -> None:
    """How many customers, for how long? From what they bought before; nothing is shown to anybody.

    The table gives, for experiments of some weeks, the smallest effect that all customers suffice
    to find and how many the effect you ask for needs, with and without taking off what the time
    before explains (CUPED). Exits 1 when no length suffices.
    """
    from restock.infra.experiment_design import design as designed
    from restock.infra.experiment_store import put_draft
    from restock.infra.experiment_units import BadTable, read_clusters

    wanted = options.codes(markets) or []
    if not wanted:
        raise BadUsage("--markets names no market: write it as FR,DE")
    if not 0 < power < 1 or not effect > 0:
        raise BadUsage(f"--power {power} lies between 0 and 1, --effect {effect} above 0")
    with bad_input(ValueError):
        draft = draft_of(
            name or "draft", wanted, metric, effect, arms, shares, guardrails, share, layer,
            clustered=clusters is not None,
        )  # fmt: skip
        whose = read_clusters(clusters) if clusters else None
    here = Here.open()
    with bad_orders(BadTable):
        reading = options.reading(columns, time_format, delimiter, encoding)
        found = designed(draft, here.orders(orders, as_of, reading), here.declared, power, whose)
        saved = put_draft(here.store, draft) if name else ""
    if as_json:
        print_json({**found.model_dump(mode="json"), "saved": saved})
    else:
        tables.show_design(found, name)
    raise typer.Exit(0 if found.weeks is not None else 1)


@app.command()
def assign(
    name: Name,
    start: Annotated[str, typer.Option(help="The first day, as in 2026-03-02.")],
    days: Annotated[int, typer.Option(help="How long; whole weeks, as weekdays differ.")] = 28,
    eligible: Annotated[
        str | None, typer.Option(help="Table (customer_id) of those who may take part.")
    ] = None,
    clusters: Clusters = None,
    out: Annotated[
        Path | None, typer.Option(help="Write who is in which arm: a .csv or .parquet file.")
    ] = None,
    orders: Orders = None,
    columns: Columns = None,
    time_format: TimeFormat = None,
    delimiter: Delimiter = None,
    encoding: Encoding = None,
    as_json: Annotated[bool, JSON] = False,
) -> None:
    """Fix the draft: take slots of its layer, and put every customer into an arm.

    An arm follows from the experiment's name and the customer's id alone, so that the same
    command gives the same again. Customers are those with an order before the start.
    """
    from restock.infra.experiment_assigning import assign as assigned
    from restock.infra.experiment_store import read_experiment
    from restock.infra.experiment_units import BadTable, read_clusters, read_table

    first = options.date("--start", start)
    if days < 1:
        raise BadUsage(f"--days {days}: an experiment has at least one")
    if out is not None and out.suffix.lower() not in (".csv", ".parquet"):
        raise BadUsage(f"--out {out}: name a .csv or a .parquet file")
    here = Here.open()
    with bad_orders(BadTable):
        draft = read_experiment(here.store, name)
        if (draft.unit == "cluster") != (clusters is not None) and draft.start is None:
            raise BadUsage(f"{name} assigns {draft.unit}s: --clusters goes with it or not at all")
        may = read_table(eligible, ("customer_id",)) if eligible else None
        whose = read_clusters(clusters) if clusters else None
        reading = options.reading(columns, time_format, delimiter, encoding)
        past = here.orders(orders, None, reading)
        account, kept = assigned(here.store, draft, past, here.declared, first, days, may, whose)
    if out is not None and out.suffix.lower() == ".csv":
        kept.to_csv(out, index=False)
    elif out is not None:
        kept.to_parquet(out, index=False)
    if as_json:
        print_json(account.model_dump(mode="json"))
    else:
        tables.show_assigned(account, out)


@app.command()
def analyze(
    name: Name,
    exposures: Annotated[
        str | None,
        typer.Option(help="The log of what was shown: shows lists that went to the wrong arm."),
    ] = None,
    orders: Orders = None,
    as_of: AsOf = None,
    columns: Columns = None,
    time_format: TimeFormat = None,
    delimiter: Delimiter = None,
    encoding: Encoding = None,
    as_json: Annotated[bool, JSON] = False,
) -> None:
    """What came of it: first whether it is sound, then effects, guardrails and the decision.

    Run it every day if you like: before the end only the interval that holds on all days may
    decide. After the end an experiment whose arms have plans goes into the ledger, which
    ``restock link`` learns from. Exits 1 when the arms did not get their shares.
    """
    from restock.infra.experiment_analysis import analysis_of
    from restock.infra.experiment_entry import NoEntry, entry_of
    from restock.infra.experiment_page import keep
    from restock.infra.experiment_result import put_result
    from restock.infra.experiment_store import read_assignment, read_experiment
    from restock.infra.link_ledger import put_entry
    from restock.infra.ope_question import read_file

    if exposures is not None and not Path(exposures).is_file():
        raise BadUsage(f"--exposures {exposures}: there is no such file")
    here = Here.open()
    with bad_orders():
        experiment = read_experiment(here.store, name)
        assignment = read_assignment(here.store, name)
        reading = options.reading(columns, time_format, delimiter, encoding)
        known = here.orders(orders, as_of, reading)
        log = read_file(exposures) if exposures else None
        result = analysis_of(experiment, assignment, known, here.declared, log)
    try:
        entry = entry_of(here.store, result, known, here.declared)
        put_entry(here.store, entry)
        result = result.model_copy(update={"entry": entry})
    except NoEntry as why:
        result = result.model_copy(update={"notes": (*result.notes, str(why))})
    put_result(here.store, result)
    address = keep(here.store, result)
    if as_json:
        print_json({**result.model_dump(mode="json"), "report": address})
    else:
        tables.show_analysis(result, address)
    raise typer.Exit(1 if result.analysis.decision == "invalid" else 0)


@app.command()
def rehearse(
    name: Annotated[
        str | None, typer.Argument(help="Play this experiment; without, make the world.")
    ] = None,
    folder: Annotated[Path, typer.Option(help="Where the world is.")] = Path("rehearsal"),
    customers: Annotated[
        str, typer.Option(help="Of a new world: how many in each market, as in FR=1000,DE=500.")
    ] = "FR=2500",
    service: Annotated[
        str, typer.Option(help="Of a new world: the plan in service before the experiment.")
    ] = "popular",
    browse: Annotated[
        float, typer.Option(help="Of a new world: visits without an order, a customer and day.")
    ] = 0.3,
    response: Annotated[
        float, typer.Option(help="Of a new world: chance that a wanted item is bought when seen.")
    ] = 0.9,
    seed: Annotated[int, typer.Option(help="Of a new world.")] = 0,
    as_json: Annotated[bool, JSON] = False,
) -> None:
    """Try it all in a simulated world, where customers respond to what they are shown.

    They respond far more than real ones do, so that a small world shows it in four weeks.
    Without a NAME it makes the world: orders.parquet and exposures.parquet until the experiment
    can start. Design and assign on them; then, with the NAME, every arm's plan is shown to its
    customers, and the files go on until the end of the experiment: analyze those.
    """
    from restock.infra.experiment_rehearsal import World, make_world, play, read_world
    from restock.infra.experiment_store import read_assignment, read_experiment
    from restock.infra.ope_question import candidate

    with bad_input(ValueError):
        if name is None:
            sizes = numbers("--customers", customers, "FR=1000,DE=500")
            world = World(
                # the record refuses what is no whole number
                customers=sizes,  # type: ignore[arg-type]
                service=candidate(service),
                browse=browse,
                effect=response,
                seed=seed,
            )
            rows = make_world(folder, world)
        else:
            store = Here.open().store
            experiment, assignment = read_experiment(store, name), read_assignment(store, name)
            rows, world = play(folder, experiment, assignment), read_world(folder)
    if as_json:
        print_json({"folder": str(folder), "rows": rows, "start": world.start})
    else:
        tables.show_rehearsal(folder, rows, world, name)


@app.command(name="list")
def listed(
    as_of: Annotated[str | None, typer.Option(help="The day to look from. Default: today.")] = None,
    as_json: Annotated[bool, JSON] = False,
) -> None:
    """All experiments: how they stand, whose customers they have, and which slots are free."""
    from restock.infra.experiment_store import read_experiments

    # the one place where today is meant: nothing is computed from it
    today = options.day(as_of) or dt.date.today()
    found = read_experiments(Here.open().store)
    if as_json:
        print_json([{**one.model_dump(mode="json"), "state": one.state(today)} for one in found])
    else:
        tables.show_list(found, today)
