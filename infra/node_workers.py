"""The Dask workers that a node gives to a cluster: as many as the queue asks for.

A scheduler elsewhere cannot start processes here, so each node looks at the queue for itself. It
starts a worker while more tasks wait for each worker of the cluster than the settings declare, and
ends one that has long had nothing to do, after what it holds for others has been copied. Only idle
workers end, so that no work is lost or done twice.
"""

import asyncio
import os
import signal
import socket
import time
from collections.abc import AsyncIterator, Callable, Mapping, Sequence
from contextlib import asynccontextmanager, suppress
from typing import TYPE_CHECKING, Any, NamedTuple
from urllib.parse import urlsplit

from restock.infra import log_relay
from restock.infra.placement import cards
from restock.infra.runners import (
    OWN_RUNNERS,
    WORKER_PRELOAD,
    WORKERS_SHARE_OF_MEMORY,
    cluster_config,
    scheduler_address,
    security,
)
from restock.infra.settings import Settings
from restock.infra.signals import sigterm_cancels
from restock.infra.threads import plan

if TYPE_CHECKING:
    from distributed import Client, Nanny

LOOK_SECONDS = 1.0
JOIN_SECONDS = 30.0  # until a scheduler answers for the first time
GONE_SECONDS = 30.0  # without a scheduler, until its node gives up
CLOSE_SECONDS = 30.0  # for what a worker says last, before it is killed

Say = Callable[[str], None]


class NoCluster(ValueError):
    """The settings name no scheduler that workers could join."""


class Load(NamedTuple):
    """What a cluster has to do of what workers with certain offers can do.

    waiting: tasks that could run at once if there were more such workers. workers: how many
    there are. names: theirs. busy: names of those that have a task.
    """

    waiting: int
    workers: int
    names: frozenset[str]
    busy: frozenset[str]


def serve(
    settings: Settings, offers: Mapping[str, float], say: Say, name: str | None = None
) -> None:
    """Keep workers of this node in the cluster of the settings, until Ctrl-C or SIGTERM.

    offers: resources of each worker. say: told of every change. name: with which their names
    begin; None: the host's and this process's. Raises NoCluster, ValueError for
    more workers than cores, or ConnectionError when the scheduler does not answer or goes away.
    """
    if settings.runner in OWN_RUNNERS:
        raise NoCluster(
            f"the runner is {settings.runner!r}, which brings its own workers: name a scheduler, "
            "as in --runner tls://HOST:8786"
        )
    node = Node(settings, [offers], say, name)
    try:
        with suppress(asyncio.CancelledError, KeyboardInterrupt):
            asyncio.run(_serve(settings, node))
    except OSError as error:
        raise silent(settings, error) from error


def silent(settings: Settings, error: OSError) -> ConnectionError:
    """What to tell people of a scheduler that does not answer."""
    return ConnectionError(
        f"the scheduler {scheduler_address(settings.runner)} does not answer: start it, then "
        f"this command again ({error})"
    )


async def _serve(settings: Settings, node: "Node") -> None:
    sigterm_cancels()
    await give(settings, node)


async def give(
    settings: Settings,
    node: "Node",
    join_seconds: float = JOIN_SECONDS,
    gone_seconds: float = GONE_SECONDS,
) -> None:
    """Keep the workers of a node in the cluster, until this is cancelled.

    join_seconds: how long a scheduler may take to be there. gone_seconds: how long it may be away
    then. Raises OSError when it takes longer.
    """
    from dask import config

    log_relay.here()  # this process outlives its workers
    config.set(cluster_config(node.threads))
    async with connected(settings, join_seconds) as client:
        work = [_adapt(node, client), _away(client, gone_seconds)]
        tasks = [asyncio.ensure_future(one) for one in work]
        try:
            done, _ = await asyncio.wait(tasks, return_when=asyncio.FIRST_COMPLETED)
            done.pop().result()
        finally:
            for one in tasks:
                one.cancel()
            await asyncio.wait(tasks)
            await node.close()


@asynccontextmanager
async def connected(settings: Settings, seconds: float) -> AsyncIterator["Client"]:
    """A client of the scheduler of the settings. OSError when none answers within seconds."""
    from distributed import Client

    options: dict[str, Any] = {"asynchronous": True, "set_as_default": False, "timeout": seconds}
    client = Client(scheduler_address(settings.runner), security=security(settings), **options)
    try:
        yield await client
    finally:
        await client.close()  # also when the connecting is cancelled: its own context forgets that


async def _adapt(node: "Node", client: "Client") -> None:
    while True:
        await node.adapt(client)
        await asyncio.sleep(LOOK_SECONDS)


async def _away(client: "Client", seconds: float) -> None:
    """Raise ConnectionError when there is no scheduler for so long."""
    heard = time.monotonic()
    while client.status == "running" or time.monotonic() < heard + seconds:
        if client.status == "running":
            heard = time.monotonic()
        await asyncio.sleep(LOOK_SECONDS)
    raise ConnectionError(f"it went away {seconds:g} s ago")


