"""Sends the log lines of a node to the server, on behalf of processes that may be gone.

Every process that outlives others starts a ``Relay``: the flow's own, nannies
(``--preload-nanny restock.infra.log_relay``), workers. One of them at a time sends, whoever holds
the lock of the folder; when it is killed another goes on where it stood.
"""

import atexit
import fcntl
import json
import logging
import os
import threading
import time
from collections.abc import Callable, Iterator, Sequence
from itertools import islice
from pathlib import Path
from typing import Any

import psutil

from restock.infra.log_lines import SUFFIX, folder_of_node

SECONDS = 0.25
LINES_AT_ONCE = 200  # a server takes a third longer for each of a thousand, and answers nobody else
BYTES_AT_ONCE = 2_000_000
PATIENCE_SECONDS = 5.0
"""At the end, with a server that takes nothing: what waits on the disk is sent another time."""

NOTE, NEW, DAMAGED = ".sent", ".new", ".damaged"
REFUSED = frozenset({400, 413, 422})
"""What a server answers that will not take a line however often it is sent."""

logger = logging.getLogger(__name__)

Send = Callable[[Sequence[dict[str, Any]]], None]


class Away(ConnectionError):
    """The server does not take lines now."""


class Relay:
    """Sends what is appended to the files of ``folder``, until it is stopped.

    A line is sent once, and twice only where a relay is killed before it has noted that it is
    sent, or the note is lost. A file whose writer is gone is removed when all of it is sent.
    While the server is away lines wait on the disk. Lines that nobody can read or that the server
    refuses are set aside in ``<file>.damaged``, so that they do not keep others waiting.
    """

    def __init__(self, folder: Path, send: Send | None = None) -> None:
        self._folder, self._send = folder, send
        self._stop = threading.Event()
        self._took = 0.0  # when the server last took something
        self._lock: int | None = None
        self._sent: dict[Path, int] = {}  # bytes of each file that are done with
        self._troubled: set[Path] = set()
        self._thread = threading.Thread(target=self._work, name="log relay", daemon=True)

    def start(self) -> "Relay":
        """Begin, in the background."""
        self._thread.start()
        return self

    def stop(self) -> None:
        """Send what is there, as long as the server takes it, and end."""
        self._stop.set()
        self._took = time.monotonic()
        while self._thread.is_alive() and time.monotonic() < self._took + PATIENCE_SECONDS:
            self._thread.join(SECONDS)

    def _work(self) -> None:
        silent = False
        while True:
            last = self._stop.wait(SECONDS)
            try:
                self._turn()
                silent = False
            except Exception:
                # said once: a server that is away is asked again four times a second
                (logger.debug if silent else logger.warning)(
                    "log lines wait in %s: the server does not take them",
                    self._folder,
                    exc_info=not silent,
                )
                silent = True
            if last:
                break
        if self._lock is not None:
            os.close(self._lock)

    def _turn(self) -> None:
        if not self._folder.is_dir() or not self._is_mine():
            return
        # in turns: who says much does not keep the others waiting
        while sum(self._try(path) for path in sorted(self._folder.glob(f"*{SUFFIX}"))):
            pass

    def _try(self, path: Path) -> bool:
        """``_forward``, but what is wrong with one file is no matter of the others."""
        try:
            return self._forward(path)
        except Away:
            raise
        except Exception as error:
            self._complain(path, "%s is in trouble, and tried again: %s", path, error)
            return False

    def _complain(self, path: Path, *words: Any) -> None:
        """Once for each file."""
        (logger.debug if path in self._troubled else logger.error)(*words)
        self._troubled.add(path)

    def _is_mine(self) -> bool:
        """Whether this relay holds the folder; the lock goes with the process."""
        if self._lock is None:
            lock = os.open(self._folder / "relay.lock", os.O_RDWR | os.O_CREAT, 0o600)
            try:
                fcntl.flock(lock, fcntl.LOCK_EX | fcntl.LOCK_NB)
            except BlockingIOError:
                os.close(lock)
                return False
            self._lock = lock
        return True

    def _forward(self, path: Path) -> bool:
        """Send some lines of a file; false where there are none."""
        gone = not psutil.pid_exists(int(path.name.split("-")[0]))  # before the rest is read
        sent = self._sent[path] if path in self._sent else _noted(path)
        if lines := list(_some(path, sent)):
            damaged = self._deliver(lines)
            # before the rest, which fails on a full disk: what is sent is not sent again
            self._sent[path] = sent + sum(map(len, lines))
            if damaged:
                self._set_aside(path, damaged)
            _note(path, self._sent[path])
        elif gone:
            path.unlink()
            for suffix in (NOTE, NEW):
                path.with_suffix(suffix).unlink(missing_ok=True)
            self._sent.pop(path, None)
            self._troubled.discard(path)
        return bool(lines)

    def _deliver(self, lines: Sequence[bytes]) -> list[bytes]:
        """Send lines; returns those that cannot be read, and those that the server refuses."""
        readable, damaged = [], []
        for line in filter(bytes.strip, lines):  # an empty one ends what a full disk cut off
            try:
                readable.append((line, json.loads(line)))
            except ValueError:
                damaged.append(line)
        return damaged + self._refused(readable)

    def _refused(self, lines: Sequence[tuple[bytes, Any]]) -> list[bytes]:
        """Send lines; returns those that the server refuses, which may be one among many."""
        if not lines:
            return []
        if self._accepted([said for _, said in lines]):
            return []
        if len(lines) == 1:
            return [lines[0][0]]
        half = len(lines) // 2
        return self._refused(lines[:half]) + self._refused(lines[half:])

    def _accepted(self, said: Sequence[Any]) -> bool:
        try:
            self._send = self._send or _to_server()
        except Exception as error:
            raise Away("no server is known") from error
        try:
            self._send(said)
        except Exception as error:
            answer = getattr(error, "response", None)
            if getattr(answer, "status_code", None) not in REFUSED:
                raise Away("the server does not take log lines") from error
            return False
        self._took = time.monotonic()
        return True

    def _set_aside(self, path: Path, damaged: Sequence[bytes]) -> None:
        aside = path.with_suffix(DAMAGED)
        with aside.open("ab") as file:
            file.writelines(damaged)
        self._complain(path, "lines of %s could not be sent: see %s", path.name, aside)


