"""``restock recommend``, ``history`` and ``rollback``: what is published, was, and should be."""

from collections.abc import Sequence
from difflib import get_close_matches
from typing import Annotated, Any

import typer
from rich.markup import escape
from rich.table import Table

from restock.cli.output import JSON, BadUsage, bad_input, console, print_json

MARKET = typer.Option(help="Code of the market, as in FR.")


def recommend(
    market: Annotated[str, MARKET],
    customer: Annotated[str, typer.Option(help="Id of the customer, as in the orders.")],
    k: Annotated[int, typer.Option("-k", min=1, help="How many items.")] = 10,
    as_json: Annotated[bool, JSON] = False,
) -> None:
    """Show what a customer is offered in the current publication of a market."""
    from restock.infra import publication_table as t
    from restock.infra.publications import current, read_customer

    store, bad = _store()
    with bad:
        known_market(store, market)
        rows = read_customer(store, market, customer)
        known = rows.num_rows > 0
        if not known:
            rows = read_customer(store, market, t.UNKNOWN_CUSTOMER)
        pointer = current(store, market)
    items = rows.slice(0, k).select(
        [t.RANK, t.ITEM, t.ITEM_NAME, t.SCORE, t.BOUGHT_BEFORE, t.REASON]
    )
    if as_json:
        about = pointer.model_dump(mode="json") if pointer else {}
        publication = {key: about.get(key) for key in ("token", "as_of", "model")}
        print_json(
            {
                "market": market,
                "customer": customer,
                "known": known,
                "publication": publication,
                "items": items.to_pylist(),
            }
        )
        return
    title = f"{market}, customer {customer}"
    if not known:
        title += " (not known here: what is popular in the market)"
    table = Table(title=escape(title), header_style="bold")
    for name, justify in (("", "right"), ("item", "left"), ("name", "left"), ("score", "right")):
        table.add_column(name, justify=justify)  # type: ignore[arg-type]
    table.add_column("bought before")
    table.add_column("reason")
    for row in items.to_pylist():
        table.add_row(
            str(row[t.RANK]),
            escape(row[t.ITEM]),
            escape(row[t.ITEM_NAME] or ""),
            f"{row[t.SCORE]:.3f}",
            "yes" if row[t.BOUGHT_BEFORE] else "new",
            escape(row[t.REASON]),
        )
    console.print(table)


def history(market: Annotated[str, MARKET], as_json: Annotated[bool, JSON] = False) -> None:
    """List the publications of a market, newest first."""
    from restock.infra.publications import history as steps_of

    store, bad = _store()
    with bad:
        known_market(store, market)
        steps = steps_of(store, market)
    if as_json:
        print_json([step.model_dump(mode="json") for step in steps])
        return
    if not steps:
        console.print(f"Nothing is published in {market}: run restock retrain --markets {market}")
        return
    table = Table(title=f"Publications of {market}", header_style="bold")
    for name in ("when (UTC)", "what", "publication", "orders before", "plan"):
        table.add_column(name)
    for at, step in enumerate(steps):
        mark = " (current)" if at == 0 else ""
        table.add_row(
            f"{step.at:%Y-%m-%d %H:%M:%S}",
            f"{step.action}{mark}",
            escape(step.token),
            str(step.as_of),
            escape(step.plan_key),
        )
    console.print(table)


def rollback(
    market: Annotated[str, MARKET],
    plan: Annotated[
        bool, typer.Option("--plan", help="Return to the plan before, past its refits.")
    ] = False,
    as_json: Annotated[bool, JSON] = False,
) -> None:
    """Return a market to the publication before the current one, or to the plan before.

    A plan that is left by it is barred: it may come back when its evidence has changed. Where
    the publication before is of the same plan, the next night refits and publishes that plan.
    """
    from restock.infra.champions import rollback as roll_back
    from restock.infra.settings import load_settings
    from restock.infra.tracking import point_champion

    store, bad = _store()
    settings = load_settings()
    with bad:
        known_market(store, market)
        champion = roll_back(store, market, to_plan_before=plan)
        point_champion(settings, market, champion.publication)
    if as_json:
        print_json(champion.model_dump(mode="json"))
        return
    console.print(
        f"{market} is back at publication {escape(champion.publication)} "
        f"(orders before {champion.as_of}): {escape(champion.plan.label)}"
    )


def known_market(store: Any, market: str) -> None:
    """BadUsage for a code that is neither declared nor published; it names the nearest one."""
    from restock.infra import publications
    from restock.infra.markets import load_markets
    from restock.infra.settings import load_settings

    declared = list(load_markets(load_settings()))
    if market in declared:
        return
    published = publications.published_markets(store)
    if market in published:
        return
    near = get_close_matches(market.upper(), [*published, *declared], n=1, cutoff=0.5)
    remedy = f"did you mean {near[0]}?" if near else f"published are: {_some(published)}"
    raise BadUsage(f"there is no market {market!r}; {remedy}")


def _some(codes: Sequence[str]) -> str:
    return ", ".join(codes) or "none"


def _store() -> tuple[Any, Any]:
    """The store of the settings, and a context in which its errors are sentences."""
    from restock.infra.settings import SettingsError, load_settings
    from restock.infra.store import StoreError, open_store

    with bad_input(SettingsError, ValueError):
        store = open_store(settings=load_settings())
    return store, bad_input(StoreError, ValueError)
