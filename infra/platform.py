"""``restock up`` and ``restock down``: a platform on this machine that stays.

A Prefect server, a worker that runs what is due, the pages of MLflow, and the deployments of
``deployments/``. Everything listens on the loopback address only, lives in the home folder and
writes to log files there. What runs is remembered in one state file.
"""

import datetime as dt
import hashlib
import os
import subprocess
import time
from collections.abc import Callable, Mapping
from pathlib import Path
from typing import Any

from restock.infra import mlflow_server, prefect_server
from restock.infra.deployments import DeploymentsError, packaged, read_prefect_file
from restock.infra.platform_state import (
    MLFLOW,
    SERVER,
    WORKER,
    PlatformState,
    exclusively,
    read_state,
    write_state,
)
from restock.infra.prefect_env import API_URL, environment
from restock.infra.processes import ProcessError, Service, answers, free_port, python, start, stop
from restock.infra.settings import CONFIG_FILE, CONFIG_VARIABLE, Settings

PORTS = {SERVER: 4200, MLFLOW: 5000}
WORKER_SECONDS = 90.0
Say = Callable[[str], None]


class NotOurs(RuntimeError):
    """The settings name servers elsewhere, so that there is nothing to start here."""


def up(
    settings: Settings,
    *,
    folder: Path | None = None,
    every_market: bool = True,
    say: Say = lambda _: None,
) -> PlatformState:
    """Start what does not run yet, apply the deployments, and wait until all of it works.

    folder: deployments other than the packaged ones; every_market: they must cover every
    market. Done twice it changes nothing. What it has started is stopped again when it fails.

    Raises NotOurs, ProcessError (a service did not come up) or DeploymentsError.
    """
    _refuse_servers_elsewhere(settings)
    folder = (folder or packaged()).absolute()
    with exclusively(settings.home), _Starting(settings) as starting:
        server = starting.ensure(SERVER, _start_server, say)
        mlflow = None
        if settings.mlflow.tracking_uri is None:
            mlflow = starting.ensure(MLFLOW, _start_mlflow, say)
        prefect_server.wait_for(server)
        fingerprint = _fingerprint(folder, settings)
        if starting.state.deployed != fingerprint:
            say("applying the deployments")
            _deploy(folder, starting.variables, every_market)
            starting.note(deployed=fingerprint)
        if WORKER not in starting.state.services:
            _catch_up(folder, starting.variables, say)
        starting.ensure(WORKER, _start_worker(folder), say)
        _wait_for_worker(server, starting.state.services[WORKER], folder)
        if mlflow:
            mlflow_server.wait_for(mlflow)
        return starting.state


def down(settings: Settings) -> list[str]:
    """Stop everything that ``up`` has started; returns what ran. Twice is harmless.

    Runs under way are ended and report it. What they had published stays.
    """
    with exclusively(settings.home):
        state = read_state(settings.home)
        # The worker first: what it ends has to tell the server.
        stopped = stop([state.services[WORKER]] if WORKER in state.services else [], grace=20)
        stopped += stop(state.services.values())
        write_state(settings.home, PlatformState(ports=state.ports))
        return sorted(stopped)


class _Starting:
    """One ``up`` under way: the state as it grows, and what to undo when it fails."""

    def __init__(self, settings: Settings) -> None:
        self.settings = settings
        self.variables = _variables(settings)
        self.started: list[Service] = []

    def __enter__(self) -> "_Starting":
        state = read_state(self.settings.home)
        self.state = state.model_copy(update={"services": state.running()})
        return self

    def __exit__(self, kind: type[BaseException] | None, *_: object) -> None:
        if kind is not None:
            stop(reversed(self.started))
            self.note(services=self.state.running(), deployed="")

    def note(self, **changes: Any) -> None:
        """Change the state and write it down at once: a crash leaves nothing unknown."""
        self.state = self.state.model_copy(update=changes)
        write_state(self.settings.home, self.state)

    def ensure(self, name: str, make: "_Make", say: Say) -> Service:
        """The service that runs, or a new one on the port it had the last time."""
        if name in self.state.services:
            return self.state.services[name]
        say(f"starting {name}")
        ports = dict(self.state.ports)
        if name in PORTS:
            ports[name] = free_port(ports.get(name, PORTS[name]))
        if name == SERVER:
            self.variables[API_URL] = f"http://127.0.0.1:{ports[name]}/api"
            self.note(deployed="")
        service = make(self.settings.home, ports.get(name, 0), self.variables)
        self.started.append(service)
        self.note(services={**self.state.services, name: service}, ports=ports)
        return service


