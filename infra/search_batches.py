"""Batches of a search: how pieces of work are packed, and how a worker does one."""

import math
import os
import time
from collections.abc import Sequence
from functools import lru_cache, partial
from itertools import islice
from typing import NamedTuple, Self

from pydantic import BaseModel, ConfigDict

from restock.dataset import Interactions
from restock.infra import placement
from restock.infra.packing import title
from restock.infra.placement import Resource
from restock.infra.search_store import (
    Done,
    Finished,
    SearchRun,
    Work,
    batch_id,
    get_kept,
    get_run,
    put_finished,
    put_kept,
    work_id,
)
from restock.infra.settings import Settings
from restock.infra.snapshots import SnapshotRef, open_snapshot
from restock.infra.store import Store, open_store
from restock.infra.threads import ThreadPlan
from restock.models import FitContext
from restock.tuning.ensemble import mix
from restock.tuning.running import run as run_steps
from restock.tuning.trials import Mix, Step

SHORTEST_SECONDS = 2.0
"""Estimated work of a batch that is worth a task, while nobody is idle."""
LONGEST_SECONDS = 15.0
"""More than that and what waits for the batch waits too long, on few workers."""
FLOW_SECONDS = 0.3
"""What a task costs the process of the flow. On many workers batches are so long that it keeps
up with them."""
ROUNDING = 1e-6  # equal parts of a sum are its parts
MIX_SECONDS = 3.0
"""A mixture, about: it is not fitted, only counted."""


class OtherStore(RuntimeError):
    """A worker looks into another store than the command."""


class Clock(NamedTuple):
    """What is spent of a budget. started: when this process began (seconds since 1970).

    before: seconds that were spent in processes before it. budget: None where it is in trials.
    """

    started: float
    before: float = 0.0
    budget: float | None = None

    def spent(self) -> float:
        """Seconds until now."""
        return self.before + time.time() - self.started

    def left(self) -> float | None:
        """Seconds from now on; None without end."""
        return None if self.budget is None else self.budget - self.spent()


class Piece(NamedTuple):
    """Work that is ready. id: of its content; seconds: estimated, of one core."""

    work: Work
    id: str
    resource: Resource
    seconds: float

    @property
    def place(self) -> str:
        """A market's code, or ALL: pieces of the same place share folds and sums."""
        return self.work.where if isinstance(self.work, Mix) else self.work.study.where

    @property
    def longest(self) -> float:
        """Seconds of one of its trials, about."""
        return self.seconds / (self.work.size if isinstance(self.work, Step) else 1)


class Batch(BaseModel):
    """Work that one task does. name: unique among the batches of a search.

    latest: seconds since 1970 after which no trial starts.
    """

    model_config = ConfigDict(frozen=True, extra="forbid")

    name: str
    resource: Resource
    works: tuple[Work, ...]
    latest: float | None = None

    @classmethod
    def of(cls, pieces: Sequence[Piece], end: float | None) -> Self:
        """A batch of these, whose trials only start when they can end before ``end``."""
        longest = max(piece.longest for piece in pieces)
        return cls(
            name=batch_id(piece.id for piece in pieces),
            resource=pieces[0].resource,
            works=tuple(piece.work for piece in pieces),
            latest=None if end is None else end - longest,
        )

    @property
    def title(self) -> str:
        """For people: ``FR sar DE sar +3``."""
        return title(list(dict.fromkeys(work.title for work in self.works)))


def batch_seconds(total: float, slots: int, idle: int) -> float:
    """How long batches are to be when ``total`` seconds of work wait; 0: wait for more.

    A third of a worker's share, so that workers finish together, or more where submitting so
    many would take longer than that (n batches of total / n take n × FLOW_SECONDS + total / n:
    least at the square root). When nobody is idle there is time: then a batch is so long that
    the flow keeps up with all workers.
    """
    seconds = max(total / (3 * max(slots, 1)), math.sqrt(FLOW_SECONDS * total))
    if not idle:
        least = max(SHORTEST_SECONDS, FLOW_SECONDS * slots)
        if total < least:
            return 0.0
        seconds = max(seconds, least)
    return min(seconds, max(LONGEST_SECONDS, FLOW_SECONDS * slots))


