"""Commands in processes of their own, forked off one that has loaded what they need.

Libraries and MLflow's tables take most of the 14 CPU seconds of a small night, and the tests run
a hundred commands. Nothing of ours or of Prefect's is loaded ahead: both look at their
environment then. ``make demo`` and the test of the wheel start everything from nothing.

Started as a script it is that process: it takes orders on a socket, one JSON line with the
ends of two pipes each, and answers with process ids and exit codes.
"""

import importlib
import json
import os
import runpy
import selectors
import signal
import socket
import subprocess
import sys
import threading
from collections.abc import Iterator, Mapping, Sequence
from contextlib import contextmanager
from pathlib import Path

MESSAGE = 1 << 20
SLOW = (
    "httpx",
    "jsonschema",
    "mlflow.data",
    "mlflow.store.model_registry.sqlalchemy_store",
    "mlflow.store.tracking.sqlalchemy_store",
    "numba.typed",
    "pandera.pandas",
    "pyarrow.compute",
    "pyarrow.parquet",
    "pydantic.v1",
    "pydantic_settings",
    "scipy.special",
    "sqlalchemy.dialects.sqlite",
)


class Command:
    """A command that runs: as much of ``subprocess.Popen`` as tests of commands need."""

    def __init__(self, args: Sequence[str], pid: int, out: int, err: int) -> None:
        self.args, self.pid = list(args), pid
        self.returncode: int | None = None
        self.ended = threading.Event()
        self._said = [b"", b""]
        self._readers = [
            threading.Thread(target=self._read, args=(at, end), daemon=True)
            for at, end in enumerate((out, err))
        ]
        for reader in self._readers:
            reader.start()

    def _read(self, at: int, end: int) -> None:
        with open(end, "rb") as pipe:
            self._said[at] = pipe.read()

    def communicate(self, timeout: float) -> tuple[str, str]:
        """All that it said, when it has ended; TimeoutExpired, and it is killed, when late."""
        if not self.ended.wait(timeout):
            os.kill(self.pid, signal.SIGKILL)
            raise subprocess.TimeoutExpired(self.args, timeout)
        for reader in self._readers:  # its children may hold the pipes for a while
            reader.join(timeout)
        return self._said[0].decode(), self._said[1].decode()


class Forker:
    """Starts scripts of Python as if by ``python script.py arguments``, libraries loaded."""

    def __init__(self, to: socket.socket) -> None:
        self._socket = to
        self._lines = to.makefile("r")
        self._running: dict[int, Command] = {}
        self._one_at_a_time = threading.Lock()
        self._started: list[int] = []
        self._pid_is_there = threading.Condition()
        threading.Thread(target=self._listen, daemon=True).start()

    def start(
        self, script: Path, arguments: Sequence[str], env: Mapping[str, str], cwd: Path
    ) -> Command:
        """Start a script with these arguments, environment and folder."""
        order = {"script": str(script), "arguments": arguments, "env": dict(env), "cwd": str(cwd)}
        (out, its_out), (err, its_err) = os.pipe(), os.pipe()
        with self._one_at_a_time:
            socket.send_fds(self._socket, [json.dumps(order).encode() + b"\n"], [its_out, its_err])
            os.close(its_out)
            os.close(its_err)
            with self._pid_is_there:
                there = self._pid_is_there.wait_for(lambda: self._started, timeout=120)
                assert there, "what commands are forked off has ended: its errors are above"
                pid = self._started.pop()
                command = self._running[pid] = Command([str(script), *arguments], pid, out, err)
                self._pid_is_there.notify_all()
        return command

    def _listen(self) -> None:
        for line in self._lines:
            told = json.loads(line)
            with self._pid_is_there:
                if "started" in told:
                    self._started.append(told["started"])
                    self._pid_is_there.notify_all()
                    continue
                pid = told["ended"]  # may be told before its order is back in the other thread
                self._pid_is_there.wait_for(lambda pid=pid: pid in self._running, timeout=120)
                command = self._running.pop(pid)
            command.returncode = told["code"]
            command.ended.set()


@contextmanager
def forker() -> Iterator[Forker]:
    """A process that has loaded the libraries; it ends with the context."""
    ours, its = socket.socketpair()
    with ours, its:
        process = subprocess.Popen(
            [sys.executable, __file__, str(its.fileno())], pass_fds=[its.fileno()]
        )
        its.close()
        try:
            yield Forker(ours)
        finally:
            process.kill()
            process.wait()


# the process itself ---------------------------------------------------------------------------


def load() -> None:
    """Import what is slow to import, and let numba set itself up by compiling something."""
    import numba
    import numpy as np

    for name in SLOW:
        importlib.import_module(name)
    numba.njit(lambda x: x.sum())(np.ones(3))


def serve(orders: socket.socket) -> dict[str, object]:
    """Fork for every order; returns, in the child, with the order that it is to run."""
    wake, to_wake = socket.socketpair()
    to_wake.setblocking(False)
    signal.signal(signal.SIGCHLD, lambda *_: None)
    signal.set_wakeup_fd(to_wake.fileno(), warn_on_full_buffer=False)
    waiting = selectors.DefaultSelector()
    waiting.register(orders, selectors.EVENT_READ)
    waiting.register(wake, selectors.EVENT_READ)
    while True:
        ready = [key.fileobj for key, _ in waiting.select()]
        if wake in ready:
            wake.recv(4096)
            reap(orders)
        if orders not in ready:
            continue
        text, ends, _, _ = socket.recv_fds(orders, MESSAGE, 2)
        if not text:
            os._exit(0)  # whoever gave the orders has gone
        pid = os.fork()
        if pid:
            for end in ends:
                os.close(end)
            orders.sendall(json.dumps({"started": pid}).encode() + b"\n")
            continue
        signal.set_wakeup_fd(-1)
        signal.signal(signal.SIGCHLD, signal.SIG_DFL)
        waiting.close()
        for one in (orders, wake, to_wake):
            one.close()
        for number, end in enumerate(ends, 1):
            os.dup2(end, number)
            os.close(end)
        return dict(json.loads(text))


def reap(orders: socket.socket) -> None:
    """Tell of all children that have ended; a signal is a negative code, as in subprocess."""
    while True:
        try:
            pid, status = os.waitpid(-1, os.WNOHANG)
        except ChildProcessError:
            return
        if not pid:
            return
        code = os.waitstatus_to_exitcode(status)
        orders.sendall(json.dumps({"ended": pid, "code": code}).encode() + b"\n")


if __name__ == "__main__":
    del sys.path[0]  # what lies here has the names of packages
    load()
    order = serve(socket.socket(fileno=int(sys.argv[1])))
    os.environ.clear()
    os.environ.update(order["env"])  # type: ignore[call-overload]
    os.chdir(str(order["cwd"]))
    sys.argv = [str(order["script"]), *order["arguments"]]  # type: ignore[misc]
    sys.path.insert(0, str(Path(str(order["script"])).parent))
    runpy.run_path(str(order["script"]), run_name="__main__")
