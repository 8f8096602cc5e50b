"""Jobs that are plain processes of this machine, as many as the job has nodes.

Each is told its rank as Azure ML tells it to a distributed PyTorch job. They outlive whoever
started them, as jobs elsewhere do, but are known to nobody else.
"""

import os
import signal
import subprocess
import threading
import uuid
from contextlib import suppress
from pathlib import Path

from restock.infra.cloud_jobs import JobNotFound, JobSpec, JobState, Phase
from restock.infra.processes import LOOPBACK, free_port

GRACE_SECONDS = 30.0


class LocalJobs:
    """A ``JobService``. folder: where jobs write their logs."""

    def __init__(self, folder: Path) -> None:
        self._folder = folder
        self._jobs: dict[str, list[subprocess.Popen[bytes]]] = {}
        self._cancelled: set[str] = set()

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
            with self._log(job, rank).open("wb") as output:
                process = subprocess.Popen(
                    list(spec.command),
                    stdin=subprocess.DEVNULL,
                    stdout=output,
                    stderr=subprocess.STDOUT,
                    env={**os.environ, **spec.environment, **together, "NODE_RANK": str(rank)},
                    start_new_session=True,
                )
            self._jobs[job].append(process)
        return job

    def state(self, job: str) -> JobState:
        """See ``JobService.state``: the first node's, whose end is the job's."""
        code = self._nodes(job)[0].poll()
        if code is None:
            return JobState(Phase.RUNNING)
        if job in self._cancelled:
            return JobState(Phase.CANCELLED, "it was cancelled")
        if code == 0:
            return JobState(Phase.SUCCEEDED)
        how = f"was killed by {signal.Signals(-code).name}" if code < 0 else f"ended with {code}"
        return JobState(Phase.FAILED, f"its first node {how}", self._log(job, 0).as_uri())

    def cancel(self, job: str) -> None:
        """See ``JobService.cancel``: all nodes are asked, and killed if they go on."""
        nodes = self._nodes(job)
        if nodes[0].poll() is None:
            self._cancelled.add(job)
        self._signal(nodes, signal.SIGTERM)
        killing = threading.Timer(GRACE_SECONDS, self._signal, (nodes, signal.SIGKILL))
        killing.daemon = True
        killing.start()

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

    @staticmethod
    def _signal(nodes: list["subprocess.Popen[bytes]"], number: int) -> None:
        for node in nodes:
            if node.poll() is None:
                with suppress(ProcessLookupError):
                    os.killpg(node.pid, number)
