"""What holds of backtests, off-policy estimates, A/B experiments and the link between them.

Part ope: ``restock.benchmarks.proof_ope``: errors on logged recommendations, coverage of intervals.
Part experiments: ``restock.benchmarks.proof_experiments``: false positives, peeking, CUPED.
Part backtest: ``restock.benchmarks.proof_backtest``: planted leaks, seconds, use of the cores.
Part link: ``restock.benchmarks.proof_link``: predicted beside true lift of known policies.

Each names its figures; ``--only link`` runs one of them.
"""

import argparse
from collections.abc import Iterator
from importlib import import_module

from restock.benchmarks.figures import Figure, report

PARTS = ("ope", "experiments", "backtest", "link")


def figures(parts: list[str]) -> Iterator[Figure]:
    """The figures of these parts, as they are measured."""
    for part in parts:
        yield from import_module(f"restock.benchmarks.proof_{part}").figures()


def main() -> None:
    """Run the benchmark."""
    parser = argparse.ArgumentParser(
        description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter
    )
    parser.add_argument("--json", action="store_true", help="one line of JSON per figure")
    parser.add_argument("--only", nargs="*", choices=PARTS, help="parts to run")
    options = parser.parse_args()
    report(figures([part for part in PARTS if part in (options.only or PARTS)]), options.json)


if __name__ == "__main__":
    main()
