"""What a night costs: the whole command, servers and cluster started inside, on this machine.

    python -m restock.benchmarks.night [--json] [--only FIGURE …]

night_seconds      `restock retrain` on all bundled orders, from the shell and back
model_seconds      of these, while orders are read, candidates judged, chosen or refitted
platform_seconds   the rest: imports, servers, cluster, publishing, report, tracking
startup_seconds    of these, until the first task begins
prefect_task_runs  of that night
peak_mb            proportional set size over all processes of the night, sampled
second_night_seconds  the next night on a standing platform (`restock up`)
growth_40_to_160   log-log slope of night_seconds over simulated markets
"""

import argparse
import json
import math
import os
import sqlite3
import subprocess
import sys
import tempfile
import threading
import time
from collections.abc import Callable, Sequence
from contextlib import suppress
from dataclasses import dataclass
from datetime import datetime
from pathlib import Path

import psutil

from restock.benchmarks.figures import Figure, report

COMMAND = [str(Path(sys.executable).parent / "restock")]
WORK = ("ingest", "judge", "choose", "refit")


@dataclass(frozen=True)
class Night:
    """One timed run of ``restock retrain``."""

    seconds: float
    model_seconds: float
    startup_seconds: float
    task_runs: int
    peak_mb: float


def main() -> None:
    """Run the benchmark."""
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=_Verbatim)
    parser.add_argument("--json", action="store_true", help="one line of JSON per figure")
    parser.add_argument("--only", nargs="*", choices=sorted(_PARTS), help="parts to run")
    options = parser.parse_args()
    figures = [
        figure
        for name, part in _PARTS.items()
        if name in (options.only or _PARTS)
        for figure in part()
    ]
    report(figures, options.json)


def _cold() -> list[Figure]:
    with tempfile.TemporaryDirectory() as folder:
        night = _run(Path(folder))
    return [
        _figure("night_seconds", night.seconds, "s"),
        _figure("model_seconds", night.model_seconds, "s"),
        _figure("platform_seconds", night.seconds - night.model_seconds, "s"),
        _figure("startup_seconds", night.startup_seconds, "s"),
        _figure("prefect_task_runs", night.task_runs, "runs"),
        _figure("peak_mb", night.peak_mb, "MB"),
    ]


def _standing() -> list[Figure]:
    with tempfile.TemporaryDirectory() as folder:
        home = Path(folder)
        _restock(home, "up")
        try:
            _restock(home, "retrain", "--as-of", "2011-12-09")
            started = time.monotonic()
            _restock(home, "retrain")
            seconds = time.monotonic() - started
        finally:
            _restock(home, "down")
    return [_figure("second_night_seconds", seconds, "s")]


def _growth() -> list[Figure]:
    from restock.dataset import simulate

    seconds = {}
    with tempfile.TemporaryDirectory() as folder:
        for markets in (40, 160):
            orders = Path(folder) / f"{markets}.parquet"
            world = simulate(markets=markets, customers=100 * markets, items=2000, days=400, seed=1)
            world.orders.to_parquet(orders, index=False)
            home = Path(folder) / str(markets)
            seconds[markets] = _run(home, "--orders", str(orders)).seconds
    slope = math.log(seconds[160] / seconds[40]) / math.log(4)
    return [
        *(_figure(f"night_seconds_{n}_markets", value, "s") for n, value in seconds.items()),
        _figure("growth_40_to_160", slope, "log-log slope"),
    ]


_PARTS: dict[str, Callable[[], Sequence[Figure]]] = {
    "cold": _cold,
    "standing": _standing,
    "growth": _growth,
}


def _run(home: Path, *arguments: str) -> Night:
    """Time a night that starts everything itself."""
    began, started = time.time(), time.monotonic()
    process = subprocess.Popen(
        [*COMMAND, "retrain", "--json", *arguments],
        env=_environment(home),
        stdout=subprocess.PIPE,
        text=True,
    )
    peak = _Peak(process.pid)
    out, _ = process.communicate()
    seconds = time.monotonic() - started
    peak.stop()
    outcomes = json.loads(out)["markets"]
    if process.returncode or any(one["state"] != "published" for one in outcomes):
        raise RuntimeError("the night did not publish every market; see its output")
    spans = _task_runs(home)
    return Night(
        seconds=seconds,
        model_seconds=_covered([(a, b) for name, a, b in spans if name.startswith(WORK)]),
        startup_seconds=min(a for _, a, _ in spans) - began,
        task_runs=len(spans),
        peak_mb=peak.mb,
    )


def _restock(home: Path, *arguments: str) -> None:
    subprocess.run(
        [*COMMAND, *arguments], env=_environment(home), check=True, stdout=subprocess.DEVNULL
    )


def _environment(home: Path) -> dict[str, str]:
    env = {k: v for k, v in os.environ.items() if not k.startswith(("RESTOCK_", "PREFECT_"))}
    return {**env, "RESTOCK_HOME": str(home)}


def _task_runs(home: Path) -> list[tuple[str, float, float]]:
    """Name, start and end (seconds since 1970) of every task run, as the server knows them."""
    database = home / "prefect" / "prefect.db"
    with sqlite3.connect(f"file:{database}?mode=ro", uri=True) as connection:
        rows = connection.execute(
            "select name, start_time, end_time from task_run where end_time is not null"
        ).fetchall()
    return [(name, _seconds(start), _seconds(end)) for name, start, end in rows]


def _seconds(text: str) -> float:
    moment = datetime.fromisoformat(text)
    return (moment if moment.tzinfo else moment.replace(tzinfo=_UTC)).timestamp()


_UTC = datetime.fromisoformat("2000-01-01T00:00:00+00:00").tzinfo


def _covered(spans: list[tuple[float, float]]) -> float:
    """The length of the union of intervals."""
    total, reached = 0.0, -math.inf
    for start, end in sorted(spans):
        total += max(0.0, end - max(start, reached))
        reached = max(reached, end)
    return total


class _Peak:
    """Samples the proportional set size of a process and all its children."""

    def __init__(self, pid: int) -> None:
        self.mb = 0.0
        self._root = psutil.Process(pid)
        self._stop = threading.Event()
        self._thread = threading.Thread(target=self._sample, daemon=True)
        self._thread.start()

    def _sample(self) -> None:
        while not self._stop.wait(0.5):
            total = 0
            with suppress(psutil.NoSuchProcess):
                for process in [self._root, *self._root.children(recursive=True)]:
                    with suppress(psutil.NoSuchProcess, psutil.AccessDenied):
                        total += process.memory_full_info().pss
            self.mb = max(self.mb, total / 1e6)

    def stop(self) -> None:
        """End sampling."""
        self._stop.set()
        self._thread.join()


def _figure(name: str, value: float, unit: str) -> Figure:
    return Figure(figure=name, value=round(value, 2), unit=unit)


class _Verbatim(argparse.RawDescriptionHelpFormatter):
    """Keeps the table in the help."""


if __name__ == "__main__":
    main()
