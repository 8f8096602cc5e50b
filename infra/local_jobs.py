"""Jobs that are plain processes of this machine, as many as the job has nodes.

Each is told its rank as Azure ML tells it to a distributed PyTorch job. They outlive whoever
started them, as jobs elsewhere do, but are known to nobody else. A machine that goes away takes
all that runs there along, and a job that ends all of its machines: so do the processes here.
"""

import os
import signal
import subprocess
import threading
import uuid
from contextlib import suppress
from pathlib import Path

import psutil

from restock.infra.cloud_jobs import JobNotFound, JobSpec, JobState, Phase
from restock.infra.processes import LOOPBACK, free_port

GRACE_SECONDS = 30.0
NODE = "LOCAL_JOB_NODE"
"""The variable by which all processes of a node are known, whatever session they are in."""


class LocalJobs:
    """A ``JobService``. folder: where jobs write their logs."""

    def __init__(self, folder: Path) -> None:
        self._folder = folder
        self._jobs: dict[str, list[subprocess.Popen[bytes]]] = {}
        self._cancelled: set[str] = set()
        self._ended: set[str] = set()

    def start(self, spec: JobSpec) -> str:
        """See ``JobService.start``."""
        job = f"{spec.name}-{uuid.uuid4().hex[:8]}"
        (self._folder / job).mkdir(parents=True)
        together = {
            "WORLD_SIZE": str(spec.nodes),
            "MASTER_ADDR": LOOPBACK,
            "MASTER_PORT": str(free_port()),
        }
        self._jobs[job] = []
        for rank in range(spec.nodes):
            variables = {**together, "NODE_RANK": str(rank), NODE: f"{job}/{rank}"}
            with self._log(job, rank).open("wb") as output:
                process = subprocess.Popen(
                    list(spec.command),
                    stdin=subprocess.DEVNULL,
                    stdout=output,
                    stderr=subprocess.STDOUT,
                    env={**os.environ, **spec.environment, **variables},
                    start_new_session=True,
                )
            self._jobs[job].append(process)
        return job

    def state(self, job: str) -> JobState:
        """See ``JobService.state``: the first node's, whose end is the job's."""
        code = self._nodes(job)[0].poll()
        if code is None:
            return JobState(Phase.RUNNING)
        if job not in self._ended:
            self._ended.add(job)
            _kill(f"{job}/0")
            self._end(job)
        if job in self._cancelled:
            return JobState(Phase.CANCELLED, "it was cancelled")
        if code == 0:
            return JobState(Phase.SUCCEEDED)
        how = f"was killed by {signal.Signals(-code).name}" if code < 0 else f"ended with {code}"
        return JobState(Phase.FAILED, f"its first node {how}", self._log(job, 0).as_uri())

    def cancel(self, job: str) -> None:
        """See ``JobService.cancel``: all nodes are asked, and killed if they go on."""
        if self._nodes(job)[0].poll() is None:
            self._cancelled.add(job)
        self._end(job)

    def log(self, job: str, start: int) -> str:
        """See ``JobService.log``."""
        self._nodes(job)
        return self._log(job, 0).read_text(errors="replace")[start:]

    def _nodes(self, job: str) -> list["subprocess.Popen[bytes]"]:
        if job not in self._jobs:
            raise JobNotFound(f"no job {job} was started here")
        return self._jobs[job]

    def _log(self, job: str, rank: int) -> Path:
        return self._folder / job / f"node-{rank}.txt"

    def _end(self, job: str) -> None:
        """Ask the nodes that are left; kill what goes on."""
        nodes = self._jobs[job]
        for node in nodes:
            node.terminate()

        def kill() -> None:
            for rank, node in enumerate(nodes):
                _kill(f"{job}/{rank}")
                node.poll()  # leaves no zombie behind

        killing = threading.Timer(GRACE_SECONDS, kill)
        killing.daemon = True
        killing.start()


def _kill(node: str) -> None:
    """Kill all processes of a node."""
    for process in psutil.process_iter():
        with suppress(psutil.Error):  # another's, or it has just ended
            if process.environ().get(NODE) == node:
                process.kill()
