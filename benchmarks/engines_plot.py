"""Best value so far over trials, as a picture: a panel per model, a line per engine."""

from collections.abc import Mapping
from pathlib import Path

import numpy as np
from numpy.typing import NDArray

COLOURS = ("#9ca3af", "#e4572e", "#f0a202", "#1f2937")
FIRST = 5  # trial from which on lines are drawn: before, they fall off the panel


def draw(races: Mapping[str, Mapping[str, NDArray[np.float64]]], folder: Path) -> None:
    """``engines.png``. races: model → engine → best value so far (seeds × trials).

    Lines are means over seeds, bands one standard error around them.
    """
    from matplotlib.figure import Figure as Picture

    picture = Picture(figsize=(11, 4), layout="constrained")
    panels = picture.subplots(1, len(races), squeeze=False)[0]
    for panel, (model, curves) in zip(panels, races.items(), strict=True):
        for colour, (engine, curve) in zip(COLOURS, curves.items(), strict=True):
            shown = curve[:, FIRST - 1 :]
            trials = np.arange(FIRST, curve.shape[1] + 1)
            mean, error = shown.mean(axis=0), shown.std(axis=0, ddof=1) / len(shown) ** 0.5
            panel.plot(trials, mean, color=colour, label=engine)
            panel.fill_between(trials, mean - error, mean + error, color=colour, alpha=0.15, lw=0)
        panel.set_title(model)
        panel.set_xlabel("trials")
        panel.grid(alpha=0.25)
        panel.spines[["top", "right"]].set_visible(False)
    panels[0].set_ylabel("best log-lift so far")
    panels[-1].legend(frameon=False, fontsize="small", loc="lower right")
    folder.mkdir(parents=True, exist_ok=True)
    picture.savefig(folder / "engines.png", dpi=120)
