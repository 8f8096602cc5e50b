"""Starts the process beside the server, hears what it says, and starts it again when it dies."""

import logging
import subprocess
import sys
import threading
from collections.abc import Callable, Sequence
from contextlib import suppress

from restock.serving.messages import GOODBYE, MESSAGES, Message, Refused, Started

RESTART_SECONDS = 5.0
DRAIN_SECONDS = 30.0
"""How long the last exposures may take to the store; what is left is sent by the next server."""

logger = logging.getLogger(__name__)


class CannotServe(ValueError):
    """What was asked for is wrong: settings, store or markets. The text says what."""


class Companion:
    """``background`` as a child in a process group of its own: Ctrl-C does not reach it."""

    def __init__(self, markets: Sequence[str]) -> None:
        self._command = [sys.executable, "-m", "restock.serving.background", *markets]
        self._process = self._launch()
        self._ending = threading.Event()
        self._thread: threading.Thread | None = None

    def started(self) -> Started:
        """Its first message. CannotServe when it refuses."""
        first = self._read()
        if isinstance(first, Started):
            return first
        self._process.wait()
        why = first.why if isinstance(first, Refused) else "it ended at once; see the lines above"
        raise CannotServe(why)

    def follow(self, hear: Callable[[Message], None]) -> None:
        """Pass on all that it says, from another thread."""
        self._thread = threading.Thread(target=self._follow, args=(hear,), daemon=True)
        self._thread.start()

    def stop(self) -> None:
        """Let it send what is left, and end."""
        self._ending.set()
        process = self._process
        assert process.stdin is not None
        with suppress(BrokenPipeError):  # it has died just now
            process.stdin.write(GOODBYE)
            process.stdin.close()
        try:
            process.wait(timeout=DRAIN_SECONDS)
        except subprocess.TimeoutExpired:
            logger.error("not all exposures could be sent: the next server sends them")
            process.kill()
            process.wait()
        if self._thread is not None:
            self._thread.join(timeout=RESTART_SECONDS)

    def _launch(self) -> subprocess.Popen[bytes]:
        return subprocess.Popen(
            self._command,
            stdin=subprocess.PIPE,
            stdout=subprocess.PIPE,
            process_group=0,  # not a session: its low priority would not count beside ours
        )

    def _read(self) -> Message | None:
        assert self._process.stdout is not None
        line = self._process.stdout.readline()
        return MESSAGES.validate_json(line) if line.endswith(b"\n") else None

    def _follow(self, hear: Callable[[Message], None]) -> None:
        while True:
            message = self._read()
            if message is not None:
                try:
                    hear(message)
                except Exception:  # the next one may be better: this thread must live
                    logger.exception("%s could not be followed", message)
                continue
            if self._ending.is_set():
                return
            code = self._process.wait()
            logger.error("the process that looks for publications ended (%s): once more", code)
            if self._ending.wait(RESTART_SECONDS):
                return
            self._process = self._launch()
