"""How fast are the models? Ratios from one run, and cost as the data grows.

    python -m restock.benchmarks.speed_models [--json] [--only PART …] [--plot FILE]

Each part is a module of ``restock.benchmarks`` with ``figures()``; its docstring names its
figures. The picture of growth goes to ``docs/img/speed-models.png``; with ``--json`` it is drawn
only where ``--plot`` says.
"""

from pathlib import Path

from restock.benchmarks.figures import run_parts

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


def main() -> None:
    """Run the benchmark."""
    run_parts(__doc__, PARTS, "speed_growth", PICTURE)


if __name__ == "__main__":
    main()
