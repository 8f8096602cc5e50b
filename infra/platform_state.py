"""What ``restock up`` has started: one file in the home folder, true only while it runs."""

import fcntl
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path

from pydantic import BaseModel, ConfigDict, ValidationError

from restock.infra.processes import Service

SERVER, WORKER, MLFLOW = "prefect-server", "prefect-worker", "mlflow"


class PlatformState(BaseModel):
    """The services of the standing platform, and the ports it had the last time."""

    model_config = ConfigDict(frozen=True, extra="forbid")

    version: int = 1
    services: dict[str, Service] = {}
    ports: dict[str, int] = {}
    deployed: str = ""
    """Fingerprint of what was deployed to the running server; empty: nothing yet."""

    def running(self) -> dict[str, Service]:
        """The services that are alive: after a reboot, none of them."""
        return {name: service for name, service in self.services.items() if service.alive()}


def read_state(home: Path) -> PlatformState:
    """The state of a home folder; nothing runs where the file is missing or damaged."""
    try:
        return PlatformState.model_validate_json(_file(home).read_bytes())
    except (OSError, ValidationError):
        return PlatformState()


def write_state(home: Path, state: PlatformState) -> None:
    """Replace the state in one step."""
    home.mkdir(parents=True, exist_ok=True)
    temporary = _file(home).with_suffix(".part")
    temporary.write_text(state.model_dump_json(indent=1))
    temporary.replace(_file(home))


@contextmanager
def exclusively(home: Path) -> Iterator[None]:
    """Hold the platform of a home folder: two ``up`` at once start one platform."""
    home.mkdir(parents=True, exist_ok=True)
    with (home / "platform.lock").open("w") as lock:
        fcntl.flock(lock, fcntl.LOCK_EX)
        yield


def standing(home: Path) -> str | None:
    """Address of the Prefect API of the standing platform, when there is one."""
    server = read_state(home).running().get(SERVER)
    return f"{server.url}/api" if server else None


def _file(home: Path) -> Path:
    return home / "platform.json"
