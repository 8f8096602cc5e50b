"""Where this process finds Prefect, decided before prefect is imported.

Prefect reads its environment when it is imported, so a command connects first and imports
flows after. The server is, in this order: the one that the settings or ``PREFECT_API_URL``
name; the standing platform of ``restock up``; one that lives as long as the command.
"""

import os
import sys
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import Literal

from pydantic import BaseModel, ConfigDict

from restock.infra import log_relay, logs
from restock.infra.platform_state import standing
from restock.infra.prefect_server import STARTUP_SECONDS, embedded, wait_for
from restock.infra.processes import Service, stop
from restock.infra.runners import thread_plan
from restock.infra.settings import Settings
from restock.kernels import policy

API_URL = "PREFECT_API_URL"
HEARTBEAT = {"PREFECT_FLOWS_HEARTBEAT_FREQUENCY": "30"}
"""Not while a flow is debugged: one that stands at a breakpoint would be taken to be dead."""


class Connection(BaseModel):
    """The Prefect server of this process."""

    model_config = ConfigDict(frozen=True)

    api_url: str
    kind: Literal["configured", "standing", "embedded"]
    service: Service | None = None

    def wait(self) -> None:
        """Wait until an embedded server answers; the others are taken as they are."""
        if self.service:
            wait_for(self.service)


def environment(settings: Settings, *, console: str = logs.QUIET) -> dict[str, str]:
    """Variables of every process that imports prefect: private, offline, JSON, watched."""
    home = settings.home / "prefect"
    return {
        "RESTOCK_HOME": str(settings.home),
        "PREFECT_HOME": str(home),
        "PREFECT_SERVER_EPHEMERAL_STARTUP_TIMEOUT_SECONDS": str(STARTUP_SECONDS),
        "PREFECT_SERVER_ANALYTICS_ENABLED": "false",
        "PREFECT_SERVER_UI_SHOW_PROMOTIONAL_CONTENT": "false",
        "PREFECT_UI_STATIC_DIRECTORY": str(home / "ui"),
        "PREFECT_SERVER_DATABASE_TIMEOUT": "60",
        "PREFECT_RESULTS_DEFAULT_SERIALIZER": "json",
        **({} if settings.debug else HEARTBEAT),
        "PREFECT_WORKER_QUERY_SECONDS": "5",  # what is due starts within seconds
        "DO_NOT_TRACK": "1",
        "MLFLOW_DISABLE_TELEMETRY": "true",
        "MLFLOW_SERVER_ENABLE_JOB_EXECUTION": "false",
        **logs.environment(console),
        logs.LINES: str(settings.home / "log-lines"),
        **_threads(settings),
        **settings.environment(),
    }


def _threads(settings: Settings) -> dict[str, str]:
    """Tasks on threads share this process, so that its libraries get one task's share each.

    Dask's workers are given theirs by the runner; the flow itself has all cores before they work.
    """
    plan = thread_plan(settings)
    if settings.runner == "threads":
        return plan.environment()
    return {policy.THREADS: str(plan.cores)}


def configure(settings: Settings, *, console: str = logs.QUIET) -> str | None:
    """Set the environment of this process and its children; what a user has set stays.

    Returns the address of the server that is there, or None where one has to be started.
    Raises RuntimeError when prefect is imported already: it would not notice.
    """
    if "prefect" in sys.modules:
        raise RuntimeError(
            "prefect is imported already and has read its environment: connect first, import "
            "flows after"
        )
    variables = environment(settings, console=console)
    url = settings.prefect.api_url or os.environ.get(API_URL)
    if url and not settings.prefect.api_url:
        variables.pop("PREFECT_HOME")  # the user's own server: the key may lie in their profile
    elif not url and (there := standing(settings.home)):
        url = there
    forced = {name: variables[name] for name in ("PREFECT_HOME", "RESTOCK_HOME") & variables.keys()}
    os.environ.update({**variables, **os.environ, **settings.environment(), **forced})
    if "PREFECT_HOME" in forced:
        Path(forced["PREFECT_HOME"]).mkdir(parents=True, exist_ok=True)  # prefect makes no parents
    if url:
        os.environ[API_URL] = url
    if numba := sys.modules.get("numba"):
        # Else it looks again when it compiles, and refuses other threads than it has started.
        numba.core.config.reload_config()
    return url


@contextmanager
def connect(settings: Settings, *, console: str = logs.QUIET) -> Iterator[Connection]:
    """Configure this process, with an embedded server where there is no other.

    The embedded server starts in the background, so that imports and reading of orders go on
    meanwhile: call ``wait`` on the connection before a flow is run. It ends with the context,
    and by itself when this process is killed.
    """
    configured = bool(settings.prefect.api_url or os.environ.get(API_URL))
    if url := configure(settings, console=console):
        yield Connection(api_url=url, kind="configured" if configured else "standing")
        return
    server = embedded(settings.home)
    os.environ[API_URL] = api_url = f"{server.url}/api"
    try:
        yield Connection(api_url=api_url, kind="embedded", service=server)
    finally:
        send_what_is_left()
        os.environ.pop(API_URL, None)
        stop([server])


def send_what_is_left() -> None:
    """Send the logs and events that prefect still holds: call it before its server ends.

    prefect sends them in the background, up to the end of the process, and tries for minutes
    to reach a server that is gone.
    """
    if "prefect.flow_engine" not in sys.modules:
        return
    from prefect.events.worker import EventsWorker
    from prefect.logging.handlers import APILogWorker

    log_relay.drain()
    APILogWorker.drain_all(timeout=5)
    EventsWorker.drain_all(timeout=5)
