"""A debugger as an editor has one: it speaks the Debug Adapter Protocol over a socket."""

import json
import queue
import socket
import threading
import time
from collections.abc import Iterable, Mapping
from itertools import count
from pathlib import Path
from typing import Any

SECONDS = 240  # processes start one after the other, each under the debugger


def line_of(path: Path, text: str) -> int:
    """The number of the first line that contains a text."""
    lines = path.read_text(encoding="utf-8").splitlines()
    return next(n for n, line in enumerate(lines, 1) if text in line)


class Stop:
    """A thread that stands at a breakpoint. session: a number, the first that attached is 0."""

    def __init__(self, session: "_Session", thread: int) -> None:
        self._session, self._thread = session, thread
        self._frame = session.ask("stackTrace", threadId=thread)["stackFrames"][0]
        self.path, self.line = Path(self._frame["source"]["path"]), int(self._frame["line"])
        self.session = session.number

    def value(self, expression: str) -> str:
        """What an expression is there, as Python writes it."""
        found = self._session.ask("evaluate", expression=expression, frameId=self._frame["id"])
        return str(found["result"])

    def go_on(self) -> None:
        """Let the process run."""
        self._session.ask("continue", threadId=self._thread)


class Debugger:
    """Attaches to ports and to the child processes that it is told of, as VS Code does.

    breakpoints: file → lines, set in every session. A context manager that detaches from all.
    """

    def __init__(self, breakpoints: Mapping[Path, Iterable[int]]) -> None:
        self._breakpoints = {path: list(lines) for path, lines in breakpoints.items()}
        self._stops: queue.Queue[Stop] = queue.Queue()
        self._sessions: list[_Session] = []
        self._lock = threading.Lock()

    def __enter__(self) -> "Debugger":
        return self

    def __exit__(self, *_: object) -> None:
        for session in self._sessions:
            session.close()

    def attach(self, port: int, **arguments: Any) -> None:
        """Attach to who listens on a port of loopback; waits until somebody does."""
        session = self._greeted(port)
        session.begin(self._breakpoints, {"connect": {"port": port}, **arguments})

    def _greeted(self, port: int) -> "_Session":
        """A session that is answered; on a starved machine a connection may be dropped."""
        for last in (False, False, True):
            with self._lock:
                session = _Session(port, len(self._sessions), self)
                self._sessions.append(session)
            try:
                session.greet(SECONDS / 3)
                break
            except queue.Empty:
                session.close()
                if last:
                    raise
        return session

    def next_stop(self) -> Stop:
        """The next thread that comes to a breakpoint."""
        return self._stops.get(timeout=SECONDS)

    def happened(self, session: "_Session", event: Mapping[str, Any]) -> None:
        """An event of a session; called in a thread of its own."""
        if event["event"] == "stopped":
            self._stops.put(Stop(session, event["body"]["threadId"]))
        elif event["event"] == "debugpyAttach":
            body = {name: value for name, value in event["body"].items() if name != "request"}
            self.attach(body["connect"]["port"], **body)
        elif event["event"] == "terminated":
            session.close()


class _Session:
    """One connection: requests and their answers, and events."""

    def __init__(self, port: int, number: int, of: Debugger) -> None:
        self.number, self._of = number, of
        self._socket = _connected(port)
        self._ids = count(1)
        self._answers: dict[int, queue.Queue[dict[str, Any]]] = {}
        self._ready = threading.Event()
        threading.Thread(target=self._read, daemon=True).start()

    def greet(self, seconds: float) -> None:
        """Say who asks. queue.Empty when nobody answers in time."""
        about = {"adapterID": "debugpy", "pathFormat": "path"}
        self._answer(self._send("initialize", about), seconds)

    def begin(self, breakpoints: Mapping[Path, list[int]], arguments: Mapping[str, Any]) -> None:
        """Attach; the process goes on when all breakpoints are set."""
        attached = self._send("attach", dict(arguments))
        assert self._ready.wait(SECONDS)
        for path, lines in breakpoints.items():
            found = self.ask(
                "setBreakpoints",
                source={"path": str(path)},
                breakpoints=[{"line": line} for line in lines],
            )
            assert all(one["verified"] for one in found["breakpoints"]), (path, found)
        self.ask("configurationDone")
        self._answer(attached)

    def ask(self, command: str, **arguments: Any) -> dict[str, Any]:
        """Send a request and wait for what it comes to."""
        return self._answer(self._send(command, arguments))

    def close(self) -> None:
        """Detach: the process goes on alone."""
        try:
            self._send("disconnect", {"terminateDebuggee": False})
            self._socket.close()
        except OSError:
            pass  # the process has ended

    def _send(self, command: str, arguments: dict[str, Any]) -> int:
        number = next(self._ids)
        self._answers[number] = queue.Queue()
        request = {"seq": number, "type": "request", "command": command, "arguments": arguments}
        body = json.dumps(request).encode()
        self._socket.sendall(b"Content-Length: %d\r\n\r\n%s" % (len(body), body))
        return number

    def _answer(self, number: int, seconds: float = SECONDS) -> dict[str, Any]:
        answer = self._answers[number].get(timeout=seconds)
        assert answer["success"], answer
        return dict(answer.get("body") or {})

    def _read(self) -> None:
        with self._socket.makefile("rb") as file:
            while header := file.readline():
                length = int(header.removeprefix(b"Content-Length:"))
                file.readline()
                message = json.loads(file.read(length))
                if message["type"] == "response":
                    self._answers[message["request_seq"]].put(message)
                elif message.get("event") == "initialized":
                    self._ready.set()
                elif message["type"] == "event":
                    # it may ask something, whose answer is read here
                    threading.Thread(
                        target=self._of.happened, args=[self, message], daemon=True
                    ).start()


def _connected(port: int) -> socket.socket:
    until = time.monotonic() + SECONDS
    while True:
        try:
            # from another address: else it may be connected to itself while nobody listens yet
            return socket.create_connection(("127.0.0.1", port), None, ("127.0.0.2", 0))
        except ConnectionRefusedError:
            if time.monotonic() > until:
                raise
            time.sleep(0.1)
