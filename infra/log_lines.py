"""Log lines of processes that may be killed: on disk at once, sent by whoever is still there.

Prefect sends a process's log from the process itself, some seconds later: what a killed worker
said last is lost, and its joblib children are no part of a run at all. So workers and their
children append each line to a file of their own, in one folder of the node, and a ``Relay``
(``log_relay``) of the node sends them to the server.

A line is what Prefect's API takes, as JSON, with its source at the end of the message:
``… [worker@host:pid FR]``.
"""

import json
import os
import re
import socket
import threading
import uuid
from pathlib import Path
from typing import Any, NamedTuple

from restock.infra import logs

SUFFIX = ".jsonl"
LONGEST = 100_000  # characters of a message: a relay sends some of them at a time
_SOURCE = re.compile(
    r"  \[(?P<worker>[^\s@\[\]]+)@(?P<host>[^\s:\[\]]+):(?P<pid>\d+)"
    r"(?: (?P<market>[A-Z]{2,8}))?\]$"
)
_OPEN = threading.Lock()


class Source(NamedTuple):
    """Who said it. market: what it is about, where that is one market."""

    worker: str
    host: str
    pid: int
    market: str | None = None

    def __str__(self) -> str:
        about = f" {self.market}" if self.market else ""
        return f"[{self.worker}@{self.host}:{self.pid}{about}]"


def sourced(message: str, source: Source) -> str:
    """The message with its source at the end."""
    return f"{message}  {source}"


def split(message: str) -> tuple[str, Source | None]:
    """The message and its source, where it has one."""
    found = _SOURCE.search(message)
    if found is None:
        return message, None
    source = Source(found["worker"], found["host"], int(found["pid"]), found["market"])
    return message[: found.start()], source


class Lines:
    """The file of this process. worker: the name it goes by, without spaces."""

    def __init__(self, folder: Path, worker: str) -> None:
        self._folder, self._worker, self._host = folder, worker, socket.gethostname()
        self._file: _File | None = None

    def say(self, line: dict[str, Any]) -> None:
        """Append a line: it is kept though this process be killed right after.

        A forked child opens a file of its own. OSError where the disk does not take it.
        """
        pid = os.getpid()
        file = self._file
        if file is None or file.pid != pid:
            with _OPEN:
                file = self._file
                if file is None or file.pid != pid:
                    file = self._file = _File(self._folder, pid)
        source = Source(self._worker, self._host, pid, logs.market())
        line = {**line, "message": sourced(str(line["message"])[:LONGEST], source)}
        line.pop("__payload_size__", None)  # prefect's own note
        # a file's name may hold what is no text: no server would take it
        file.append(json.dumps(line, ensure_ascii=False).encode(errors="replace") + b"\n")


class _File:
    """A file of whole lines, from all threads of one process."""

    def __init__(self, folder: Path, pid: int) -> None:
        self.pid = pid
        folder.mkdir(parents=True, exist_ok=True, mode=0o700)
        path = folder / f"{pid}-{uuid.uuid4().hex[:8]}{SUFFIX}"
        self._descriptor = os.open(path, os.O_WRONLY | os.O_CREAT | os.O_APPEND, 0o600)
        self._lock = threading.RLock()  # a signal's handler may speak, too
        self._half = False

    def append(self, line: bytes) -> None:
        """Write it to its end. Half a line, where the disk was full, does not spoil the next."""
        with self._lock:
            rest = b"\n" + line if self._half else line
            self._half = True
            while rest:
                rest = rest[os.write(self._descriptor, rest) :]
            self._half = False


_name = "flow"


def speak(worker: str) -> None:
    """From now on what Prefect would send from this process goes to its file on disk."""
    from prefect.logging.handlers import set_api_log_sink

    global _name
    _name = re.sub(r"[\s@\[\]]", "-", worker)
    set_api_log_sink(Lines(folder_of_node(), _name).say)


def name() -> str:
    """What this process goes by."""
    return _name


def folder_of_node() -> Path:
    """Where the processes of this node write: ``logs.LINES``, else in restock's home."""
    if folder := os.environ.get(logs.LINES):
        return Path(folder)
    from restock.infra.settings import load_settings

    return load_settings().home / "log-lines"