def pack(waiting: Sequence[Piece], *, slots: int, idle: int, most: int) -> list[list[Piece]]:
    """Up to ``most`` batches of the work that waits; the rest waits on.

    Work keeps its turn, but a batch takes along what waits of the same place. slots: tasks that
    run at once; idle: of these, how many have nothing to do.
    """
    room = batch_seconds(sum(piece.seconds for piece in waiting), slots, idle) * (1 + ROUNDING)
    if not room:
        return []
    left, batches = list(waiting), list[list[Piece]]()
    while left and len(batches) < most:
        place, load = left[0].place, 0.0
        taken: list[Piece] = []
        for piece in sorted(left, key=lambda one: one.place != place):
            if taken and load + piece.seconds > room:
                break
            taken.append(piece)
            load += piece.seconds
        batches.append(taken)
        gone = {piece.id for piece in taken}
        left = [piece for piece in left if piece.id not in gone]
    return batches


# on the worker --------------------------------------------------------------------------------
def do_batch(
    batch: Batch, token: str, clock: Clock, settings: Settings, threads: ThreadPlan
) -> Finished:
    """Do a batch of the search ``token``, here; it is in the journal before this returns."""
    began = time.time()
    store = open_store(settings=settings)
    run = _run(store.uri, token, settings)
    interactions = _interactions(run.ingested.snapshot, settings)
    context = _context(batch, run.brief.setting.seed, settings, threads.task_threads)
    with threads.limit():
        done = _do(batch, run, interactions, store, context)
    finished = Finished(
        resource=batch.resource,
        worker=_worker(),
        seconds=time.time() - began,
        spent=clock.spent(),
        done=done,
    )
    put_finished(store, token, finished)
    return finished


def _context(batch: Batch, seed: int, settings: Settings, threads: int) -> FitContext:
    return FitContext(
        seed=seed,
        device=placement.device(batch.resource),
        threads=threads,
        spark=placement.spark(batch.resource, threads),
        scratch=settings.spark_scratch,
    )


def _do(
    batch: Batch, run: SearchRun, interactions: Interactions, store: Store, context: FitContext
) -> tuple[Done, ...]:
    setting = run.brief.setting
    outcomes = iter(
        run_steps(
            interactions,
            [work for work in batch.works if isinstance(work, Step)],
            setting,
            context,
            deadline=batch.latest,
            keep=lambda trial, kept: put_kept(store, run.token, trial, kept),
        )
    )
    done = []
    for work in batch.works:
        if isinstance(work, Step):
            came = tuple(islice(outcomes, work.size))
            done.append(Done(work=work_id(work), outcomes=came))
        else:
            mixtures = mix(work, partial(get_kept, store), interactions, setting)
            done.append(Done(work=work_id(work), mixtures=tuple(mixtures)))
    return tuple(done)


def _worker() -> str:
    """The name of the Dask worker that runs this, or the process."""
    from distributed import get_worker

    try:
        return str(get_worker().name)
    except ValueError:
        return f"process {os.getpid()}"


@lru_cache(maxsize=1)
def _run(store: str, token: str, settings: Settings) -> SearchRun:
    """The same for all batches of a search: read once in a process."""
    try:
        return get_run(open_store(store, settings), token)
    except ValueError:
        raise OtherStore(
            f"worker {_worker()} does not find the search {token} in its store {store}: give the "
            "workers the same RESTOCK_STORAGE as the command, one that both can reach"
        ) from None


@lru_cache(maxsize=1)
def _interactions(snapshot: SnapshotRef, settings: Settings) -> Interactions:
    return open_snapshot(snapshot, settings)