_Make = Callable[[Path, int, Mapping[str, str]], Service]


def _start_server(home: Path, port: int, variables: Mapping[str, str]) -> Service:
    return prefect_server.serve(home, port, environment=variables)


def _start_mlflow(home: Path, port: int, variables: Mapping[str, str]) -> Service:
    return mlflow_server.serve(home, port, environment=variables)


def _start_worker(folder: Path) -> _Make:
    pool = read_prefect_file(folder).deployments[0].work_pool.name

    def make(home: Path, _: int, variables: Mapping[str, str]) -> Service:
        return start(
            WORKER,
            python(
                *("prefect", "worker", "start", "--name", "restock"),
                *("--pool", pool, "--type", "process"),
            ),
            log=home / "logs" / "prefect-worker.log",
            environment=variables,
        )

    return make


def _variables(settings: Settings) -> dict[str, str]:
    """The environment of the services, and so of every run that the worker starts."""
    values = environment(settings, console="INFO")
    if CONFIG_VARIABLE not in os.environ and Path(CONFIG_FILE).is_file():
        values[CONFIG_VARIABLE] = str(Path(CONFIG_FILE).absolute())  # runs have another folder
    if server := read_state(settings.home).running().get(SERVER):
        values[API_URL] = f"{server.url}/api"
    return values


def _refuse_servers_elsewhere(settings: Settings) -> None:
    if settings.prefect.api_url or os.environ.get(API_URL):
        where = settings.prefect.api_url or os.environ[API_URL]
        raise NotOurs(
            f"the settings name a Prefect server at {where}, so there is none to start here: "
            "apply the deployments to it with `python -m restock.infra.deploy`, or unset "
            f"RESTOCK_PREFECT__API_URL and {API_URL}"
        )


def _fingerprint(folder: Path, settings: Settings) -> str:
    """Changes when the deployments or the markets change."""
    digest = hashlib.sha256()
    paths = [*folder.rglob("*.yaml"), *folder.glob("*.toml")]
    for path in sorted(paths) + ([settings.markets] if settings.markets else []):
        digest.update(path.read_bytes())
    return digest.hexdigest()


def _deploy(folder: Path, variables: Mapping[str, str], every_market: bool) -> None:
    """In a process of its own: prefect has to be imported with this environment."""
    flags = [] if every_market else ["--other-flows"]
    done = subprocess.run(
        python("restock.infra.deploy", "--folder", str(folder), *flags),
        env={**os.environ, **variables},
        capture_output=True,
        text=True,
        check=False,
    )
    if done.returncode:
        raise DeploymentsError(done.stderr.strip() or done.stdout.strip())


def _catch_up(folder: Path, variables: Mapping[str, str], say: Say) -> None:
    """Before the worker takes what is late: see ``restock.infra.catch_up``."""
    done = subprocess.run(
        python("restock.infra.catch_up", "--folder", str(folder)),
        env={**os.environ, **variables},
        capture_output=True,
        text=True,
        check=False,
    )
    if done.returncode:
        raise DeploymentsError(done.stderr.strip())
    for line in done.stdout.splitlines():
        say(line)


def _wait_for_worker(server: Service, worker: Service, folder: Path) -> None:
    pool = read_prefect_file(folder).deployments[0].work_pool.name
    until = time.monotonic() + WORKER_SECONDS
    while not any(heard > worker.started for heard in _heartbeats(server, pool)):
        if not worker.alive() or time.monotonic() > until:
            raise ProcessError(f"no worker polls the pool {pool}: see {worker.log}")
        time.sleep(0.3)


def _heartbeats(server: Service, pool: str) -> list[float]:
    """When each worker of a pool was last heard, seconds since 1970: the dead ones linger."""
    workers = prefect_server.ask(f"{server.url}/api", f"/work_pools/{pool}/workers/filter")
    heard = [worker["last_heartbeat_time"] for worker in workers]
    return [dt.datetime.fromisoformat(then).timestamp() for then in heard if then]


def status(settings: Settings) -> dict[str, bool]:
    """Which services of the platform answer, or at least run."""
    running = read_state(settings.home).running()
    paths = {SERVER: "/api/health", MLFLOW: "/health"}
    return {
        name: name in running
        and (name not in paths or answers(f"{running[name].url}{paths[name]}"))
        for name in (SERVER, WORKER, MLFLOW)
    }
