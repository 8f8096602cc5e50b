"""Nodes of a cluster that are jobs of a service, as many as the queue asks for.

A node is started while more tasks wait for each worker than the settings declare, and cancelled
when all its workers have long had nothing to do. One that ends by itself, as a preempted one does,
is replaced when the queue asks for it; Dask has given its tasks to others. The scheduler is told
what may come, so that flows count on nodes that only their work will start.
"""

import asyncio
import time
import uuid
from collections.abc import Callable, Mapping
from dataclasses import dataclass, field
from typing import TYPE_CHECKING, Any

from restock.infra.cloud_jobs import JobNotFound, JobRefused, JobService, JobSpec, JobState, Phase
from restock.infra.node_workers import Load, Say, connected, look, silent
from restock.infra.placement import promise
from restock.infra.settings import Settings
from restock.infra.signals import sigterm_cancels

if TYPE_CHECKING:
    from distributed import Client

ANSWER_SECONDS = 20.0  # in which a scheduler answers that is there
AGAIN_SECONDS = 60.0
"""After two nodes in a row that ended before they were of use; after three, twice as long."""
LATE_SECONDS = 900.0
"""A node that has not joined by then is not counted on, nor are others of its kind."""


class ServiceAway(RuntimeError):
    """The service does not answer; the nodes go on."""


@dataclass
class Node:
    """job: its id. since: its start. joined: workers of it were seen. idle: since when all are."""

    job: str
    since: float = field(default_factory=time.monotonic)
    joined: bool = False
    idle: float | None = None


class Nodes:
    """Nodes of one kind.

    between: fewest and most. spec: the job whose workers have names that begin with the given one.
    offers: resources of its workers, by which the part of the queue is known that asks for them.
    """

    def __init__(
        self,
        service: JobService,
        spec: Callable[[str], JobSpec],
        offers: Mapping[str, float],
        settings: Settings,
        between: tuple[int, int],
        say: Say,
    ) -> None:
        self._service, self._spec, self._offers, self._say = service, spec, offers, say
        self._threshold = settings.dask.tasks_per_worker
        self._patience = settings.dask.idle_seconds
        self._least, self._most = between
        self._nodes: dict[str, Node] = {}
        self._useless, self._not_before = 0, 0.0

    async def adapt(self, client: "Client") -> None:
        """Start or cancel one node, if the queue asks for it. ServiceAway, JobRefused."""
        load = await look(client, self._offers)
        await self._note(load)
        here = len(self._nodes)
        coming = sum(not node.joined for node in self._nodes.values())
        if here < self._least:
            await self._start("to begin with")
        elif load.waiting > self._threshold * (load.workers + coming) and here < self._most:
            await self._start(f"{load.waiting} tasks wait for {load.workers} workers")
        elif not load.waiting and here > self._least and (name := self._needless()):
            await self._cancel(client, name, load)

    async def tell(self, client: "Client", more: int) -> None:
        """Tell the scheduler how many nodes may come beyond those whose workers are there."""
        await promise(client, self._offers, more)

    def may_come(self) -> int:
        """Nodes that work may get by waiting: none while those that were started are of no use."""
        now = time.monotonic()
        nodes = self._nodes.values()
        late = any(not node.joined and now > node.since + LATE_SECONDS for node in nodes)
        if late or now < self._not_before:
            return 0
        return self._most - sum(node.joined for node in nodes)

    async def close(self) -> None:
        """Cancel all nodes: a machine that nobody uses costs."""
        for name, node in self._nodes.items():
            try:
                await _ask(self._service.cancel, node.job)
            except JobNotFound:
                continue
            except (ServiceAway, JobRefused) as error:
                self._say(f"node {name} may go on as job {node.job}: {error}")
            else:
                self._say(f"node {name} cancelled: this command ends")

    async def _note(self, load: Load) -> None:
        """See which nodes have ended, have joined and have nothing to do."""
        for name, node in list(self._nodes.items()):
            state = await self._state(node.job)
            if state.phase.ended:
                del self._nodes[name]
                self._say(
                    f"node {name} {state.phase}" + (f": {state.reason}" if state.reason else "")
                )
                self._useless = 0 if node.joined else self._useless + 1
                self._not_before = time.monotonic() + AGAIN_SECONDS * max(0, self._useless - 1)
                continue
            mine = {worker for worker in load.names if worker.startswith(f"{name}-")}
            node.joined = node.joined or bool(mine)
            if not mine or mine & load.busy:
                node.idle = None
            elif node.idle is None:
                node.idle = time.monotonic()

    async def _state(self, job: str) -> JobState:
        try:
            state: JobState = await _ask(self._service.state, job)
        except JobNotFound as error:
            return JobState(Phase.FAILED, str(error))
        return state

    def _needless(self) -> str | None:
        """The newest node that was idle long enough."""
        long_ago = time.monotonic() - self._patience
        idle = [n for n, node in self._nodes.items() if node.idle and node.idle <= long_ago]
        return idle[-1] if idle else None

    async def _start(self, why: str) -> None:
        if time.monotonic() < self._not_before:
            return
        name = f"node-{uuid.uuid4().hex[:8]}"
        starting = asyncio.ensure_future(self._job(name))
        try:
            await asyncio.shield(starting)
        except asyncio.CancelledError:
            # nobody can call it back; its job has to be known, to be cancelled with the others
            await asyncio.wait({starting})
            if error := starting.exception():
                self._say(str(error))
            raise
        self._say(f"node {name} started as job {self._nodes[name].job}: {why}")

    async def _job(self, name: str) -> None:
        try:
            self._nodes[name] = Node(await _ask(self._service.start, self._spec(name)))
        except ServiceAway as error:
            raise ServiceAway(f"{error}; it may have started {name} all the same") from error

    async def _cancel(self, client: "Client", name: str, load: Load) -> None:
        mine = [worker for worker in load.names if worker.startswith(f"{name}-")]
        held: dict[str, Any] = {"names": mine, "close_workers": False, "remove": False}
        if mine and not await client.retire_workers(**held):
            return  # nobody could take what it holds
        await _ask(self._service.cancel, self._nodes[name].job)
        del self._nodes[name]
        self._say(f"node {name} cancelled: nothing to do for {self._patience:g} s")


async def _ask(method: Callable[..., Any], *arguments: Any) -> Any:
    try:
        return await asyncio.to_thread(method, *arguments)
    except OSError as error:
        raise ServiceAway(str(error)) from error


async def keep(settings: Settings, nodes: Nodes, seconds: float, say: Say) -> None:
    """Adapt the nodes every so many seconds, until Ctrl-C or SIGTERM; then cancel them.

    A service that is away is asked again. ConnectionError when the scheduler does not answer.
    JobRefused.
    """
    sigterm_cancels()
    try:
        async with connected(settings, ANSWER_SECONDS) as client:
            while True:
                try:
                    await nodes.adapt(client)
                    await nodes.tell(client, nodes.may_come())
                except ServiceAway as error:
                    say(f"no answer of the service, which is asked again: {error}")
                    await nodes.tell(client, 0)
                await asyncio.sleep(seconds)
    except asyncio.CancelledError:
        return
    except OSError as error:
        raise silent(settings, error) from error
    finally:
        await nodes.close()
