"""``python -m restock.infra.azureml -- COMMAND…``: what every node of a job runs.

The first node starts a Dask scheduler, workers on its own cores and the command, to which all
nodes are one cluster. The others give workers to it. All end when the command ends; a node that
dies takes its workers along, whose tasks run again elsewhere.
"""

import asyncio
import logging
import os
import sys
from collections.abc import Mapping, Sequence
from contextlib import suppress
from typing import TYPE_CHECKING, NamedTuple

from restock.infra import logs, signals
from restock.infra.azureml import vault
from restock.infra.node_workers import Node, give
from restock.infra.placement import own_offers
from restock.infra.processes import LOOPBACK
from restock.infra.runners import cluster_config, security
from restock.infra.settings import Settings, SettingsError, load_settings
from restock.infra.threads import plan

if TYPE_CHECKING:
    from distributed import Scheduler

PORT = 8786
JOIN_SECONDS = 600.0
"""Nodes of a job start minutes apart, their images are pulled; then one gives the first one up."""
GONE_SECONDS = 10.0
"""The scheduler of a job never comes back."""
LOOPBACK_HOSTS = ("localhost", LOOPBACK)


class Place(NamedTuple):
    """Which node of a job this is. leader: address of the first. port: where it listens."""

    rank: int = 0
    nodes: int = 1
    leader: str = LOOPBACK
    port: int = PORT


def place(environment: Mapping[str, str]) -> Place:
    """As Azure ML says it to a distributed job: of PyTorch, else of MPI.

    ValueError for half of it, since a node that took itself for the first would do all the work
    a second time.
    """
    if "NODE_RANK" in environment:
        rank, nodes, leader, port = (
            _given(environment, name)
            for name in ("NODE_RANK", "WORLD_SIZE", "MASTER_ADDR", "MASTER_PORT")
        )
        return Place(int(rank), int(nodes), leader, int(port))
    if "OMPI_COMM_WORLD_RANK" in environment:
        rank, nodes, leader = (
            _given(environment, name)
            for name in ("OMPI_COMM_WORLD_RANK", "OMPI_COMM_WORLD_SIZE", "AZ_BATCH_MASTER_NODE")
        )
        return Place(int(rank), int(nodes), leader.partition(":")[0])
    return Place()


def _given(environment: Mapping[str, str], name: str) -> str:
    if not (value := environment.get(name)):
        raise ValueError(
            f"{name} is not set: start the job with the distribution PyTorch and one process for "
            "each instance"
        )
    return value


def run(command: Sequence[str], here: Place, settings: Settings) -> int:
    """Do this node's part. Returns the exit status: of the command, on the first node; 0 on others.

    Another node's own failure must not end the job, whose command goes on without it.
    SettingsError when several nodes would talk without TLS; NotStarted for a taken port or a
    missing program.
    """
    settings = joined(settings, here)
    if here.rank == 0:
        return asyncio.run(_lead(command, here, settings))
    asyncio.run(_follow(settings))
    return 0


def joined(settings: Settings, here: Place) -> Settings:
    """The settings, with the job's own cluster as runner and workers on all cores of a node."""
    shown = settings.dask
    secure = None not in (shown.tls_ca_file, shown.tls_cert, shown.tls_key)
    if not secure and here.leader not in LOOPBACK_HOSTS:
        raise SettingsError(
            f"the scheduler on {here.leader} would run what anybody sends: put certificates "
            f"into the vault ({', '.join(vault.FILES)}, with - for _), which {vault.VAULT} names"
        )
    cores = shown.workers_max or plan(settings.cores).cores
    return settings.model_copy(
        update={
            "runner": f"{'tls' if secure else 'dask'}://{here.leader}:{here.port}",
            "dask": shown.model_copy(update={"workers_min": cores, "workers_max": cores}),
        }
    )


async def _lead(command: Sequence[str], here: Place, settings: Settings) -> int:
    async with await _scheduler(here, settings):
        _say(f"scheduler on {settings.runner}, for {here.nodes} nodes")
        driver = await _start(command, settings)
        giving = asyncio.create_task(give(settings, _node(settings)))
        ending = asyncio.create_task(driver.wait())
        await asyncio.wait({giving, ending}, return_when=asyncio.FIRST_COMPLETED)
        if giving.done():
            _say(f"no workers on this node: {giving.exception()}")
        code = await ending
        giving.cancel()
        await asyncio.wait({giving})
    if code:  # of a flow, 0 does not say that its run completed
        _say(f"the command ended with {code}")
    return code if code >= 0 else 128 - code


async def _scheduler(here: Place, settings: Settings) -> "Scheduler":
    """The job's scheduler, which listens. NotStarted where it cannot."""
    from dask import config
    from distributed import Scheduler

    config.set(cluster_config(plan(settings.cores)))
    scheduler = Scheduler(
        protocol=settings.runner.partition("://")[0].replace("dask", "tcp"),
        host=here.leader,
        port=here.port,
        security=security(settings),
        dashboard_address=f"{LOOPBACK}:0",
    )
    try:
        return await scheduler
    except RuntimeError as error:  # as Dask calls all that goes wrong there
        raise vault.NotStarted(
            f"no scheduler can listen on {settings.runner} ({error.__cause__ or error}): end what "
            "has this port, or start the job on another machine"
        ) from error


async def _start(command: Sequence[str], settings: Settings) -> asyncio.subprocess.Process:
    """Start the command in the job's cluster; what signals say to this node is said to it."""
    variables = {**os.environ, "RESTOCK_RUNNER": settings.runner}
    with vault.starting(command), signals.later(lambda number, _: _send(driver, number)):
        driver = await asyncio.create_subprocess_exec(*command, env=variables)
    return driver


def _send(driver: asyncio.subprocess.Process, number: int) -> None:
    with suppress(ProcessLookupError):
        driver.send_signal(number)


async def _follow(settings: Settings) -> None:
    import distributed  # which sets the level of its loggers

    # that it cannot connect any more is how the end shows
    logging.getLogger(distributed.client.__name__).setLevel(logging.CRITICAL)
    signals.sigterm_cancels()
    with suppress(asyncio.CancelledError):
        try:
            await give(settings, _node(settings), JOIN_SECONDS, GONE_SECONDS)
        except OSError as error:
            _say(f"the first node has ended: {error}")


def _node(settings: Settings) -> Node:
    return Node(settings, own_offers(plan(settings.cores).cores), _say)


def _say(text: str) -> None:
    print(text, flush=True)


def main() -> int:
    """Exit with the command's own status; 2 when it cannot start, or not as part of a node."""
    command = vault.command_line("restock.infra.azureml")
    try:
        with signals.sigterm_exits(), vault.opened(os.environ):
            from restock.infra.prefect_env import configure

            settings = load_settings()
            configure(settings, console=logs.QUIET)  # what a run says is on the server
            return run(command, place(os.environ), settings)
    except (ValueError, vault.VaultError, vault.NotStarted, ImportError) as error:
        print(error, file=sys.stderr)
        return 2
