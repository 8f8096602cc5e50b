"""How a benchmark reports: one line of JSON per figure for machines, a table for people."""

import argparse
import json
import math
from collections.abc import Iterable, Iterator, Sequence
from dataclasses import asdict, dataclass
from importlib import import_module
from pathlib import Path


class PeerMissing(FileNotFoundError):
    """Somebody to be compared with is not installed; the message says how to."""


@dataclass(frozen=True)
class Figure:
    """One measured number.

    low, high: the ends of its interval, where it has one. peer: what it was compared with.
    agreement: how far both sides computed the same thing, checked before any clock started.
    """

    figure: str
    value: float
    unit: str
    low: float | None = None
    high: float | None = None
    peer: str | None = None
    agreement: float | str | None = None


COLUMNS = {
    "figure": 36,
    "value": 9,
    "low": 9,
    "high": 9,
    "unit": 10,
    "peer": 26,
    "agreement": 0,
}
"""What is printed of each, and how wide it is in the table."""


def report(figures: Iterable[Figure], as_json: bool) -> None:
    """Print each figure when it is there, for some take minutes: JSON, or a row of a table."""
    if not as_json:
        _print_row(COLUMNS)
    for figure in figures:
        if as_json:
            print(to_json(figure), flush=True)
        else:
            about = asdict(figure)
            _print_row(_text(about[name]) for name in COLUMNS)


def _print_row(cells: Iterable[str]) -> None:
    wide = zip(cells, COLUMNS.values(), strict=True)
    print("  ".join(cell.ljust(width) for cell, width in wide).rstrip(), flush=True)


def to_json(figure: Figure) -> str:
    """One line; a number that is not finite becomes null, which every reader understands."""
    about = asdict(figure)
    return json.dumps({name: _finite(about[name]) for name in COLUMNS})


def wants_json(description: str | None) -> bool:
    """Read a benchmark's command line: ``--json`` or nothing."""
    parser = argparse.ArgumentParser(
        description=description, formatter_class=argparse.RawDescriptionHelpFormatter
    )
    parser.add_argument("--json", action="store_true", help="one line of JSON per figure")
    return bool(parser.parse_args().json)


def figures_of(parts: Sequence[str]) -> Iterator[Figure]:
    """The figures of these modules of ``restock.benchmarks``, in order."""
    for part in parts:
        yield from import_module(f"restock.benchmarks.{part}").figures()


def run_parts(description: str | None, parts: Sequence[str], drawn: str, picture: Path) -> None:
    """Read the command line of a benchmark in parts, report, and draw.

    drawn: the part whose ``draw(to)`` makes ``picture``; with ``--json`` only where ``--plot``
    says.
    """
    parser = argparse.ArgumentParser(
        description=description, formatter_class=argparse.RawDescriptionHelpFormatter
    )
    parser.add_argument("--json", action="store_true", help="one line of JSON per figure")
    parser.add_argument("--only", nargs="+", choices=parts, default=parts, help="parts to run")
    parser.add_argument("--plot", type=Path, help="where the picture of growth goes")
    options = parser.parse_args()
    try:
        report(figures_of(options.only), options.json)
    except PeerMissing as error:
        parser.exit(2, f"{error}\n")
    to = options.plot or (None if options.json else picture)
    if to and drawn in options.only:
        import_module(f"restock.benchmarks.{drawn}").draw(to)


def _finite(value: object) -> object:
    return None if isinstance(value, float) and not math.isfinite(value) else value


def _text(value: object) -> str:
    if value is None:
        return ""
    return f"{value:.4g}" if isinstance(value, float) else str(value)
