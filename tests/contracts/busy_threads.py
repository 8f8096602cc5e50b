"""How many threads of a process and its children work at once, seen from outside."""

import os
import subprocess
import sys
import time
from collections import defaultdict
from collections.abc import Iterator
from pathlib import Path
from threading import Thread
from typing import NamedTuple

PAUSE = 0.004  # seconds between two looks
ENOUGH = 40
"""Looks at a piece of work, after which it may end: a busy machine looks seldom."""
SHARE = 0.15
"""Of the looks at one piece of work: fewer are threads that hand over to each other."""
LITTLE = 0.1
"""Of what the busiest thread does: who does less only starts and gathers the work of others."""
WAITING = "waiting"


class Look(NamedTuple):
    """The threads that run, or would if a core were free, and what each has done (ticks)."""

    running: set[int]
    done: dict[int, int]


def look(pid: int) -> Look:
    """At this process and all below it."""
    found = Look(set(), {})
    for path in (path for process in _family(pid) for path in _threads(process)):
        try:
            words = (path / "stat").read_text().rsplit(")", 1)[1].split()
        except OSError:
            continue  # it has ended
        found.done[int(path.name)] = int(words[11]) + int(words[12])
        if words[0] == "R":
            found.running.add(int(path.name))
    return found


def most_busy(*command: str, **environment: str) -> dict[str, int]:
    """The most threads that were busy at once while a Python command did each of its works.

    The command prints the name of each work when it starts, and an empty line when it ends,
    which may be when it gets a line: it was looked at often enough. A line of ``WAITING`` and
    thread ids names threads that do no work.
    """
    process = subprocess.Popen(
        [sys.executable, *command],
        stdin=subprocess.PIPE,
        stdout=subprocess.PIPE,
        text=True,
        env={**os.environ, "PYTHONPATH": os.pathsep.join(filter(None, sys.path)), **environment},
    )
    name, waiting, looks = "", set[int](), defaultdict[str, list[Look]](list)

    def listen() -> None:
        nonlocal name
        assert process.stdout is not None
        for line in process.stdout:
            if line.startswith(WAITING):
                waiting.update(map(int, line.removeprefix(WAITING).split()))
            else:
                name = line.strip()

    listener = Thread(target=listen, daemon=True)
    listener.start()
    while process.poll() is None:
        if work := name:
            looks[work].append(look(process.pid))
            if len(looks[work]) == ENOUGH:
                assert process.stdin is not None
                process.stdin.write("\n")
                process.stdin.flush()
        time.sleep(PAUSE)
    listener.join()
    if process.returncode:
        raise RuntimeError(f"{command} ended with {process.returncode}")
    return {work: _at_once(found, waiting) for work, found in looks.items()}


def _at_once(looks: list[Look], waiting: set[int]) -> int:
    """How many busy threads ran at once in ``SHARE`` of the looks."""
    done = defaultdict[int, list[int]](list)
    for found in looks:
        for thread, ticks in found.done.items():
            done[thread].append(ticks)
    work = {thread: ticks[-1] - ticks[0] for thread, ticks in done.items()}
    enough = LITTLE * max(work.values())
    busy = {thread for thread, ticks in work.items() if ticks > enough} - waiting
    counts = sorted((len(found.running & busy) for found in looks), reverse=True)
    return counts[int(SHARE * len(counts))]


def _family(pid: int) -> Iterator[int]:
    yield pid
    for thread in _threads(pid):
        try:
            children = (thread / "children").read_text().split()
        except OSError:
            continue
        for child in children:
            yield from _family(int(child))


def _threads(pid: int) -> list[Path]:
    try:
        return list(Path(f"/proc/{pid}/task").iterdir())
    except OSError:
        return []
