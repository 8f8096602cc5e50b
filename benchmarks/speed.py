"""How fast is the engine, beside its peers? Ratios from one run, medians of alternating rounds.

    python -m restock.benchmarks.speed [--json] [--only PART …] [--plot FILE]

Each part is a module of ``restock.benchmarks`` with ``figures()``; its docstring names its
figures. Peers live in environments of their own: ``make bench-peers`` installs them. The picture
of growth goes to ``docs/img/speed-engine.png``; with ``--json`` it is drawn only where ``--plot``
says.
"""

from pathlib import Path

from restock.benchmarks.figures import run_parts

PARTS = (
    "speed_sar",
    "speed_sar_recommenders",
    "speed_item_knn",
    "speed_metrics",
    "speed_gate",
    "speed_folds",
    "speed_configs",
    "speed_memory",
    "speed_encoding",
    "speed_snapshot",
    "speed_warm",
    "speed_scale",
    "speed_shards",
)
PICTURE = Path("docs/img/speed-engine.png")


def main() -> None:
    """Run the benchmark."""
    run_parts(__doc__, PARTS, "speed_scale", PICTURE)


if __name__ == "__main__":
    main()
