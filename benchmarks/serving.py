"""``restock serve`` under load on one core, with publications that are swapped meanwhile.

    python -m restock.benchmarks.serving [--json]

100,000 customers are published in one market, ten items each. The server runs as users start it,
pinned to one core with the process beside it; requests come from another process on another core
(``serving_load``: open loop, latency from the time a request was due). Twice in each run a new
publication of all customers becomes current. Then the server is told to end, and the exposures in
the store are counted against the answers.

Each figure is the median of three runs, low and high the least and the greatest.
``most_requests_per_second`` is what the core answers when requests never wait.
"""

import datetime as dt
import json
import os
import signal
import subprocess
import sys
import tempfile
import time
import urllib.request
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path
from statistics import median
from typing import NamedTuple

import numpy as np
import psutil
import pyarrow as pa

from restock.benchmarks.figures import Figure, report, wants_json
from restock.benchmarks.serving_load import MARKET
from restock.infra.exposure_store import read_exposures
from restock.infra.local_store import LocalStore
from restock.infra.publications import current, make_current, stage
from restock.infra.records import About, Manifest, Plan
from restock.models import Candidate

CUSTOMERS, K, ITEMS = 100_000, 10, 5_000
RATE, SECONDS, RUNS, SWAPS = 200.0, 20.0, 3, 2
MOST_RATE, MOST_SECONDS = 20_000.0, 3.0
UNITS = {
    "p99_ms": "ms",
    "p50_ms": "ms",
    "max_ms": "ms",
    "late_p99_ms": "ms, the load's own",
    "requests_per_second": "1/s",
    "most_requests_per_second": "1/s",
    "peak_mb": "MB, the server",
    "beside_peak_mb": "MB, the process beside",
    "swap_errors": "answers",
    "swaps": "publications",
    "exposures_lost": "lists",
}


class Running(NamedTuple):
    """A server on a core of its own."""

    process: "subprocess.Popen[str]"
    port: int

    def peak_mb(self) -> tuple[float, float]:
        """The most memory that the server and the process beside it had."""
        (beside,) = psutil.Process(self.process.pid).children()
        return _peak_mb(self.process.pid), _peak_mb(beside.pid)


def figures() -> Iterator[Figure]:
    """All figures, when all runs are done."""
    cores = sorted(os.sched_getaffinity(0))
    if len(cores) < 2:
        raise SystemExit("this needs two cores: one for the server, one for the load")
    os.sched_setaffinity(0, {cores[1]})
    with tempfile.TemporaryDirectory(prefix="restock-") as home:
        store = LocalStore(Path(home) / "store")
        staged = _stage(store, RUNS * SWAPS + 1)
        make_current(store, staged.pop(0), replaces=None)
        runs = [_run(Path(home), store, staged, cores[0]) for _ in range(RUNS)]
    for name, unit in UNITS.items():
        values = [run[name] for run in runs]
        yield Figure(name, median(values), unit, min(values), max(values))


def _run(home: Path, store: LocalStore, staged: list[Manifest], core: int) -> dict[str, float]:
    before = _exposures(store)
    with _serving(home, core) as running:
        loading = _load(running.port, RATE, SECONDS)
        for _ in range(SWAPS):
            time.sleep(SECONDS / (SWAPS + 1))
            now = current(store, MARKET)
            make_current(store, staged.pop(0), replaces=now.token if now else None)
        steady = json.loads(loading.communicate()[0])
        most = json.loads(_load(running.port, MOST_RATE, MOST_SECONDS).communicate()[0])
        server, beside = running.peak_mb()
        running.process.send_signal(signal.SIGTERM)
        running.process.wait(120)
    answered = steady["answered"] + most["answered"] - steady["wrong"] - most["wrong"]
    return {
        **{name: steady[name] for name in ("p99_ms", "p50_ms", "max_ms", "late_p99_ms")},
        "requests_per_second": steady["answered"] / steady["seconds"],
        "most_requests_per_second": most["answered"] / most["seconds"],
        "peak_mb": server,
        "beside_peak_mb": beside,
        "swap_errors": steady["wrong"] + most["wrong"],
        "swaps": len(steady["publications"]) - 1,
        "exposures_lost": answered - (_exposures(store) - before),
    }


