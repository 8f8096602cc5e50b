"""A Prefect server on the loopback address: beside one command, or of the standing platform."""

import argparse
import json
import os
import signal
import threading
import time
import urllib.error
import urllib.request
from collections.abc import Mapping
from pathlib import Path
from typing import Any

from restock.infra.processes import (
    LOOPBACK,
    Service,
    direct,
    free_port,
    python,
    start,
    wait_until_healthy,
)

NOTHING: Mapping[str, str] = {}
STARTUP_SECONDS = 90
"""Most a server may take to answer: its first start creates the database."""
BUSY = (429, 502, 503)
"""What a server says that did nothing yet: 503 when its SQLite database is locked."""
BUSY_SECONDS = 60.0


def embedded(home: Path, *, environment: Mapping[str, str] = NOTHING) -> Service:
    """Start a server that ends with this process, on a free port; returns before it answers.

    environment: added to that of this process.
    """
    # Runs that are due belong to the standing platform.
    quiet = {
        "PREFECT_SERVER_SERVICES_SCHEDULER_ENABLED": "false",
        "PREFECT_SERVER_SERVICES_LATE_RUNS_ENABLED": "false",
    }
    return serve(home, free_port(), environment={**environment, **quiet}, parent=os.getpid())


def serve(
    home: Path, port: int, *, environment: Mapping[str, str], parent: int | None = None
) -> Service:
    """Start a server on a port, with its UI. parent: the process it must not outlive."""
    url = f"http://{LOOPBACK}:{port}"
    arguments = ["--port", str(port), *(["--parent", str(parent)] if parent else [])]
    return start(
        "prefect-server",
        python("restock.infra.prefect_server", *arguments),
        log=home / "logs" / "prefect-server.log",
        environment={
            **environment,
            "PREFECT_API_URL": f"{url}/api",
            "PREFECT_UI_API_URL": f"{url}/api",
            "PREFECT_LOGGING_HANDLERS_CONSOLE_LEVEL": "WARNING",
        },
        url=url,
    )


def wait_for(server: Service, timeout: float = STARTUP_SECONDS) -> None:
    """Wait until the server answers. Raises ProcessError with the end of its log."""
    wait_until_healthy(server, "/api/health", timeout)


def ask(api: str, path: str, **body: Any) -> Any:
    """What a server on this machine answers when ``body`` is posted to ``api + path``, as JSON.

    For processes that do without prefect, which takes seconds to import. A busy server is asked
    again for a minute, as prefect's own client does. Raises urllib.error.HTTPError when it stays
    busy or refuses, and OSError when there is none.
    """
    request = urllib.request.Request(
        f"{api}{path}",
        data=json.dumps(body).encode(),
        headers={"Content-Type": "application/json"},
    )
    until = time.monotonic() + BUSY_SECONDS
    while True:
        try:
            with direct.open(request, timeout=10) as answer:
                return json.load(answer)
        except urllib.error.HTTPError as error:
            if error.code not in BUSY or time.monotonic() > until:
                raise
            time.sleep(0.5)


def main() -> None:
    """Run the server in this process."""
    parser = argparse.ArgumentParser()
    parser.add_argument("--port", type=int, required=True)
    parser.add_argument("--parent", type=int)
    arguments = parser.parse_args()
    if arguments.parent:
        threading.Thread(target=_end_with, args=[arguments.parent], daemon=True).start()
    # Says that no other app is made in this process, so that the server may free memory.
    os.environ["PREFECT__SERVER_FINAL"] = "1"
    import uvicorn

    uvicorn.run(
        "prefect.server.api.server:create_app",
        factory=True,
        host=LOOPBACK,
        port=arguments.port,
        log_level="warning",
        lifespan="on",
        timeout_graceful_shutdown=3,
    )


def _end_with(parent: int) -> None:
    """A killed command cannot stop its server: the server sees that it became an orphan."""
    while os.getppid() == parent:
        time.sleep(1)
    os.kill(os.getpid(), signal.SIGTERM)
    time.sleep(10)
    os.kill(os.getpid(), signal.SIGKILL)


if __name__ == "__main__":
    main()
