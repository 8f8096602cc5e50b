"""polars: leave the last line out, and folds by time."""

from collections.abc import Callable
from pathlib import Path
from typing import Any

import numpy as np
import polars as pl

NAMES = ("customer", "item", "order", "minute", "quantity", "value")


def last_one(folder: Path) -> Callable[[], dict[str, Any]]:
    """Each customer's last line apart from the lines before it."""
    lines = frame(folder)

    def work() -> dict[str, Any]:
        place = pl.col("minute").rank("ordinal", descending=True).over("customer")
        ranked = lines.with_columns(place.alias("place"))
        train, test = ranked.filter(pl.col("place") > 1), ranked.filter(pl.col("place") <= 1)
        return {"lines": np.array([train.height, test.height])}

    return work


def folds(folder: Path, cutoffs: list[int], horizon: int) -> Callable[[], dict[str, Any]]:
    """The lines before each cut-off, and those of the horizon after it."""
    lines, minute = frame(folder), pl.col("minute")

    def work() -> dict[str, Any]:
        cuts = [
            (
                lines.filter(minute < at),
                lines.filter((minute >= at) & (minute < at + horizon)),
            )
            for at in cutoffs
        ]
        return {"lines": np.array([[train.height, test.height] for train, test in cuts])}

    return work


def frame(folder: Path) -> pl.DataFrame:
    """The order lines, all columns."""
    return pl.DataFrame({name: np.load(folder / f"{name}.npy") for name in NAMES})
