"""How commands speak: tables for people, JSON for machines, errors without a traceback."""

import json
import sys
from collections.abc import Iterator
from contextlib import contextmanager, suppress
from typing import Any

import typer
from rich.console import Console
from rich.markup import escape

# a file or a pipe has no width of its own: wide enough for the table of markets
console = Console(width=None if sys.stdout.isatty() else 180)
errors = Console(stderr=True)

JSON = typer.Option("--json", help="Print JSON for machines.")
TRACEBACK = False  # set by ``restock --traceback``; see ``traceback``


class BadUsage(Exception):
    """Wrong usage or bad input: the message names the thing, the cause and the remedy."""


def traceback() -> bool:
    """Whether an error says where in the code it arose: the option, or the setting.

    Settings are read when something went wrong, so that help stays quick; wrong ones say no.
    """
    from restock.infra.settings import SettingsError, load_settings

    with suppress(SettingsError):
        return TRACEBACK or load_settings().traceback
    return False


def print_json(value: Any) -> None:
    """Print a value as JSON on standard output."""
    typer.echo(json.dumps(value, default=str, indent=1))


def failed(message: str) -> None:
    """Say on standard error what went wrong."""
    errors.print(f"[bold red]error[/]: {escape(message)}", highlight=False, soft_wrap=True)


@contextmanager
def bad_input(*kinds: type[Exception]) -> Iterator[None]:
    """Turn these exceptions into BadUsage, so that people see a sentence, not a traceback."""
    try:
        yield
    except kinds as error:
        if traceback():
            raise
        message = error.args[0] if isinstance(error, KeyError) and error.args else error
        raise BadUsage(_faults(error) or str(message)) from error


def _faults(error: Exception) -> str:
    """What a record refused, fault by fault, without what only programmers need."""
    from pydantic import ValidationError

    found = []
    for one in error.errors() if isinstance(error, ValidationError) else ():
        about = ".".join(str(part) for part in one["loc"])
        said = one["msg"].removeprefix("Value error, ")
        found.append(f"{about} {one['input']!r}: {said}" if about else said)
    return "; ".join(found)