def _noted(path: Path) -> int:
    """How much of a file was sent; 0 where that cannot be read: a line twice is told once."""
    try:
        return int(path.with_suffix(NOTE).read_text())
    except (FileNotFoundError, ValueError):
        return 0


def _note(path: Path, sent: int) -> None:
    """In one step: a relay that is killed meanwhile leaves the note of before."""
    new = path.with_suffix(NEW)
    new.write_text(str(sent))
    new.replace(path.with_suffix(NOTE))


def _some(path: Path, start: int) -> Iterator[bytes]:
    """The next whole lines of a file, whose last one may be half written."""
    size = 0
    with path.open("rb") as file:
        file.seek(start)
        for line in islice(file, LINES_AT_ONCE):
            if size > BYTES_AT_ONCE or not line.endswith(b"\n"):
                return
            size += len(line)
            yield line


def _to_server() -> Send:
    """Asked for with the first line, when there is a run and so a server."""
    from prefect.client.orchestration import get_client

    return get_client(sync_client=True).create_logs


_here: Relay | None = None


def here() -> None:
    """Have this process send what its node says, when nobody else does."""
    global _here
    if _here is None:
        _here = Relay(folder_of_node()).start()
        atexit.register(drain)


def drain() -> None:
    """Send what there is, and stop sending: the server is about to end, or this process is."""
    global _here
    relay, _here = _here, None
    if relay is not None:
        relay.stop()


def dask_setup(nanny: object) -> None:
    """Called by Dask in a nanny that preloads this module: it outlives its worker."""
    here()


def dask_teardown(nanny: object) -> None:
    """Called by Dask when the nanny ends."""
    drain()
