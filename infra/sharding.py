"""One fit over a whole cluster: each worker counts some shards of the customers.

What a worker is sent is a reference to the snapshot, and it maps the lines of its shards into its
memory. The number of shards belongs to the snapshot, and what they come to is added up in their
order: so the number of workers changes no list. Nothing has a side effect, and Dask may run
any of it again, elsewhere, when a worker is lost.
"""

from collections.abc import Callable, Sequence
from dataclasses import dataclass
from functools import lru_cache, reduce
from itertools import groupby
from typing import TYPE_CHECKING, Any, TypeVar
from uuid import uuid4

import numpy as np
from dask.sizeof import sizeof
from numpy.typing import NDArray

from restock.dataset import Interactions
from restock.infra.runners import thread_plan
from restock.infra.settings import load_settings
from restock.infra.snapshots import SnapshotRef, open_snapshot
from restock.models import Candidate, Recommendations
from restock.models.base import BoolArray, History
from restock.models.registry import MODELS, model_class
from restock.models.rows import Rows
from restock.models.sharded import Counts, Sharded, ShardedNeighbours, merge, needed

if TYPE_CHECKING:
    from distributed import Client, Future

T = TypeVar("T")

AT_ONCE = 8
"""So many parts are joined at a time: a worker never holds those of a large cluster at once."""


class Held:
    """A shard in the memory of a worker: what is sent is where it is found, never its lines."""

    def __init__(self, snapshot: SnapshotRef, number: int) -> None:
        self._found = (snapshot, number)
        self.lines = _opened(snapshot).shard(number)

    def __reduce__(self) -> tuple[Any, ...]:
        """Whoever is sent this opens the snapshot for himself."""
        return Held, self._found


@dataclass(frozen=True, eq=False)
class ShardedFit:
    """What a model learned on the workers; it stays there until this is forgotten.

    counts: what all shards come to. compared: the same of items, if any are. shards: each with
    what a model of it is made from, on the worker where its lists are made.
    """

    client: "Client"
    snapshot: SnapshotRef
    candidate: Candidate
    counts: "Future[Counts]"
    compared: "Future[Counts] | None"
    shards: "Sequence[tuple[Future[Held], Future[Counts]]]"

    def recommend(
        self, k: int, *, history: History = "any", allowed: BoolArray | None = None
    ) -> Recommendations:
        """The k best items of everybody who ordered, listed where their shards are."""
        submit = Workers(self.client).submit
        how = (self.candidate, k, history, allowed)
        lists = [submit(_lists, shard, counts, *how) for shard, counts in self.shards]
        found: list[Recommendations] = self.client.gather(lists)
        return Recommendations(
            np.concatenate([one.customers for one in found]),
            np.concatenate([one.items for one in found]),
            np.concatenate([one.scores for one in found]),
            np.concatenate([one.fallback for one in found]),
        )

    def model(self) -> Sharded[Any]:
        """The model of all customers, in this process: it takes a pass over all lines."""
        found = None if self.compared is None else self.compared.result()
        counts = _complete(self.candidate, self.counts.result(), found)
        return _model(self.candidate).fit_shard(_opened(self.snapshot), counts)


