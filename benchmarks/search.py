"""What a search costs and what it is worth: all figures of ``restock search`` in one command.

    python -m restock.benchmarks.search [--json] [--quick] [--only PART …]

Part fan_out: 40 simulated markets × 6 families × 50 trials through Prefect and Dask.

overhead_ms_per_trial  core time beside fitting, listing and judging, per trial: of all cores and
                       the whole fan-out, without what other programs took (bar: 20)
core_use               share of the cores, others' part left out, that our processes kept busy
                       (bar: .85)
threads_at_work        threads that numeric libraries may use, all workers together: the command
                       fails where that is more than cores

Part halving: ``restock.benchmarks.search_halving``: the same number of trials with successive
halving and a warm start, and with every trial given everything.

compute_share          CPU seconds of the one over those of the other (bar: .40)
quality_kept           utility of its plans over those of the other, on true futures (bar: .995)

Part quality: ``restock.benchmarks.search_quality``: regret, lift_vs_global, lift_vs_naive.
"""

import argparse
from collections.abc import Callable, Iterator

from restock.benchmarks.figures import Figure, report

# Workers import this module too, before their number of threads is set: it must not load numba.


def _fan_out(quick: bool) -> Iterator[Figure]:
    from restock.benchmarks.search_fanout import fan_out

    return fan_out(markets=8 if quick else 40, trials=20 if quick else 50, customers=120)


def _halving(quick: bool) -> Iterator[Figure]:
    from restock.benchmarks.search_halving import halving

    return halving(customers=1500, trials=30 if quick else 240, worlds=1 if quick else 8)


def _quality(quick: bool) -> Iterator[Figure]:
    from restock.benchmarks import search_quality

    return search_quality.online_retail(trials=30) if quick else search_quality.figures()


_PARTS: dict[str, Callable[[bool], Iterator[Figure]]] = {
    "fan_out": _fan_out,
    "halving": _halving,
    "quality": _quality,
}


def main() -> None:
    """Run the benchmark."""
    parser = argparse.ArgumentParser(
        description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter
    )
    parser.add_argument("--json", action="store_true", help="one line of JSON per figure")
    parser.add_argument("--quick", action="store_true", help="smaller, for a first look")
    parser.add_argument("--only", nargs="*", choices=sorted(_PARTS), help="parts to run")
    options = parser.parse_args()
    parts = options.only or _PARTS
    figures = (one for name in _PARTS if name in parts for one in _PARTS[name](options.quick))
    report(figures, options.json)


if __name__ == "__main__":
    main()