class Node:
    """The workers of this node, each a process with one thread for tasks.

    offers: resources of one worker after the other, from the first on again where there are more.
    """

    def __init__(
        self,
        settings: Settings,
        offers: Sequence[Mapping[str, float]],
        say: Say,
        name: str | None = None,
    ) -> None:
        scaling = settings.dask
        most = plan(settings.cores).cores if scaling.workers_max is None else scaling.workers_max
        self._least, self._most = min(scaling.workers_min, most), most
        self._threshold, self._patience = scaling.tasks_per_worker, scaling.idle_seconds
        self.threads = plan(settings.cores, workers=most)
        self._settings, self._offers, self._say = settings, list(map(dict, offers)), say
        self._cards = cards() if any("GPU" in one for one in offers) else 0
        self._name = name or f"{socket.gethostname()}-{os.getpid()}"
        self._nannies: dict[str, Nanny] = {}
        self._slots: dict[str, int] = {}
        self._idle: dict[str, float] = {}  # since when
        self._started = 0

    async def adapt(self, client: "Client") -> None:
        """Start or end one worker, if the queue asks for it."""
        load = await look(client, self._offers[0])
        self._note(load)
        here = len(self._nannies)
        if here < self._least:
            await self._start("to begin with")
        elif load.waiting > self._threshold * load.workers and here < self._most:
            await self._start(f"{load.waiting} tasks wait for {load.workers} workers")
        elif not load.waiting and here > self._least and (name := self._needless()):
            await self._retire(client, name)

    async def close(self) -> None:
        """End all workers; what they were at runs again elsewhere."""
        await asyncio.gather(*(nanny.close() for nanny in self._nannies.values()))

    def _note(self, load: Load) -> None:
        """Forget what ended by itself, and see who has nothing to do."""
        there = {name: n for name, n in self._nannies.items() if n.status.name != "closed"}
        self._nannies = there
        now = time.monotonic()
        self._idle = {name: self._idle.get(name, now) for name in there if name not in load.busy}

    def _needless(self) -> str | None:
        """The newest worker that was idle long enough."""
        long_ago = time.monotonic() - self._patience
        idle = [name for name in self._nannies if self._idle.get(name, long_ago + 1) <= long_ago]
        return idle[-1] if idle else None

    async def _start(self, why: str) -> None:
        from distributed import Nanny
        from distributed.system import MEMORY_LIMIT
        from distributed.utils import get_ip

        address = scheduler_address(self._settings.runner)
        parts = urlsplit(address)
        name = f"{self._name}-{self._started}"
        self._started += 1
        slot = min(set(range(self._most)) - {self._slots[other] for other in self._nannies})
        resources = self._offers[slot % len(self._offers)]
        variables = self.threads.environment()
        if "GPU" in resources and slot < self._cards:
            variables["CUDA_VISIBLE_DEVICES"] = str(slot)  # a card of its own
        self._slots[name] = slot
        options: dict[str, Any] = {"dashboard": False, "dashboard_address": None}
        nanny = Nanny(
            address,
            name=name,
            nthreads=1,
            resources=resources,
            security=security(self._settings),
            host=get_ip(parts.hostname, parts.port),  # where the scheduler is, and nowhere else
            memory_limit=int(MEMORY_LIMIT * WORKERS_SHARE_OF_MEMORY / self._most),
            preload=[WORKER_PRELOAD],
            env=variables,
            **options,
        )
        starting = asyncio.ensure_future(nanny.start())
        try:
            await asyncio.shield(starting)
        except asyncio.CancelledError:
            await _end(nanny, starting)
            raise
        self._nannies[name] = nanny
        self._say(f"worker {name} started: {why}")

    async def _retire(self, client: "Client", name: str) -> None:
        nanny = self._nannies[name]
        held = {"workers": [nanny.worker_address], "close_workers": False, "remove": False}
        if not await client.retire_workers(**held):
            return  # nobody could take what it holds
        await nanny.close(timeout=CLOSE_SECONDS)
        del self._nannies[name]
        self._say(f"worker {name} ended: nothing to do for {self._patience:g} s")


async def _end(nanny: "Nanny", starting: "asyncio.Future[Any]") -> None:
    """End a worker on its way, whose process would outlive this one: Dask ends none that starts."""
    await asyncio.wait({starting}, timeout=CLOSE_SECONDS)
    if not starting.done() and nanny.pid:
        with suppress(ProcessLookupError):
            os.kill(nanny.pid, signal.SIGKILL)
    await asyncio.gather(starting, return_exceptions=True)
    await nanny.close()


async def look(client: "Client", offers: Mapping[str, float]) -> Load:
    """What the cluster has to do now, of what workers with these offers can do."""

    def count(wanted: dict[str, float], dask_scheduler: Any) -> tuple[int, list[str], list[str]]:
        # travels by value: the scheduler needs nothing of ours

        def suits(needs: dict[str, float] | None) -> bool:
            return all(wanted.get(name, 0) >= much for name, much in (needs or {}).items())

        workers = [
            worker
            for worker in dask_scheduler.workers.values()
            if all(worker.resources.get(name, 0) >= much for name, much in wanted.items())
            and worker.status.name == "running"
        ]
        nowhere = [*dask_scheduler.queued, *dask_scheduler.unrunnable]
        waiting = sum(suits(task.resource_restrictions) for task in nowhere)
        waiting += sum(max(0, len(one.processing) - one.nthreads) for one in workers)
        busy = [str(worker.name) for worker in workers if worker.processing]
        return waiting, [str(worker.name) for worker in workers], busy

    waiting, names, busy = await client.run_on_scheduler(count, dict(offers))
    return Load(waiting, len(names), frozenset(names), frozenset(busy))
