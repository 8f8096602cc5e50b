"""``restock properties``: property-based tests on all cores, or on a whole cluster."""

from pathlib import Path
from typing import Annotated

import typer

from restock.cli.options import Runner
from restock.cli.output import JSON, bad_input, console, print_json


def properties(
    tests: Annotated[
        list[Path], typer.Argument(help="Files of tests, as tests/models/test_sar.py.")
    ],
    seeds: Annotated[int, typer.Option(min=1, help="How many seeds to try, each on its own.")] = 8,
    first: Annotated[int, typer.Option(min=0, help="The first of them.")] = 0,
    runner: Runner = None,
    json: Annotated[bool, JSON] = False,
) -> None:
    """Look for an example that breaks a property, with as many workers as there are.

    Runs the hypothesis tests of the files once with every seed: another seed tries other
    examples. Exit 1 when a property does not hold; its smallest example is shown, and the
    command that gives it again on this machine.
    """
    from rich.markup import escape
    from rich.progress import Progress

    from restock.cli.output import errors
    from restock.infra.property_runs import PLUGIN, pack, try_properties
    from restock.infra.settings import load_settings

    with bad_input(ValueError, ImportError, OSError):
        settings = load_settings(runner=runner)
        suite = pack(tests)
        with Progress(console=errors, disable=json) as bar:
            task = bar.add_task("seeds", total=seeds)
            found = try_properties(
                suite,
                range(first, first + seeds),
                settings,
                lambda done: bar.update(task, completed=done),
            )
    if json:
        print_json(found._asdict() | {"falsified": [one._asdict() for one in found.falsified]})
    for one in () if json else found.falsified:
        seed, name = one.seeds[0], one.test.rpartition("::")[2]
        console.print(f"[bold red]{escape(one.test)}[/] does not hold: seeds {list(one.seeds)}")
        console.print(one.example, markup=False, highlight=False)
        files = " ".join(map(str, tests))
        again = f"pytest -p {PLUGIN} {files} -k {name} --hypothesis-seed={seed}"
        console.print(f"  again: {again}\n", markup=False, soft_wrap=True)
    if not json and not found.falsified:
        console.print(f"{found.tests} properties, {found.seeds} seeds: all hold")
    if found.falsified:
        raise typer.Exit(1)
