"""A real Prefect server for tests."""

import os
from collections.abc import Iterator
from contextlib import contextmanager

from restock.infra.prefect_env import environment
from restock.infra.prefect_server import serve, wait_for
from restock.infra.processes import Service, free_port, stop
from restock.infra.settings import Settings


@contextmanager
def serving(settings: Settings) -> Iterator[Service]:
    """A whole server: it schedules, and it ends with this process."""
    server = serve(
        settings.home, free_port(), environment=environment(settings), parent=os.getpid()
    )
    try:
        wait_for(server)
        yield server
    finally:
        stop([server])
