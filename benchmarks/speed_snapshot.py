"""How fast does a snapshot open, and what does each process of a node hold of it? 30 M lines.

open_snapshot_ms      from the reference to ``Interactions``, in a process that has opened only a
                      tiny one before; the median of five processes, low: the fastest, high: the
                      slowest
snapshot_mb           the columns of the lines
snapshot_private_mb   what each of four processes that have all read every line holds for itself,
                      at most: the rise of its private pages (USS)
snapshot_node_mb      what the four hold together: the rise of their proportional shares (PSS)
"""

import tempfile
import time
from collections.abc import Iterator
from concurrent.futures import ProcessPoolExecutor
from multiprocessing import get_context
from pathlib import Path
from threading import Barrier
from typing import NamedTuple

import numpy as np

from restock.benchmarks.figures import Figure, report, wants_json
from restock.benchmarks.own_side import few, touched
from restock.benchmarks.race_data import pairs_30m
from restock.dataset.interactions import LINE_COLUMNS
from restock.infra.local_store import LocalStore
from restock.infra.snapshots import SnapshotRef, open_snapshot, put_snapshot

WORKERS = 4
ROUNDS = 5
SECONDS = 300  # a worker waits so long for the others


class Held(NamedTuple):
    """MB of a process: pages of its own, and its share of all pages that it sees."""

    private: float
    share: float


def figures() -> Iterator[Figure]:
    """The figures of the module's text."""
    with tempfile.TemporaryDirectory() as folder:
        store = LocalStore(Path(folder))
        tiny, data = put_snapshot(store, few()), pairs_30m()
        size = sum(getattr(data, name).nbytes for name in LINE_COLUMNS) / 1e6
        ref = put_snapshot(store, data)
        del data
        times = sorted(open_apart(tiny, ref) for _ in range(ROUNDS))
        held = residents(ref)
    yield Figure("open_snapshot_ms", float(np.median(times)), "ms", low=times[0], high=times[-1])
    yield Figure("snapshot_mb", size, "MB")
    yield Figure("snapshot_private_mb", max(one.private for one in held), "MB")
    yield Figure("snapshot_node_mb", sum(one.share for one in held), "MB")


def open_apart(tiny: SnapshotRef, ref: SnapshotRef) -> float:
    """Milliseconds in a new process, after ``tiny`` has imported everything."""
    with ProcessPoolExecutor(1, get_context("spawn")) as pool:
        return pool.submit(_open, tiny, ref).result()


def residents(ref: SnapshotRef, workers: int = WORKERS) -> list[Held]:
    """What each of so many processes holds more, when all have read all lines."""
    context = get_context("spawn")
    together = context.Barrier(workers)
    with ProcessPoolExecutor(workers, context, initializer=_join, initargs=(together,)) as pool:
        return list(pool.map(_read, [ref] * workers))


def _open(tiny: SnapshotRef, ref: SnapshotRef) -> float:
    open_snapshot(tiny)
    began = time.perf_counter()
    open_snapshot(ref)
    return (time.perf_counter() - began) * 1e3


_together: Barrier


def _join(together: Barrier) -> None:
    global _together
    _together = together


def _read(ref: SnapshotRef) -> Held:
    before = _held()
    data = touched(open_snapshot(ref))
    _together.wait(SECONDS)
    after = _held()
    _together.wait(SECONDS)  # nobody lets go before all have looked
    del data
    return Held(after.private - before.private, after.share - before.share)


def _held() -> Held:
    found = {}
    for line in Path("/proc/self/smaps_rollup").read_text().splitlines()[1:]:
        name, size = line.split()[:2]
        found[name.rstrip(":")] = int(size) * 1024 / 1e6
    return Held(found["Private_Clean"] + found["Private_Dirty"], found["Pss"])


if __name__ == "__main__":
    report(figures(), wants_json(__doc__))