def fit_sharded(client: "Client", snapshot: SnapshotRef, candidate: Candidate) -> ShardedFit:
    """Fit a candidate on all order lines of a snapshot, on all workers of a cluster.

    Workers must reach the snapshot's store. While items are compared every one holds what its part
    takes of what all customers bought: at most 12 bytes per distinct pair of customer and item,
    and 8 for the pairs of its items.

    Raises ValueError for a model that does not learn by shards, and when there is no worker.
    """
    model, workers = _model(candidate), Workers(client)
    shards = _opened(snapshot).shards.size - 1
    slots, compared = len(workers.slots), None
    turn = [number * slots // shards for number in range(shards)]
    held = [workers.submit(Held, snapshot, n, slot=turn[n]) for n in range(shards)]
    counts = workers.folded(merge, [workers.submit(_count, one, candidate) for one in held])
    if isinstance(model, ShardedNeighbours):
        rows = [workers.submit(_rows, one, candidate, counts) for one in held]
        found = _compared(workers, candidate, counts, rows, turn)
        compared = workers.folded(model.way.join, found)
    told = {
        worker: workers.submit(_complete, candidate, counts, compared, slot=slot)
        for worker, slot in {workers.slots[slot]: slot for slot in turn}.items()
    }
    parts = [(one, told[workers.slots[slot]]) for one, slot in zip(held, turn, strict=True)]
    return ShardedFit(client, snapshot, candidate, counts, compared, parts)


def _compared(
    workers: "Workers",
    candidate: Candidate,
    counts: "Future[Counts]",
    rows: "Sequence[Future[Rows]]",
    turn: Sequence[int],
) -> "list[Future[Counts]]":
    """All parts, one for each slot. A worker is sent what its parts take of the rows of others."""
    slots, submit = workers.slots, workers.submit
    cost = workers.folded(_sum, [submit(_cost, one) for one in rows])
    homes = [list(some) for _, some in groupby(range(len(rows)), lambda n: slots[turn[n]])]
    found = []
    for _, some in groupby(range(len(slots)), slots.__getitem__):
        parts = list(some)
        about = (candidate, counts, cost, (parts[0], parts[-1] + 1, len(slots)))
        needs = [
            submit(_needed, [rows[n] for n in shards], *about, slot=turn[shards[0]])
            for shards in homes
        ]
        found += [
            submit(_compare, candidate, needs, counts, part, len(slots), slot=part)
            for part in parts
        ]
    return found


class Workers:
    """The threads of a cluster, in the order of their workers' addresses.

    Work is given to the one whose turn it is, so that shards which follow each other stay together;
    when that one is gone, another does it. A piece of work takes the threads that the plan of
    its node gives to a task.
    """

    def __init__(self, client: "Client") -> None:
        self.client = client
        threads = client.nthreads()
        self.slots = [worker for worker in sorted(threads) for _ in range(threads[worker])]
        if not self.slots:
            raise ValueError(
                "there is no Dask worker: start some with restock workers --runner dask://HOST:PORT"
            )

    def submit(
        self, work: Callable[..., Any], *arguments: Any, slot: int | None = None
    ) -> "Future[Any]":
        """slot: the thread whose turn it is; None: as Dask likes, near the arguments."""
        where = None if slot is None else [self.slots[slot]]
        return self.client.submit(
            _in_plan,
            work,
            *arguments,
            workers=where,
            allow_other_workers=where is not None,
            key=f"{getattr(work, '__name__', 'work').strip('_')}-{uuid4()}",
        )

    def folded(self, join: Callable[[Sequence[T]], T], parts: "Sequence[Future[T]]") -> "Future[T]":
        """All parts joined in their order, some at a time."""
        whole = self.submit(join, parts[:AT_ONCE])
        for first in range(AT_ONCE, len(parts), AT_ONCE):
            whole = self.submit(join, [whole, *parts[first : first + AT_ONCE]])
        return whole


def _bytes_of(rows: Rows) -> int:
    """Dask guesses what it does not know to be small, and would send it about."""
    return sum(value.nbytes for value in vars(rows).values() if value is not None)


sizeof.register(Rows, _bytes_of)  # type: ignore[no-untyped-call]


# what workers do ------------------------------------------------------------------------------
def _in_plan(work: Callable[..., Any], *arguments: Any) -> Any:
    with thread_plan(load_settings()).limit():
        return work(*arguments)


def _count(shard: Held, candidate: Candidate) -> Counts:
    return _model(candidate).count_shard(shard.lines)


def _rows(shard: Held, candidate: Candidate, counts: Counts) -> Rows:
    return _neighbours(candidate).rows_of_shard(shard.lines, counts)


def _cost(rows: Rows) -> NDArray[np.int64]:
    return rows.cost


def _sum(parts: Sequence[NDArray[np.int64]]) -> NDArray[np.int64]:
    return reduce(np.add, parts)


def _needed(
    rows: Sequence[Rows],
    candidate: Candidate,
    counts: Counts,
    cost: NDArray[np.int64],
    span: tuple[int, int, int],
) -> list[Rows]:
    return needed(_neighbours(candidate).way, rows, counts["buyers"], cost, span)


def _compare(
    candidate: Candidate, needs: Sequence[Sequence[Rows]], counts: Counts, part: int, parts: int
) -> Counts:
    rows = [shard for some in needs for shard in some]
    return _neighbours(candidate).way.compare(rows, counts["buyers"], part, parts)


def _complete(candidate: Candidate, counts: Counts, found: Counts | None) -> Counts:
    if found is None:
        return counts
    return counts | _neighbours(candidate).way.complete(counts["buyers"], found)


def _lists(
    shard: Held,
    counts: Counts,
    candidate: Candidate,
    k: int,
    history: History,
    allowed: BoolArray | None,
) -> Recommendations:
    model = _model(candidate).fit_shard(shard.lines, counts)
    return model.recommend(shard.lines.customers, k, history=history, allowed=allowed)


@lru_cache(maxsize=1)
def _opened(snapshot: SnapshotRef) -> Interactions:
    return open_snapshot(snapshot)


def _model(candidate: Candidate) -> Sharded[Any]:
    model = candidate.create()
    if not isinstance(model, Sharded):
        able = [name for name in MODELS if issubclass(model_class(name), Sharded)]
        raise ValueError(
            f"{candidate.label} does not learn by shards, only {', '.join(able)} do: "
            "fit it on one machine, on the markets that fit there"
        )
    return model


def _neighbours(candidate: Candidate) -> ShardedNeighbours[Any]:
    model = _model(candidate)
    assert isinstance(model, ShardedNeighbours)
    return model
