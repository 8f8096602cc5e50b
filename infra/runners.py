"""Settings become a Prefect task runner. Changing it changes no other file and no result."""

import logging
import threading
import time
from collections.abc import Sequence
from contextvars import copy_context
from typing import TYPE_CHECKING, Any

from restock.infra import debugger, logs
from restock.infra.placement import (
    Offers,
    offered_or_promised,
    own_offers,
    this_process,
    with_usable_java,
)
from restock.infra.processes import LOOPBACK
from restock.infra.settings import Settings, SettingsError, load_settings
from restock.infra.threads import ThreadPlan, plan
from restock.kernels import policy

if TYPE_CHECKING:
    from distributed import LocalCluster
    from distributed.security import Security
    from prefect.task_runners import TaskRunner

# Imported by every Dask worker while it starts, so that the first task finds it there.
WORKER_PRELOAD = "restock.infra.dask_preload"
# What is left to the flow's process and to the servers beside the workers.
WORKERS_SHARE_OF_MEMORY = 0.8
OWN_RUNNERS = ("threads", "dask")
# A cluster elsewhere may still be starting.
WORKER_SECONDS = 60

logger = logging.getLogger(__name__)


def thread_plan(settings: Settings) -> ThreadPlan:
    """How the runner of these settings divides this node.

    ``threads`` is one process that runs a task on each core; Dask has a process to each core.
    """
    cores = plan(settings.cores).cores
    if settings.runner == "threads":
        return plan(cores, workers=1, threads_per_worker=cores)
    return plan(cores)


def task_runner(
    settings: Settings | None = None, *, preload: Sequence[str] = ()
) -> "TaskRunner[Any]":
    """The task runner for ``@flow(task_runner=…)`` or ``flow.with_options``.

    Making it starts nothing: a cluster starts with the first task, or with ``warm_up``. But
    from here on our loggers speak in this process, as in every process that runs a flow.
    preload: modules of the flow's tasks, imported by every worker of our own cluster while it
    starts.
    """
    logs.configure()
    logs.listen_to_all()
    settings = settings or load_settings()
    if settings.runner == "threads":
        from prefect.task_runners import ThreadPoolTaskRunner

        return ThreadPoolTaskRunner(max_workers=thread_plan(settings).slots)
    from restock.infra.dask_runner import OneClusterRunner

    if settings.runner == "dask":
        # A factory: given a cluster object, the runner would drop it and start another.
        return OneClusterRunner(
            cluster_class=local_cluster, cluster_kwargs={"settings": settings, "preload": preload}
        )
    return OneClusterRunner(
        address=scheduler_address(settings.runner), client_kwargs={"security": security(settings)}
    )


def scheduler_address(runner: str) -> str:
    """Dask's own spelling of ``dask://HOST:PORT``; ``tls://`` stays."""
    return runner.replace("dask://", "tcp://", 1)


def local_cluster(settings: Settings | None = None, preload: Sequence[str] = ()) -> "LocalCluster":
    """Start Dask on this node: loopback only, one process to each core, no dashboard.

    Workers offer CPU, and GPU or SPARK where this node has it. A context manager that stops it.
    """
    import dask
    from distributed.system import MEMORY_LIMIT

    from restock.infra.own_cluster import OwnCluster

    settings = settings or load_settings()
    made = thread_plan(settings)
    dask.config.set(cluster_config(made))
    return OwnCluster(
        own_offers(made.workers),
        threads_per_worker=made.threads_per_worker,
        processes=True,
        host=LOOPBACK,
        dashboard_address=f"{LOOPBACK}:0",  # any free port: the usual one may be taken
        worker_dashboard_address=None,
        memory_limit=int(MEMORY_LIMIT * WORKERS_SHARE_OF_MEMORY / made.workers),
        preload=[WORKER_PRELOAD, *preload],
        env=made.environment(),
        silence_logs=False,  # DASK_LOGGING__DISTRIBUTED says how much
    )


