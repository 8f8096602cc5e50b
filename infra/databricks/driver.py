"""What a job does on the driver of a cluster: run a command there, and fail as it fails.

    restock-driver NAME=VALUE … COMMAND ARGUMENT …

Databricks calls ``main`` in a Python that talks to Spark and holds an event loop. The command gets
a process of its own beside it, with the same packages, and finds the cluster's Spark by the
environment. An exit by ``sys.exit(0)`` is a failure in that Python; here it is a success.
"""

import os
import re
import subprocess
import sys
from collections import deque
from collections.abc import Sequence

from restock.infra import signals

LAST_LINES = 15  # of the output, in the error of a run
GRACE_SECONDS = 30  # for a command to end by itself when its run is cancelled

_ASSIGNMENT = re.compile(r"([A-Z][A-Z0-9_]*)=(.*)", re.DOTALL)


class CommandFailed(RuntimeError):
    """The command ended with another exit code than 0; the text holds its last lines."""


def main() -> None:
    """Run the command of this task's parameters. Raises CommandFailed."""
    with signals.sigterm_exits():
        run(sys.argv[1:])


def run(words: Sequence[str]) -> None:
    """Run a command, with the variables before it, and say what it says. Raises CommandFailed."""
    command = list(words)
    environment = dict(os.environ)
    while command and (found := _ASSIGNMENT.fullmatch(command[0])):
        environment[found[1]] = found[2]
        del command[0]
    # what is imported here is found there, the cluster's pyspark among it
    environment["PYTHONPATH"] = os.pathsep.join(filter(None, sys.path))
    environment["PYTHONUNBUFFERED"] = "1"
    name = " ".join(command[:2])
    if (
        command[0] == "restock"
    ):  # by this Python, whose environment has none of the image's programs
        command[:1] = [sys.executable, "-m", "restock.cli"]
    last: deque[str] = deque(maxlen=LAST_LINES)
    process: subprocess.Popen[str] | None = None
    try:
        with signals.later():
            process = subprocess.Popen(
                command,
                env=environment,
                stdin=subprocess.DEVNULL,
                stdout=subprocess.PIPE,
                stderr=subprocess.STDOUT,
                text=True,
                errors="replace",
            )
        assert process.stdout is not None
        for line in process.stdout:
            # not by the file that we would hand down: the log of a run is what this Python prints
            print(line, end="", flush=True)
            last.append(line)
        code = process.wait()
    except BaseException:
        if process is not None:
            _end(process)
        raise
    if code:
        raise CommandFailed(f"{name} ended with exit code {code}:\n{''.join(last)}".rstrip())


def _end(process: "subprocess.Popen[str]") -> None:
    process.terminate()
    try:
        process.wait(GRACE_SECONDS)
    except subprocess.TimeoutExpired:
        process.kill()
        process.wait()
