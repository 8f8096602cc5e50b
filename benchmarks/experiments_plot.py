"""Draw how often tests see what is not there, from the figures of ``proof_experiments``.

python -m restock.benchmarks.proof_experiments --json > figures.jsonl
python -m restock.benchmarks.experiments_plot figures.jsonl
"""

import argparse
import json
from pathlib import Path

import matplotlib.pyplot as plt

ROWS = {
    "revenue per customer, one look": "aa_rate.t",
    "the same with CUPED": "aa_rate.cuped",
    "revenue per order, delta method": "aa_rate.delta",
    "revenue per order, orders as independent": "aa_rate_naive.ratio",
    "stores, by store": "aa_rate.cluster",
    "stores, customers as independent": "aa_rate_naive.cluster",
    "28 daily looks, anytime interval": "peeking_rate",
    "28 daily looks, interval of one look": "peeking_rate_naive",
}
WORLDS = {"": ("#2a6f97", "fitted simulator"), ".online_retail": ("#e4572e", "Online Retail")}


def draw(source: Path, to: Path) -> None:
    """Write the picture: rates with their 95 % intervals, and the 4 to 6 % they should be in."""
    found = {row["figure"]: row for row in map(json.loads, source.read_text().splitlines())}
    figure, axis = plt.subplots(figsize=(8, 4.4), constrained_layout=True)
    axis.axvspan(0.04, 0.06, color="#e5e7eb", lw=0)
    axis.text(0.064, len(ROWS) - 0.42, "4 to 6 %", fontsize=8, color="#4b5563", va="center")
    for shift, (suffix, (colour, label)) in zip((0.13, -0.13), WORLDS.items(), strict=True):
        rows = [found[name + suffix] for name in ROWS.values()]
        places = [len(ROWS) - 1 - at + shift for at in range(len(ROWS))]
        values = [row["value"] for row in rows]
        ends = [
            [value - row["low"] for value, row in zip(values, rows, strict=True)],
            [row["high"] - value for value, row in zip(values, rows, strict=True)],
        ]
        axis.errorbar(values, places, xerr=ends, fmt="o", ms=5, color=colour, label=label)
    axis.set_yticks(range(len(ROWS)), list(reversed(ROWS)))
    axis.set(xlabel="A/A experiments called an effect at 5 %", xlim=(-0.005, 0.3))
    axis.set_ylim(-0.6, len(ROWS) - 0.2)
    axis.xaxis.set_major_formatter(lambda value, _: f"{value:.0%}")
    axis.grid(axis="x", alpha=0.3)
    axis.spines[["top", "right"]].set_visible(False)
    axis.legend(frameon=False, loc="upper right")
    to.parent.mkdir(parents=True, exist_ok=True)
    figure.savefig(to, dpi=110)
    plt.close(figure)


if __name__ == "__main__":
    options = argparse.ArgumentParser(
        description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter
    )
    options.add_argument("source", type=Path)
    options.add_argument("--to", type=Path, default=Path("docs/img/experiment-rates.png"))
    given = options.parse_args()
    draw(given.source, given.to)
