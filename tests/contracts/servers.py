"""A real Prefect server for tests, and the whole platform."""

import os
from collections.abc import Iterator
from contextlib import contextmanager
from typing import Any

from restock.infra.platform import down, up
from restock.infra.platform_state import PlatformState
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


@contextmanager
def standing_platform(settings: Settings, **options: Any) -> Iterator[PlatformState]:
    """``up`` for the time of a context, and ``down`` whatever happens in it."""
    try:
        yield up(settings, **options)
    finally:
        down(settings)
