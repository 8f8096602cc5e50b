"""What a command would refuse on Databricks, told here before a cluster starts."""

from collections.abc import Callable
from typing import Any

from restock.cli import backtest, options, search, workers
from restock.cli.output import BadUsage, bad_input

COMMANDS = ("retrain", "search", "drift", "monitor", "backtest", "workers")
FILES = {"orders": "://", "eligibility": "store:"}  # option → what marks no path
OF_SUBMIT = ("--detach", "--nodes")


def _models(text: str) -> None:
    from restock.infra.backtest_wishes import read_model

    with bad_input(ValueError):
        for name in options.words(text) or ():
            read_model(name)


READ: dict[str, Callable[[str], Any]] = {
    "as_of": options.day,
    "since": backtest.since_day,
    "ages": backtest.ages_in_days,
    "models": _models,
    "instead": _models,
    "budget": search.duration,
    "families": lambda text: search.known_families(options.words(text)),
    "on": lambda text: search.placed(options.pairs("--on", text, "als=SPARK,gru=GPU")),
    "offers": workers.resources,
}
"""Parameter → who reads what people write into it. BadUsage for what cannot be read."""


def check(command: list[str]) -> None:
    """BadUsage, or click's own, for options, values and files that are wrong there.

    What only the orders or the store can tell is told there: a market without orders, the name of
    a search to go on with.
    """
    from typer.main import get_group

    from restock.cli.main import app
    from restock.infra.job_environment import check_files_of_databricks

    name, *arguments = command
    if name not in COMMANDS:
        raise BadUsage(f"{name} does not run on Databricks: only {', '.join(COMMANDS)} do")
    for word in arguments:
        if word.partition("=")[0] in OF_SUBMIT:
            raise BadUsage(
                f"{name} has no option {word}; options of submit come before the command, as in "
                f"restock submit databricks --detach {name}"
            )
    with get_group(app).commands[name].make_context(name, arguments) as context:
        given = {key: value for key, value in context.params.items() if value is not None}
    for option in given.keys() & READ.keys():
        READ[option](given[option])
    options.reading(*map(given.get, ("columns", "time_format", "delimiter", "encoding")))
    settings = options.settings(given.get("runner"), debug=False)
    search.known_markets(options.codes(given.get("markets")), given.get("orders"), settings)
    _joins(name, settings.runner)
    with bad_input(ValueError):
        check_files_of_databricks(settings)
    for option in given.keys() & FILES.keys():
        _is_seen(option, given[option])


def _joins(command: str, runner: str) -> None:
    from restock.infra.runners import OWN_RUNNERS

    if command == "workers" and runner in OWN_RUNNERS:
        raise BadUsage("workers join a scheduler: name it, as in --runner tls://10.0.0.1:8786")


def _is_seen(option: str, place: str) -> None:
    from restock.infra.job_environment import MOUNTS, is_below

    if FILES[option] in place or is_below(place, MOUNTS):
        return
    raise BadUsage(
        f"--{option} {place} is a file of this machine: name one that the cluster sees, as in "
        f"/Volumes/CATALOG/SCHEMA/VOLUME/{option}.parquet"
    )
