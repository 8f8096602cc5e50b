"""What ``restock experiment`` says to people."""

import datetime as dt
from collections.abc import Sequence
from pathlib import Path
from typing import TYPE_CHECKING

from rich.markup import escape
from rich.table import Table

from restock.cli.output import console

if TYPE_CHECKING:
    from restock.evaluation.experiments.record import Experiment
    from restock.infra.experiment_assigning import Assigned
    from restock.infra.experiment_design import Design
    from restock.infra.experiment_rehearsal import World
    from restock.infra.experiment_result import ExperimentResult

UNEVEN = 3.0
"""Standard errors beyond which a difference before the start is pointed out."""


def show_design(found: "Design", name: str | None) -> None:
    """The table of weeks, and what follows from it."""
    experiment = found.experiment
    clustered = experiment.unit == "cluster"
    table = _table(
        f"{experiment.metric} per {'order' if '_per_' in experiment.metric else 'customer'}, "
        f"{', '.join(experiment.markets)}: {found.power:.0%} power, level {found.alpha:.3g}",
        "weeks", "CUPED", "customers there are", "smallest effect they find",
        f"customers for {experiment.effect:.1%}", "in the smaller arm",
        *(["clusters for it", "design effect"] if clustered else []), "enough",
    )  # fmt: skip
    for row in found.rows:
        more = [f"{row.clusters:,}", f"{row.design_effect:.2f}"] if clustered else []
        table.add_row(
            str(row.weeks), "with" if row.cuped else "without", f"{row.customers:,}",
            f"{row.smallest:.1%}", f"{row.needed:,}", f"{row.each:,}", *more,
            "[green]yes[/]" if row.enough else "[red]no[/]",
        )  # fmt: skip
    console.print(table)
    _say(f"{found.advice}.")
    if name and found.weeks is None:
        _say(f"Saved as a draft, which should not run as it is: design {name} again.")
    elif name:
        _say(
            f"Saved as a draft. Next: restock experiment assign {name} --start DAY "
            f"--days {7 * (found.weeks or 0)}"
        )


def show_assigned(account: "Assigned", out: Path | None) -> None:
    """Counts, shares and what the arms bought before."""
    experiment = account.experiment
    columns = list(dict.fromkeys(one.column for one in account.balance))
    table = _table(
        f"{experiment.name}, {experiment.start} to {experiment.end}",
        "arm", "share", "customers", *(f"{name} before" for name in columns),
    )  # fmt: skip
    for arm, share in experiment.arms.items():
        mine = {one.column: one for one in account.balance if one.arm == arm}
        cells = []
        for column in columns:
            text = f"{mine[column].mean:,.4g}"
            if arm != experiment.control:
                text += f" ({mine[column].z:+.1f} s.e.)"
            cells.append(f"[red]{text}[/]" if abs(mine[column].z) > UNEVEN else text)
        table.add_row(escape(arm), f"{share:.1%}", f"{account.counts[arm]:,}", *cells)
    console.print(table)
    first, last = experiment.slots or (0, 0)
    _say(f"Layer {experiment.layer}: slots {first} to {last} of 1,000 are taken.")
    _say(_ratio(account.sample_ratio_p))
    if account.without_cluster:
        _say(f"{account.without_cluster:,} customers have no cluster and take no part.")
    if out is not None:
        _say(f"Who is in which arm: {out}")


def show_analysis(result: "ExperimentResult", address: str) -> None:
    """Soundness, effects, the decision and where the page is."""
    from restock.infra.experiment_page import DECISIONS, effect, in_words, p_value

    analysis = result.analysis
    counts = ", ".join(f"{arm} {count:,}" for arm, count in analysis.counts.items())
    _say(f"{result.experiment.name} before {result.as_of}, {result.state}: {counts} customers.")
    _say(_ratio(analysis.sample_ratio_p))
    for name in dict.fromkeys(one.arm for one in analysis.effects):
        table = _table(
            f"{name} against {result.experiment.control}",
            "metric", "role", "effect (95 %)", "on all days", "p, corrected", "noise taken away",
        )  # fmt: skip
        for one in (each for each in analysis.effects if each.arm == name):
            colour = {True: "green", False: "red", None: "default"}[one.good]
            less = one.variance_reduction
            table.add_row(
                one.metric, one.role, f"[{colour}]{effect(one)}[/]", effect(one, True),
                "" if one.role == "guardrail" else p_value(one.p_adjusted),
                "" if less is None else f"{100 * less:.0f} %",
            )  # fmt: skip
        console.print(table)
    for arm in result.shown:
        _say(
            f"{arm.arm}: {arm.customers:,} customers were shown {arm.items:,} items: "
            f"{arm.clicks:,} clicks, {arm.orders:,} orders"
            + (f"; {arm.others:,} saw another arm's lists" if arm.others else "")
        )
    console.print(f"[bold]Decision: {DECISIONS[analysis.decision]}.[/] {in_words(analysis)}")
    for reason in (*analysis.reasons, *result.notes):
        _say(f"- {reason}")
    if result.entry is not None:
        _say(f"In the ledger: log lift {result.entry.lift:+.4f} ± {result.entry.error:.4f}.")
    _say(f"The page: {address}")


def show_rehearsal(folder: Path, rows: dict[str, int], world: "World", name: str | None) -> None:
    """What was written, and what to do with it."""
    written = ", ".join(f"{folder / file} ({count:,} rows)" for file, count in rows.items())
    _say(f"Written: {written}.")
    orders = folder / "orders.parquet"
    if name is None:
        _say(
            f"An experiment can start on {world.start}. Next: restock experiment design NAME "
            f"--orders {orders} --markets {','.join(world.customers)} --arms control=…,treatment=…"
        )
    else:
        _say(
            f"Next: restock experiment analyze {name} --orders {orders} "
            f"--exposures {folder / 'exposures.parquet'} --as-of DAY"
        )


def show_list(found: "Sequence[Experiment]", today: dt.date) -> None:
    """One line for each experiment."""
    if not found:
        _say("There is no experiment yet: restock experiment design NAME --markets … --arms …")
        return
    table = _table(
        f"Experiments on {today}",
        "name", "state", "markets", "days", "layer", "slots", "metric", "arms",
    )  # fmt: skip
    for one in found:
        arms = ", ".join(
            f"{arm} {share:.0%}" + (f" {one.plans[arm].label}" if arm in one.plans else "")
            for arm, share in one.arms.items()
        )
        table.add_row(
            one.name, one.state(today), ", ".join(one.markets),
            f"{one.start} to {one.end}" if one.start else "", one.layer,
            f"{one.slots[0]}–{one.slots[1]}" if one.slots else f"{one.share:.1%}",
            one.metric, escape(arms),
        )  # fmt: skip
    console.print(table)


def _ratio(p: float) -> str:
    if p < 0.001:
        return (
            f"The arms did NOT get their shares (p = {p:.1g}): find out where customers were lost "
            "before anything else."
        )
    return f"The arms got their shares (p = {p:.2f})."


def _table(title: str, *columns: str) -> Table:
    table = Table(title=escape(title), header_style="bold")
    for name in columns:
        table.add_column(name, overflow="fold")
    return table


def _say(text: str) -> None:
    console.print(escape(text), soft_wrap=True, highlight=False)
