"""Does a fit by shards get faster with workers, and what do they send each other?

16 M lines of 320,000 customers and 20,000 items (``benchmarks.growth``), four shards; fit and the
top 10 of all: one thread of one process against four worker processes of a Dask cluster on this
machine, in alternating rounds. Agreement: the share of lists that are equal, and their scores.

dask_shards_speedup_4           seconds of `item_knn` (cosine, 100 neighbours) by one thread over
                                those of four workers; the machine's cores are the limit
dask_shards_speedup_4.<model>   the same of `sar` with all similarities and of `reorder`
dask_shards_seconds[.<model>]   of four workers
dask_shards_mb[.<model>]        what workers sent in a fit and in making lists, megabytes
"""

import tempfile
import time
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import TYPE_CHECKING, Any

import numpy as np

from restock.benchmarks.figures import Figure
from restock.benchmarks.growth import ROUNDS, orders
from restock.infra.local_store import LocalStore
from restock.infra.sharding import fit_sharded
from restock.infra.snapshots import SnapshotRef, open_snapshot, put_snapshot
from restock.kernels import policy
from restock.kernels.cores import available_cores
from restock.models import Candidate, Recommendations

if TYPE_CHECKING:
    from distributed import Client

K = 10
WORKERS = 4
MODELS: dict[str, dict[str, Any]] = {
    "item_knn": {"weighting": "cosine", "neighbours": 100, "half_life_days": None},
    "sar": {"similarity": "jaccard", "half_life_days": None},
    "reorder": {},
}


def figures() -> Iterator[Figure]:
    """The speed-up and the traffic of each model."""
    with tempfile.TemporaryDirectory(prefix="restock-shards-") as folder, cluster() as client:
        store = LocalStore(Path(folder))
        small = put_snapshot(store, orders(300, 80))
        snapshot = put_snapshot(store, orders(320_000, 20_000, each=50, repeats=0))
        for name, config in MODELS.items():
            candidate = Candidate(name=name, config=config, scope="pooled")
            for once in (alone, together):  # imports and compiles
                once(client, small, candidate)
            yield from race(client, snapshot, candidate)


def race(client: "Client", snapshot: SnapshotRef, candidate: Candidate) -> Iterator[Figure]:
    """Both sides in alternating rounds; medians."""
    suffix = "" if candidate.name == "item_knn" else f".{candidate.name}"
    before = sent(client)
    one, many = (side(client, snapshot, candidate) for side in (alone, together))
    megabytes = (sent(client) - before) / 1e6
    rows = (one.items == many.items).all(axis=1) & (one.scores == many.scores).all(axis=1)
    seconds = [
        [timed(side, client, snapshot, candidate) for side in (alone, together)]
        for _ in range(ROUNDS)
    ]
    mine, theirs = np.median(seconds, axis=0)
    yield Figure(
        f"dask_shards_speedup_{WORKERS}{suffix}",
        mine / theirs,
        "ratio",
        peer=f"one thread; {available_cores()} cores",
        agreement=float(rows.mean()),
    )
    yield Figure(f"dask_shards_seconds{suffix}", theirs, "s")
    yield Figure(f"dask_shards_mb{suffix}", megabytes, "MB")


def alone(client: "Client", snapshot: SnapshotRef, candidate: Candidate) -> Recommendations:
    """One thread of this process; nothing is left of earlier rounds."""
    with policy.granted(1):
        data = open_snapshot(snapshot)
        return candidate.create().fit(data).recommend(data.customers, K)


def together(client: "Client", snapshot: SnapshotRef, candidate: Candidate) -> Recommendations:
    """All workers."""
    return fit_sharded(client, snapshot, candidate).recommend(K)


def timed(side: Callable[..., object], *arguments: object) -> float:
    """Wall seconds."""
    start = time.perf_counter()
    side(*arguments)
    return time.perf_counter() - start


def sent(client: "Client") -> int:
    """Bytes that the workers have sent since they started."""
    return sum(client.run(_sent).values())


def _sent(dask_worker: Any) -> int:
    return int(dask_worker.transfer_outgoing_bytes_total)


@contextmanager
def cluster() -> Iterator["Client"]:
    """Four worker processes of one thread each, however many cores there are."""
    from distributed import Client, LocalCluster

    options = {"n_workers": WORKERS, "threads_per_worker": 1, "processes": True}
    env = {"env": {policy.THREADS: "1"}, "dashboard_address": "127.0.0.1:0"}
    with (
        LocalCluster(**options, **env, host="127.0.0.1") as nodes,
        Client(nodes, set_as_default=False) as client,
    ):
        yield client
