"""Processes that restock starts beside itself: started, recognised again, waited for, stopped."""

import os
import socket
import subprocess
import sys
import time
import urllib.error
import urllib.request
from collections.abc import Iterable, Mapping
from pathlib import Path

import psutil
from pydantic import BaseModel, ConfigDict

LOOPBACK = "127.0.0.1"
direct = urllib.request.build_opener(urllib.request.ProxyHandler({}))
"""Asks without a proxy, whatever the environment says: what is on loopback."""


class ProcessError(RuntimeError):
    """A process did not come up; the text holds the end of its log."""


class Service(BaseModel):
    """A process that we started, in a form that outlives us (the state file holds it)."""

    model_config = ConfigDict(frozen=True, extra="forbid")

    name: str
    pid: int
    started: float
    """Start of the process, seconds since 1970: a pid alone may be another's after a reboot."""
    command: tuple[str, ...]
    log: Path
    url: str | None = None

    def alive(self) -> bool:
        """Whether this very process still runs."""
        return _find(self) is not None


def start(
    name: str,
    command: Iterable[str],
    *,
    log: Path,
    environment: Mapping[str, str],
    url: str | None = None,
) -> Service:
    """Start a process in a session of its own: Ctrl-C in our terminal does not reach it.

    environment: added to ours. Output goes to the end of ``log``.
    """
    command = tuple(command)
    log.parent.mkdir(parents=True, exist_ok=True)
    variables = {**os.environ, **environment}
    # Set by some images; it makes every new process compile what it imports again.
    variables.pop("PYTHONDONTWRITEBYTECODE", None)
    with log.open("ab") as output:
        process = subprocess.Popen(
            command,
            stdin=subprocess.DEVNULL,
            stdout=output,
            stderr=subprocess.STDOUT,
            env=variables,
            start_new_session=True,
        )
    _ours[process.pid] = process
    return Service(
        name=name,
        pid=process.pid,
        started=psutil.Process(process.pid).create_time(),
        command=command,
        log=log,
        url=url,
    )


def stop(services: Iterable[Service], grace: float = 10.0) -> list[str]:
    """Stop processes and their children: ask, wait ``grace`` seconds, kill. Returns who ran.

    Children are asked too: a flow run that is told to end still reports its state.
    """
    running = {service.name: process for service in services if (process := _find(service))}
    family: list[psutil.Process] = []
    for process in running.values():
        try:
            family += [process, *process.children(recursive=True)]
        except psutil.NoSuchProcess:
            continue
    for process in family:
        try:
            process.terminate()
        except psutil.NoSuchProcess:
            continue
    _, left = psutil.wait_procs(family, timeout=grace)
    for process in left:
        try:
            process.kill()
        except psutil.NoSuchProcess:
            continue
    psutil.wait_procs(left, timeout=5)
    for process in running.values():
        if ours := _ours.pop(process.pid, None):
            ours.wait()  # leaves no zombie behind
    return sorted(running)


def wait_until_healthy(service: Service, path: str, timeout: float) -> None:
    """Wait until ``url + path`` answers 200.

    Raises ProcessError when the process ends before or the time is over.
    """
    until = time.monotonic() + timeout
    while not answers(f"{service.url}{path}"):
        if not service.alive():
            raise ProcessError(f"{service.name} ended while it started:\n{_end_of(service.log)}")
        if time.monotonic() > until:
            raise ProcessError(
                f"{service.name} did not answer at {service.url} within {timeout:.0f} s:\n"
                f"{_end_of(service.log)}"
            )
        time.sleep(0.1)


def answers(url: str, timeout: float = 2.0) -> bool:
    """Whether an address answers 200."""
    try:
        with direct.open(url, timeout=timeout) as response:
            return bool(response.status == 200)
    except (urllib.error.URLError, OSError, ValueError):
        return False


def free_port(preferred: int | None = None) -> int:
    """A free loopback port: the preferred one where it is free."""
    for port in (preferred, 0):
        if port is None:
            continue
        with socket.socket() as probe:
            probe.setsockopt(socket.SOL_SOCKET, socket.SO_REUSEADDR, 1)
            try:
                probe.bind((LOOPBACK, port))
            except OSError:
                continue
            return int(probe.getsockname()[1])
    raise ProcessError("there is no free port on the loopback address")


def python(*arguments: str) -> tuple[str, ...]:
    """A command of this very interpreter, by module: independent of PATH and working folder."""
    return (sys.executable, "-m", *arguments)


_ours: dict[int, subprocess.Popen[bytes]] = {}


def _find(service: Service) -> psutil.Process | None:
    if (ours := _ours.get(service.pid)) and ours.poll() is not None:
        return None
    try:
        process = psutil.Process(service.pid)
        same = abs(process.create_time() - service.started) < 2.0
        gone = process.status() == psutil.STATUS_ZOMBIE
        return process if same and not gone else None
    except (psutil.NoSuchProcess, psutil.AccessDenied):
        return None


def _end_of(log: Path, lines: int = 15) -> str:
    try:
        return "\n".join(log.read_text(errors="replace").splitlines()[-lines:])
    except OSError:
        return f"(no log at {log})"