def _stage(store: LocalStore, publications: int) -> list[Manifest]:
    """Publications that differ in all items, each a day newer."""
    return [
        stage(
            store,
            MARKET,
            f"run-{day}",
            _rows(str(day)),
            About(
                as_of=dt.date(2026, 1, 1) + dt.timedelta(days=day),
                k=K,
                model=f"{day:064x}",
                plan=Plan.of(Candidate(name="reorder")),
                snapshot="f" * 64,
            ),
        )
        for day in range(publications)
    ]


def _rows(kind: str) -> pa.Table:
    random = np.random.default_rng(int(kind))
    rows = CUSTOMERS * K
    rank = np.tile(np.arange(1, K + 1, dtype=np.int32), CUSTOMERS)
    first = random.integers(0, ITEMS, CUSTOMERS).repeat(K)
    item = (first + rank * 7) % ITEMS
    times = random.integers(1, 30, rows)
    ids = np.array([f"{kind}-{n:05d}" for n in range(ITEMS)])
    names = np.array([f"PRODUCT NUMBER {n} IN ITS USUAL COLOUR" for n in range(ITEMS)])
    reasons = np.array([f"ordered {n} times, last on 2026-11-{n % 28 + 1:02d}" for n in range(30)])
    return pa.table(
        {
            "market": pa.array([MARKET]).take(pa.array(np.zeros(rows, np.int8))),
            "customer_id": np.array([f"{n:06d}" for n in range(CUSTOMERS)]).repeat(K),
            "rank": rank,
            "item_id": ids[item],
            "item_name": names[item],
            "score": random.random(rows, dtype=np.float32),
            "bought_before": times > 1,
            "reason": reasons[times],
        }
    )


@contextmanager
def _serving(home: Path, core: int) -> Iterator[Running]:
    ours = os.sched_getaffinity(0)
    os.sched_setaffinity(0, {core})  # a child, and its child, are born where we are
    try:
        process = subprocess.Popen(
            [sys.executable, "-m", "restock.cli", "serve", "--port", "0", "--json"],
            env={**os.environ, "RESTOCK_HOME": str(home)},
            stdout=subprocess.PIPE,
            text=True,
        )
    finally:
        os.sched_setaffinity(0, ours)
    try:
        assert process.stdout is not None
        address = json.loads(process.stdout.readline())["address"]
        _wait_until_ready(address)
        yield Running(process, int(address.rpartition(":")[2]))
    finally:
        process.kill()
        process.wait()


def _wait_until_ready(address: str, patience: float = 120.0) -> None:
    until = time.monotonic() + patience
    while time.monotonic() < until:
        try:
            with urllib.request.urlopen(f"{address}/health"):
                return
        except OSError:  # 503 while the publication is read
            time.sleep(0.2)
    raise SystemExit(f"{address} was not ready within {patience:.0f} s")


def _load(port: int, rate: float, seconds: float) -> "subprocess.Popen[str]":
    asked = [str(port), str(CUSTOMERS), str(rate), str(seconds)]
    command = [sys.executable, "-m", "restock.benchmarks.serving_load", *asked]
    return subprocess.Popen(command, stdout=subprocess.PIPE, text=True)


def _exposures(store: LocalStore) -> int:
    log = read_exposures(store, MARKET, dt.date.min, dt.date.max)
    return len(log.groupby(["customer_id", "timestamp"]).size())


def _peak_mb(pid: int) -> float:
    status = Path(f"/proc/{pid}/status").read_text()
    line = next(line for line in status.splitlines() if line.startswith("VmHWM:"))
    return int(line.split()[1]) * 1024 / 1e6


if __name__ == "__main__":
    report(figures(), wants_json(__doc__))
