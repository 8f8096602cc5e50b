"""What the daily check costs: the whole command, its server and cluster started inside.

daily_check_seconds   ``restock drift`` on the bundled orders of all markets, pages included, after
                      a night of retraining; by its own clock
daily_command_seconds the same from the shell and back
"""

import json
import os
import subprocess
import sys
import tempfile
import time
from collections.abc import Iterator
from pathlib import Path
from typing import Any

from restock.benchmarks.figures import Figure

COMMAND = str(Path(sys.executable).parent / "restock")
NIGHT, DAY = "2011-11-01", "2011-12-01"


def figures() -> Iterator[Figure]:
    """Both, of one run in a home folder of its own."""
    with tempfile.TemporaryDirectory(prefix="restock-") as home:
        _run(home, "retrain", "--as-of", NIGHT)
        start = time.perf_counter()
        watch = _run(home, "drift", "--as-of", DAY, "--report")
        seconds = time.perf_counter() - start
    yield Figure("daily_check_seconds", float(watch["seconds"]), "s")
    yield Figure("daily_command_seconds", round(seconds, 1), "s")


def _run(home: str, *arguments: str) -> dict[str, Any]:
    done = subprocess.run(
        [COMMAND, *arguments, "--json"],
        env={**os.environ, "RESTOCK_HOME": home},
        capture_output=True,
        text=True,
        check=False,
    )
    if done.returncode:
        raise RuntimeError(f"restock {' '.join(arguments)} failed: {done.stderr[-2000:]}")
    return dict(json.loads(done.stdout))
