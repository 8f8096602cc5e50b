"""What is asked of any service that runs jobs elsewhere: start, look, cancel, read the log.

Azure ML, Databricks and plain processes of this machine answer it, so that work pools and node
scaling do not know which of them they use.
"""

from collections.abc import Mapping, Sequence
from enum import StrEnum
from typing import NamedTuple, Protocol


class Phase(StrEnum):
    """How far a job is."""

    WAITING = "waiting"
    RUNNING = "running"
    SUCCEEDED = "succeeded"
    FAILED = "failed"
    CANCELLED = "cancelled"

    @property
    def ended(self) -> bool:
        """Nothing more will happen."""
        return self in (Phase.SUCCEEDED, Phase.FAILED, Phase.CANCELLED)


class JobSpec(NamedTuple):
    """A job to start.

    name: for people, and for finding it again; letters, digits, ``-`` and ``_``.
    command: program and arguments. environment: variables; no secret may be among them, since a
    job's definition is readable by everybody who sees the workspace. nodes: how many machines run
    it.
    """

    name: str
    command: Sequence[str]
    environment: Mapping[str, str]
    nodes: int = 1


class JobState(NamedTuple):
    """Where a job stands. reason: of a failure, in the service's words. url: its page, if any."""

    phase: Phase
    reason: str = ""
    url: str = ""


class JobNotFound(LookupError):
    """The service knows no such job."""


class JobRefused(ValueError):
    """The service does not take the job, or does not let us: trying again does not help."""


class JobService(Protocol):
    """A service that runs jobs. Its errors are ``OSError`` where trying again may help."""

    def start(self, spec: JobSpec) -> str:
        """Start a job; its id at the service. JobRefused."""
        ...

    def state(self, job: str) -> JobState:
        """Where the job stands. JobNotFound."""
        ...

    def cancel(self, job: str) -> None:
        """Ask that the job ends; nothing happens to one that has ended. JobNotFound."""
        ...

    def log(self, job: str, start: int) -> str:
        """What its first node has written, from character ``start`` on."""
        ...
