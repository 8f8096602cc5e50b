"""A ``torch.distributed`` group on Dask workers: N processes that train one model together."""

import socket
import time
import traceback
from collections.abc import Callable, Sequence
from dataclasses import dataclass
from datetime import timedelta
from typing import TYPE_CHECKING, Any, TypeVar
from urllib.parse import urlsplit

from restock.infra.processes import LOOPBACK

if TYPE_CHECKING:
    from distributed import Client, Future

R = TypeVar("R")

POLL_SECONDS = 0.05
GRACE_SECONDS = 0.5


class NoGroup(RuntimeError):
    """The processes did not come together; the message says what is missing."""


@dataclass(frozen=True)
class Place:
    """Where a process finds the others. rank: its number among ``size`` processes.

    host, port: of the store that the first process opens. backend: gloo (CPU) or nccl (CUDA).
    timeout: seconds that it waits for the others, at the start and in each exchange.
    """

    rank: int
    size: int
    host: str
    port: int
    backend: str
    timeout: float


def run_on_workers(
    client: "Client",
    processes: int,
    function: Callable[..., R],
    *arguments: Any,
    device: str = "cpu",
    timeout: float = 600.0,
    patience: float = 30.0,
) -> R:
    """Call ``function(group, *arguments)`` in ``processes`` workers at once; the first's result.

    group: an initialised ``torch.distributed`` group, for ``FitContext(process_group=group)``:
    gloo for device "cpu", nccl for "cuda" (each worker must see a card of its own). The
    function runs in every process and should return something small, such as a ``ModelRef``.
    Each process has a worker of its own. A task waits for the others, so it is not for Dask to
    run one again alone: a worker that is lost ends them all.

    timeout: seconds for everything. patience: seconds for the workers and the group to come
    together. Raises NoGroup when they do not, or not all processes finish in time, with what
    is missing and what to do; an error of ``function`` as it is.
    """
    workers = _workers(client, processes, patience)
    host = urlsplit(workers[0]).hostname or LOOPBACK
    door = client.submit(_open, host, workers=[workers[0]], pure=False)
    port = _port(client, door, workers[0], patience)
    backend = "nccl" if device.startswith("cuda") else "gloo"
    futures = [
        client.submit(
            _in_group,
            Place(rank, processes, host, port, backend, patience),
            None if rank else door,
            function,
            arguments,
            timeout,
            workers=[worker],
            allow_other_workers=False,
            retries=0,
            pure=False,
        )
        for rank, worker in enumerate(workers)
    ]
    result: R = _first(client, futures, workers, timeout)
    return result


def _workers(client: "Client", processes: int, patience: float) -> list[str]:
    """The addresses of the workers, in order of address; NoGroup when there are too few."""
    until = time.monotonic() + patience
    while True:
        found = sorted(client.scheduler_info(n_workers=-1)["workers"])
        if len(found) >= processes:
            return found[:processes]
        if time.monotonic() > until:
            raise NoGroup(
                f"{processes} processes need {processes} Dask workers, {len(found)} are there "
                f"after {patience:.0f} s: start more workers, or ask for fewer processes"
            )
        time.sleep(POLL_SECONDS)


def _port(client: "Client", door: "Future[Any]", worker: str, patience: float) -> int:
    """The port of the first worker's socket; NoGroup when that worker does not answer."""
    future = client.submit(_port_of, door, workers=[worker], pure=False)
    try:
        port: int = future.result(patience)
    except TimeoutError as error:
        client.cancel([door, future])
        raise NoGroup(
            f"worker {worker} did not answer within {patience:.0f} s: wait until it is free, or "
            "take it out of the cluster"
        ) from error
    return port


def _first(
    client: "Client", futures: "Sequence[Future[Any]]", workers: list[str], timeout: float
) -> Any:
    """The first process's result, when all are done; the first error otherwise."""
    until = time.monotonic() + timeout
    try:
        while True:
            failed = [future for future in futures if future.status in ("error", "lost")]
            if failed:
                time.sleep(GRACE_SECONDS)  # the others notice at once that one is gone
                _cause(futures).result()
            waiting = [w for w, f in zip(workers, futures, strict=True) if not f.done()]
            if not waiting:
                return futures[0].result()
            if time.monotonic() > until:
                raise NoGroup(
                    f"{len(waiting)} of {len(futures)} processes did not finish within "
                    f"{timeout:.0f} s ({', '.join(waiting)}): look whether these workers are "
                    "busy or dead, or give more time"
                )
            time.sleep(POLL_SECONDS)
    finally:
        client.cancel(futures)


def _cause(futures: "Sequence[Future[Any]]") -> "Future[Any]":
    """The process that failed by itself: the others complain of a lost connection only."""
    failed = [future for future in futures if future.status in ("error", "lost")]
    for future in failed:
        text = str(future.exception() if future.status == "error" else "")
        if not any(word in text for word in ("gloo", "NCCL", "Connection")):
            return future
    return failed[0]


def _open(host: str) -> socket.socket:
    """A socket that listens on a free port of this address alone, kept here until it is used.

    It stays with the worker, as the result of a task: nobody else can take the port meanwhile,
    and Dask closes it with the last reference, should no group come of it.
    """
    family = socket.AF_INET6 if ":" in host else socket.AF_INET
    return socket.create_server((host, 0), family=family)


def _port_of(door: socket.socket) -> int:
    return int(door.getsockname()[1])


def _in_group(
    place: Place,
    door: socket.socket | None,
    function: Callable[..., R],
    arguments: tuple[Any, ...],
    timeout: float,
) -> R | None:
    """What a worker does: join, call, leave. Only the first process returns the result.

    door: where the first process's store listens. Left to itself it listens on all interfaces.
    """
    import torch.distributed as dist

    if dist.is_initialized():
        raise NoGroup("this worker is already in a group: one model at a time on a worker")
    try:
        store = dist.TCPStore(
            place.host,
            place.port,
            place.size,
            is_master=place.rank == 0,
            timeout=timedelta(seconds=place.timeout),
            master_listen_fd=door.detach() if door else None,
        )
        dist.init_process_group(
            place.backend,
            store=store,
            rank=place.rank,
            world_size=place.size,
            timeout=timedelta(seconds=timeout),
        )
    except Exception as error:
        raise NoGroup(
            f"process {place.rank} of {place.size} found no group at {place.host}:{place.port} "
            f"within {place.timeout:.0f} s ({error}): see that all workers are free and can "
            "reach that host"
        ) from error
    try:
        result = function(dist.group.WORLD, *arguments)
        dist.barrier()  # nobody closes the connection while another still reads
    except BaseException as error:
        # frames that hold the group would keep its connections open, and the others waiting
        traceback.clear_frames(error.__traceback__)
        raise
    finally:
        dist.destroy_process_group()
    return result if place.rank == 0 else None
