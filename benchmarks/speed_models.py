"""How fast are the models? Ratios from one run, and cost as the data grows.

    python -m restock.benchmarks.speed_models [--json] [--only PART …] [--plot FILE]

Each part is a module of ``restock.benchmarks`` with ``figures()``; its docstring names its
figures. The picture of growth goes to ``docs/img/speed-models.png``; with ``--json`` it is drawn
only where ``--plot`` says.
"""

import argparse
from collections.abc import Iterator, Sequence
from importlib import import_module
from pathlib import Path

from restock.benchmarks.figures import Figure, report

PARTS = (
    "speed_tifu_knn",
    "speed_ease",
    "speed_als",
    "speed_gru",
    "speed_wide_deep",
    "speed_rerank",
    "speed_sharing",
    "speed_growth",
)
PICTURE = Path("docs/img/speed-models.png")


def figures(parts: Sequence[str] = PARTS) -> Iterator[Figure]:
    """The figures of these parts, in order."""
    for part in parts:
        yield from import_module(f"restock.benchmarks.{part}").figures()


def main() -> None:
    """Run the benchmark."""
    parser = argparse.ArgumentParser(
        description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter
    )
    parser.add_argument("--json", action="store_true", help="one line of JSON per figure")
    parser.add_argument("--only", nargs="+", choices=PARTS, default=PARTS, help="parts to run")
    parser.add_argument("--plot", type=Path, help="where the picture of growth goes")
    options = parser.parse_args()
    report(figures(options.only), options.json)
    to = options.plot or (None if options.json else PICTURE)
    if to and "speed_growth" in options.only:
        from restock.benchmarks.speed_growth import draw

        draw(to)


if __name__ == "__main__":
    main()
