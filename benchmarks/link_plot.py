"""Draw what is foretold over what is true, before and after ten tests: ``docs/img/link.png``.

python -m restock.benchmarks.link_plot [--to docs/img/link.png]
"""

import argparse
from pathlib import Path

import matplotlib.pyplot as plt
import numpy as np
from matplotlib.axes import Axes

from restock.benchmarks.proof_link import (
    DECLARED,
    ERROR,
    PAIRS,
    SEEDS,
    TESTS,
    Pairs,
    order,
)
from restock.evaluation.folds import FloatArray
from restock.evaluation.link.fit import fit
from restock.evaluation.link.learning import BESIDE

INK, POINT, TESTED = "#1f2937", "#2f6fab", "#e4572e"


def draw(to: Path) -> None:
    """Write the picture, of the first draw of the first world of ``proof_link``."""
    pairs, random = Pairs.make(SEEDS[0]), np.random.default_rng(SEEDS[0])
    drawn = random.choice(pairs.lift.shape[1], PAIRS, replace=False)
    arms = random.choice([-1.0, 1.0], PAIRS)
    deltas, lift = pairs.deltas[drawn] * arms[:, None], pairs.lift[0, drawn] * arms
    errors, measured = pairs.errors[drawn], lift[:TESTS] + ERROR * random.normal(size=TESTS)
    noise = np.full(TESTS, ERROR)
    known = fit(deltas[:TESTS], errors[:TESTS], measured, noise, DECLARED, len(BESIDE))
    mean, _ = known.lifts(deltas, errors)
    figure, axes = plt.subplots(1, 2, figsize=(12, 5.2), constrained_layout=True)
    _panel(axes[0], deltas @ DECLARED, lift, "log utility under the declared weights, offline")
    _panel(axes[1], 100 * mean, lift, f"lift foretold from {TESTS} past tests, %")
    edge = 100 * np.abs(lift).max()
    axes[1].plot([-edge, edge], [-edge, edge], color=INK, lw=1, ls="--")
    axes[1].errorbar(
        100 * mean[:TESTS],
        100 * measured,
        196 * ERROR,
        fmt="o",
        color=TESTED,
        ms=5,
        lw=1,
        label="the past tests, as measured",
    )
    axes[1].legend(frameon=False)
    to.parent.mkdir(parents=True, exist_ok=True)
    figure.savefig(to, dpi=110)
    plt.close(figure)


def _panel(axis: Axes, foretold: FloatArray, lift: FloatArray, label: str) -> None:
    axis.scatter(foretold[TESTS:], 100 * lift[TESTS:], s=14, color=POINT, alpha=0.7)
    axis.axhline(0, color=INK, lw=0.6)
    axis.axvline(0, color=INK, lw=0.6)
    tau, sign = order(foretold[TESTS:], lift[TESTS:])
    axis.set_title(f"tau {tau:.2f}, sign right in {sign:.0%}")
    axis.set_xlabel(label)
    axis.set_ylabel("true lift, %")


def main() -> None:
    """Draw."""
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--to", type=Path, default=Path("docs/img/link.png"))
    draw(parser.parse_args().to)


if __name__ == "__main__":
    main()
