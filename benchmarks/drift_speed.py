"""The table of column tests beside Evidently's preset, on the same two tables.

speed_vs_evidently   CPU seconds of Evidently (forced to ks and psi) over ours, on one thread
columns_seconds      ours
columns_megabytes    the most memory that ours takes beyond the tables, in a process of its own

Agreement, checked before the clock starts: the share of columns that both put on the same side
of the threshold. Evidently's page and its histograms are part of its preset; they cannot be
turned off.
"""

import os
import subprocess
import sys
import time
from collections.abc import Callable, Iterator
from pathlib import Path

import numpy as np
import pandas as pd

from restock.benchmarks.figures import Figure
from restock.monitoring.columns import compare_columns

ROWS = 1_000_000
NUMBERS, LEVELS = 12, 8
ROUNDS = 3
MEMORY = """
from restock.benchmarks.drift_speed import forget_peak, held, tables
from restock.monitoring.columns import compare_columns
reference, current = tables({rows})
compare_columns(reference[:1000], current[:1000])
forget_peak()
before = held("VmRSS")
compare_columns(reference, current)
print(held("VmHWM") - before)
"""


def figures(rows: int = ROWS, rounds: int = ROUNDS) -> Iterator[Figure]:
    """All figures."""
    reference, current = tables(rows)
    small = reference.head(2000), current.head(2000)
    compare_columns(*small)
    _evidently(*small)  # imports and compiles
    ours = {shift.column: shift.drifted for shift in compare_columns(reference, current)}
    theirs = _evidently(reference, current)
    agreement = float(np.mean([ours[name] == theirs[name] for name in ours]))
    mine, their = [], []
    for _ in range(rounds):
        mine.append(_seconds(lambda: compare_columns(reference, current)))
        their.append(_seconds(lambda: _evidently(reference, current)))
    seconds = float(np.median(mine))
    yield Figure(
        "speed_vs_evidently",
        float(np.median(their)) / seconds,
        "ratio",
        min(their) / max(mine),
        max(their) / min(mine),
        peer="evidently",
        agreement=agreement,
    )
    yield Figure("columns_seconds", round(seconds, 2), "CPU s", min(mine), max(mine))
    yield Figure("columns_megabytes", round(_megabytes(rows)), "MB")


def tables(rows: int) -> tuple[pd.DataFrame, pd.DataFrame]:
    """Numbers of several shapes, texts with 5 to 80 levels; every other column has moved."""
    rng = np.random.default_rng(0)
    reference, current = {}, {}
    for n in range(NUMBERS):
        shift = 0.05 * (n % 2)
        draw = (rng.normal, rng.lognormal)[n % 4 // 2]
        reference[f"number {n}"] = draw(size=rows)
        current[f"number {n}"] = draw(size=rows) + shift
    for n in range(LEVELS):
        names = np.array([f"level {at}" for at in range(5 + 10 * n)], dtype=object)
        weights = 1.0 / np.arange(1, names.size + 1)
        moved = weights[::-1] if n % 2 else weights
        for table, weight in ((reference, weights), (current, moved)):
            table[f"text {n}"] = names[rng.choice(names.size, rows, p=weight / weight.sum())]
    return pd.DataFrame(reference), pd.DataFrame(current)


def forget_peak() -> None:
    """Start the account of this process's memory anew (Linux)."""
    Path("/proc/self/clear_refs").write_text("5")


def held(what: str) -> float:
    """Memory of this process in MB: ``VmRSS`` now, ``VmHWM`` at the most since the last account."""
    lines = Path("/proc/self/status").read_text().splitlines()
    return next(float(line.split()[1]) for line in lines if line.startswith(what)) / 1024


def _evidently(reference: pd.DataFrame, current: pd.DataFrame) -> dict[str, bool]:
    """Column → whether Evidently takes it to have drifted."""
    os.environ.setdefault("DO_NOT_TRACK", "1")
    from evidently import DataDefinition, Dataset, Report
    from evidently.presets import DataDriftPreset

    definition = DataDefinition(
        numerical_columns=[name for name in reference.columns if str(name).startswith("number")],
        categorical_columns=[name for name in reference.columns if str(name).startswith("text")],
    )
    done = Report([DataDriftPreset(num_method="ks", cat_method="psi")]).run(
        Dataset.from_pandas(current, definition), Dataset.from_pandas(reference, definition)
    )
    found = {}
    for metric in done.dict()["metrics"]:
        column = metric["config"].get("column")
        if column is not None:
            value = float(metric["value"])
            found[column] = value <= 0.05 if column.startswith("number") else value >= 0.1
    return found


def _seconds(work: Callable[[], object]) -> float:
    start = time.process_time()
    work()
    return time.process_time() - start


def _megabytes(rows: int) -> float:
    done = subprocess.run(
        [sys.executable, "-c", MEMORY.format(rows=rows)], capture_output=True, text=True, check=True
    )
    return float(done.stdout)
