"""Two hosts that share nothing but a network.

With the right to make network namespaces (root, mostly) each has an address of its own on a cable
between the two, a name, a loopback that the other does not reach, and a folder that the other does
not see. Without it they are two loopback addresses with a folder each.
"""

import os
import signal
import socket
import subprocess
import sys
import threading
import uuid
from collections.abc import Iterator
from contextlib import ExitStack, contextmanager, suppress
from dataclasses import dataclass, field
from pathlib import Path

NAMES = ("near", "far")
CABLE, LOOPBACK = "10.77.0", "127.0.0"
ENTER = 'hostname "$1"; mount --bind "$2" /etc/hosts; mount -t tmpfs none "$3"; shift 3; exec "$@"'
"""A process of a host has its name, finds it, and does not see the folder of the other."""
STOP_SECONDS = 10
JOIN = """
import socket, sys, threading, time
here = socket.socket(fileno=0)
while True:
    try:
        # from another address: who asks for a port that nobody listens on yet may be given that
        # very port to ask from, and then talks to itself
        there = socket.create_connection(("127.0.0.1", int(sys.argv[1])), None, ("127.0.0.2", 0))
        break
    except OSError:  # not yet
        time.sleep(0.2)

def copy(read, write):
    while data := read(65536):
        write(data)

threading.Thread(target=copy, args=(here.recv, there.sendall), daemon=True).start()
copy(there.recv, here.sendall)
"""
"""Carries a connection, which is its standard input, to a port of the loopback."""
Process = subprocess.Popen[str]


@dataclass
class Host:
    """name: what it calls itself. within: the command that takes another one there."""

    name: str
    address: str
    folder: Path
    within: tuple[str, ...] = ()
    started: list[Process] = field(default_factory=list)

    def start(self, *command: str, **environment: str) -> Process:
        """Start a process there: its errors go to a file of the folder, its output to a pipe.

        environment: all that it has, beside the paths to programs and code; its home is the folder.
        """
        known = {name: os.environ[name] for name in ("PATH", "PYTHONPATH") if name in os.environ}
        with (self.folder / f"errors-{len(self.started)}.txt").open("w") as errors:
            process = subprocess.Popen(
                [*self.within, *command],
                cwd=self.folder,
                env={**known, "HOME": str(self.folder), **environment},
                stdout=subprocess.PIPE,
                stderr=errors,
                text=True,
                start_new_session=True,
            )
        self.started.append(process)
        return process

    def can_be_entered(self) -> bool:
        """Whether we may start anything there."""
        return not subprocess.run([*self.within, "true"], capture_output=True).returncode

    def errors(self, process: Process) -> str:
        """What a process said on its standard error."""
        return (self.folder / f"errors-{self.started.index(process)}.txt").read_text()

    def stop(self) -> None:
        """End what was started there, with the processes that it has started."""
        for process in reversed(self.started):
            with suppress(ProcessLookupError):
                os.killpg(process.pid, signal.SIGTERM)
        for process in reversed(self.started):
            with suppress(subprocess.TimeoutExpired):
                process.wait(STOP_SECONDS)
            with suppress(ProcessLookupError):
                os.killpg(process.pid, signal.SIGKILL)
            process.communicate()


@contextmanager
def forwarded(host: Host, port: int) -> Iterator[int]:
    """A port of this loopback that leads to one of the host's loopback, as ``ssh -L`` makes it."""
    carriers: list[subprocess.Popen[bytes]] = []
    command = [*host.within, sys.executable, "-c", JOIN, str(port)]

    def carry() -> None:
        with suppress(OSError):  # closed
            while True:
                came, _ = listener.accept()
                with came:
                    carriers.append(subprocess.Popen(command, stdin=came))

    with socket.create_server(("127.0.0.1", 0)) as listener:
        threading.Thread(target=carry, daemon=True).start()
        try:
            yield int(listener.getsockname()[1])
        finally:
            listener.shutdown(socket.SHUT_RDWR)
            for one in carriers:
                one.kill()
                one.wait()


@contextmanager
def two_hosts(folder: Path) -> Iterator[tuple[Host, Host]]:
    """Two hosts, whose folders lie in this one."""
    for name in NAMES:
        (folder / name).mkdir()
    spaces = [f"restock-{uuid.uuid4().hex[:8]}" for _ in NAMES]
    near, far = (_host(folder, at, space) for at, space in enumerate(spaces))
    made = _cabled(spaces) and near.can_be_entered() and far.can_be_entered()
    if not made:
        _remove(spaces)
        near, far = (_host(folder, at, None) for at in range(2))
    with ExitStack() as at_end:
        if made:
            at_end.callback(_remove, spaces)
        at_end.callback(near.stop)
        at_end.callback(far.stop)
        yield near, far


def _host(folder: Path, at: int, space: str | None) -> Host:
    here, other = folder / NAMES[at], folder / NAMES[1 - at]
    if space is None:
        return Host(socket.gethostname(), f"{LOOPBACK}.{at + 2}", here)
    known = folder / "hosts"
    lines = (f"{CABLE}.{n + 1} {name}\n" for n, name in enumerate(NAMES))
    known.write_text("127.0.0.1 localhost\n" + "".join(lines))
    enter = ("ip", "netns", "exec", space, "unshare", "--mount", "--uts", "sh", "-c", ENTER, "sh")
    within = (*enter, NAMES[at], str(known), str(other))
    return Host(NAMES[at], f"{CABLE}.{at + 1}", here, within)


def _cabled(spaces: list[str]) -> bool:
    """Make two network namespaces and a cable between them; False where we may not."""
    commands = [f"netns add {space}" for space in spaces]
    commands.append(f"-n {spaces[0]} link add cable type veth peer name cable netns {spaces[1]}")
    for at, space in enumerate(spaces):
        commands.append(f"-n {space} address add {CABLE}.{at + 1}/24 dev cable")
        commands += [f"-n {space} link set {link} up" for link in ("lo", "cable")]
    try:
        for command in commands:
            subprocess.run(["ip", *command.split()], check=True, capture_output=True)
    except (OSError, subprocess.CalledProcessError):
        return False
    return True


def _remove(spaces: list[str]) -> None:
    for space in spaces:
        with suppress(OSError):
            subprocess.run(["ip", "netns", "delete", space], check=False, capture_output=True)