def cluster_config(made: ThreadPlan) -> dict[str, Any]:
    """Dask's configuration for our kind of work, on a cluster that we start."""
    return {
        # joblib in a task may start processes of its own.
        "distributed.worker.daemon": False,
        # A worker that stands at a breakpoint, or holds the GIL, is not dead.
        "distributed.scheduler.worker-ttl": None,
        # The nanny sets these in our own environment too, where numba would refuse to go on
        # with another number, and where more cores are ours: such variables reach the workers
        # by ``env`` alone.
        "distributed.nanny.pre-spawn-environ": {
            name: value
            for name, value in made.environment().items()
            if "NUMBA" not in name and name != policy.THREADS
        },
        # Tasks return references, so that there is nothing to spill.
        "distributed.worker.memory.target": False,
        "distributed.worker.memory.spill": False,
        "distributed.worker.memory.pause": 0.9,
        "distributed.worker.memory.terminate": 0.97,
        # A task that kills its worker is tried on one more, then reported as lost. Tasks that
        # only waited at that worker are suspected with it: ``gather`` submits them again.
        "distributed.scheduler.allowed-failures": 1,
        # Few long tasks: a worker gets the next one when it is free, and is not measured.
        "distributed.scheduler.worker-saturation": 1.0,
        "distributed.admin.system-monitor.gil.enabled": False,
        "distributed.worker.profile.enabled": False,
    }


def offers_here(settings: Settings, *, spark: bool = False) -> Offers:
    """What the workers of the running flow offer; waits for the first of them.

    Nodes that ``restock nodes`` would start for work that asks count as if they were there.
    spark: it is wanted, so that a Java which cannot run it is found out. ValueError when a cluster
    elsewhere gets no worker and is promised none.
    """
    from prefect.context import FlowRunContext

    if settings.runner == "threads":
        offers = this_process(thread_plan(settings).slots)
    else:
        context = FlowRunContext.get()
        client = getattr(context.task_runner if context else None, "client", None)
        if client is None:
            raise RuntimeError("call this in a flow that runs on Dask")
        until = time.monotonic() + WORKER_SECONDS
        while not (offers := offered_or_promised(client)).slots:
            if time.monotonic() > until:
                raise ValueError(
                    f"no worker came to {settings.runner} within {WORKER_SECONDS} s: start some "
                    f"with restock workers --runner {settings.runner}"
                )
            time.sleep(1)
    ours = settings.runner in OWN_RUNNERS
    return with_usable_java(offers) if ours and spark else offers


def needs_of_cpu_work(settings: Settings) -> dict[str, float]:
    """What Dask is told that work on CPUs needs, so that it stays off workers for other work.

    Nothing on our own cluster, where all workers do it: without a need Dask keeps work in a queue
    until a worker is free, with one it is dealt out at once.
    """
    return {} if settings.runner in OWN_RUNNERS else offers_here(settings).needs("CPU")


def warm_up() -> "threading.Thread":
    """Start the cluster of the running flow in the background, while the flow reads orders.

    Call it first in a flow's body. Does nothing for runners that have no cluster. An error
    shows with the first task. Where the flow is to be debugged, it waits for the debugger
    before anything starts.
    """
    from prefect.context import FlowRunContext

    if port := load_settings().debug:
        debugger.wait(port)

    context = FlowRunContext.get()
    runner = context.task_runner if context else None

    def start() -> None:
        began = time.monotonic()
        try:
            if getattr(runner, "client", None) is not None:
                logger.info("workers are ready after %.1f s", time.monotonic() - began)
        except Exception:
            logger.debug("the cluster did not start ahead of the first task", exc_info=True)

    thread = threading.Thread(target=copy_context().run, args=[start], daemon=True)
    thread.start()
    return thread


def security(settings: Settings) -> "Security | None":
    """What a client, a worker or a scheduler shows to the cluster of these settings.

    None without TLS.

    SettingsError when the settings lack a certificate.
    """
    if not settings.runner.startswith("tls://"):
        return None
    from distributed.security import Security

    shown = {name: value for name, value in settings.dask if name.startswith("tls_")}
    if missing := [name for name, value in shown.items() if value is None]:
        variables = ", ".join(f"RESTOCK_DASK__{name.upper()}" for name in missing)
        raise SettingsError(f"the runner {settings.runner} needs certificates: set {variables}")
    ca, cert, key = (str(shown[f"tls_{part}"]) for part in ("ca_file", "cert", "key"))
    return Security(
        require_encryption=True,
        tls_ca_file=ca,
        tls_client_cert=cert,
        tls_client_key=key,
        tls_worker_cert=cert,
        tls_worker_key=key,
        tls_scheduler_cert=cert,
        tls_scheduler_key=key,
    )
