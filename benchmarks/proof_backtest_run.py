"""What a backtest costs: the whole command, its server and cluster started inside.

See ``proof_backtest``, whose parts run and growth these are.
"""

import json
import math
import os
import subprocess
import sys
import tempfile
from collections.abc import Iterator, Sequence
from pathlib import Path
from typing import Any

import numpy as np

from restock.benchmarks.figures import Figure
from restock.dataset import simulate

COMMAND = str(Path(sys.executable).parent / "restock")
WINDOWS = 6
SIZES = (2, 4, 8, 16)
"""Of windows, and of markets, for the growth: each step doubles."""
MODELS = "popular,reorder,item_knn,ease"
CUSTOMERS = 1500


def figures() -> Iterator[Figure]:
    """The bundled orders of all markets, with the default models."""
    result = _backtest("--windows", str(WINDOWS))
    about = f"{len(result['markets'])} markets, {WINDOWS} windows, {len(result['models'])} models"
    yield Figure("backtest_seconds", float(result["seconds"]), "s", agreement=about)
    yield Figure("backtest_core_use", float(result["core_use"]), "of the cores")


def growth() -> Iterator[Figure]:
    """Exponents, from simulated markets of one size."""
    with tempfile.TemporaryDirectory(prefix="restock-") as folder:
        codes = ("AT", "BE", "CH", "DE", "DK", "ES", "FI", "FR",
                 "GB", "GR", "IE", "IT", "NL", "NO", "PT", "SE")  # fmt: skip
        orders = simulate(customers=dict.fromkeys(codes, CUSTOMERS), items=800, days=730).orders
        for name in ("windows", "markets"):
            seconds = []
            for size in SIZES:
                chosen = codes[: size if name == "markets" else 4]
                windows = size if name == "windows" else 2
                file = Path(folder) / f"{len(chosen)}.parquet"
                orders[orders["market"].isin(chosen)].to_parquet(file)
                asked = {"orders": file, "windows": windows, "models": MODELS, "ages": "none"}
                found = _backtest(*(f"--{name}={value}" for name, value in asked.items()))
                seconds.append(float(found["seconds"]))
            shown = ", ".join(f"{size}: {s:.1f} s" for size, s in zip(SIZES, seconds, strict=True))
            yield Figure(
                f"backtest_growth_{name}", exponent(SIZES, seconds), "exponent", agreement=shown
            )


def exponent(sizes: Sequence[int], seconds: Sequence[float]) -> float:
    """p of ``seconds = a + b·size**p`` where every size doubles the one before.

    What a doubling adds is b·(2**p - 1)·size**p: the slope of its logarithm is p, whatever a
    start costs (a). NaN where a larger size was faster.
    """
    added = np.diff(seconds)
    if (added <= 0).any():
        return math.nan
    return float(np.polyfit(np.log(sizes[:-1]), np.log(added), 1)[0])


def _backtest(*arguments: str) -> dict[str, Any]:
    """One run in a home folder of its own."""
    with tempfile.TemporaryDirectory(prefix="restock-") as home:
        done = subprocess.run(
            [COMMAND, "backtest", *arguments, "--json"],
            env={**os.environ, "RESTOCK_HOME": home},
            capture_output=True,
            text=True,
            check=False,
        )
    if done.returncode:
        raise RuntimeError(f"restock backtest {' '.join(arguments)} failed: {done.stderr[-2000:]}")
    return dict(json.loads(done.stdout))
