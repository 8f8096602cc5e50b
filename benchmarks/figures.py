"""How a benchmark reports: one line of JSON per figure for machines, a table for people."""

import argparse
import json
import math
from collections.abc import Iterable, Iterator, Sequence
from dataclasses import asdict, dataclass
from importlib import import_module
from pathlib import Path


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


COLUMNS = ("figure", "value", "low", "high", "unit", "peer", "agreement")


def report(figures: Iterable[Figure], as_json: bool) -> None:
    """Print the figures: JSON as they come, or a table when all are there."""
    if as_json:
        for figure in figures:
            print(to_json(figure), flush=True)
        return
    rows = [COLUMNS, *([_text(asdict(figure)[name]) for name in COLUMNS] for figure in figures)]
    widths = [max(len(row[at]) for row in rows) for at in range(len(COLUMNS))]
    for row in rows:
        print(
            "  ".join(cell.ljust(width) for cell, width in zip(row, widths, strict=True)).rstrip()
        )


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
    report(figures_of(options.only), options.json)
    to = options.plot or (None if options.json else picture)
    if to and drawn in options.only:
        import_module(f"restock.benchmarks.{drawn}").draw(to)


def _finite(value: object) -> object:
    return None if isinstance(value, float) and not math.isfinite(value) else value


def _text(value: object) -> str:
    if value is None:
        return ""
    return f"{value:.4g}" if isinstance(value, float) else str(value)
