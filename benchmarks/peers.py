"""Races against other libraries: every side in a process and an environment of its own.

The sides get the same order lines, ours as a snapshot, peers as one ``.npy`` file a column. Rounds
alternate, so that a slow minute of the machine hits all sides; each side prepares its data
before (see ``peer_scripts.rounds``), and what both computed is compared first.
"""

import json
import os
import subprocess
import sys
import tempfile
from collections.abc import Iterator, Mapping
from contextlib import ExitStack, contextmanager
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import numpy as np
from numpy.typing import NDArray

from restock.benchmarks.figures import PeerMissing
from restock.dataset import Interactions
from restock.dataset.interactions import LINE_COLUMNS

ROOT = Path(__file__).parent.parent
SCRIPTS = Path(__file__).parent / "peer_scripts"
SNAPSHOT = "snapshot"
OWN = "restock.benchmarks.own_side"
ROUNDS = 3
Arrays = dict[str, NDArray[Any]]


@dataclass(frozen=True)
class Side:
    """One who takes part: a function of a module, in the environment of a peer or in ours.

    peer: the name of the environment under ``.peers``; None: ours.
    """

    peer: str | None
    module: str
    function: str
    options: Mapping[str, Any]

    @property
    def python(self) -> Path:
        """Its interpreter. PeerMissing with the remedy when the peer is not installed."""
        if self.peer is None:
            return Path(sys.executable)
        found = ROOT / ".peers" / self.peer / "bin" / "python"
        if not found.exists():
            raise PeerMissing(
                f"the peer {self.peer} is not installed ({found} is missing): "
                "install the peers with `make bench-peers`"
            )
        return found


def ours(function: str, **options: Any) -> Side:
    """Our side: a function of ``benchmarks.own_side``."""
    return Side(None, OWN, function, options)


@dataclass(frozen=True)
class Result:
    """What the rounds of one side took; medians, the highest of the megabytes.

    wall, cpu: seconds. rise_mb: above what was held before the round. peak_mb: of the whole
    process. arrays: what it computed, by name.
    """

    wall: float
    cpu: float
    rise_mb: float
    peak_mb: float
    arrays: Arrays


def race(folder: Path, *sides: Side, rounds: int = ROUNDS, warm: bool = True) -> list[Result]:
    """All sides over the data in ``folder``, ``rounds`` times after one that does not count.

    warm: False leaves out the round that does not count: for what takes minutes.
    """
    with ExitStack() as stack:
        running = [stack.enter_context(_running(side, folder)) for side in sides]
        if warm:
            for process in running:
                _round(process)
        found = [[_round(process) for process in running] for _ in range(rounds)]
    return [
        _result(side, folder, times)
        for side, times in zip(sides, zip(*found, strict=True), strict=True)
    ]


def alone(folder: Path, side: Side) -> Result:
    """One round in a process that has done nothing before: for its memory."""
    return race(folder, side, rounds=1, warm=False)[0]


@contextmanager
def hand_over(data: Interactions, **more: NDArray[Any]) -> Iterator[Path]:
    """A temporary folder with the order lines as every side reads them, and more arrays."""
    with tempfile.TemporaryDirectory(prefix="restock-race-") as name:
        folder = Path(name)
        data.save(folder / SNAPSHOT)
        for column in LINE_COLUMNS:
            np.save(folder / f"{column}.npy", getattr(data, column))
        for key, array in more.items():
            np.save(folder / f"{key}.npy", array)
        yield folder


@contextmanager
def _running(side: Side, folder: Path) -> Iterator["subprocess.Popen[str]"]:
    command = [side.python, SCRIPTS / "rounds.py", side.module, side.function, folder]
    known = os.environ | {"OPENBLAS_NUM_THREADS": "1"}  # as implicit asks for; nobody multiplies
    if side.peer is None:
        known["PYTHONPATH"] = os.pathsep.join(p for p in sys.path if p)
    else:
        known.pop("PYTHONPATH", None)
    process = subprocess.Popen(
        [*map(str, command), json.dumps(dict(side.options))],
        stdin=subprocess.PIPE,
        stdout=subprocess.PIPE,
        env=known,
        text=True,
    )
    with process:
        try:
            _answer(process)  # it has prepared
            yield process
        finally:
            if process.stdin:
                process.stdin.close()
            process.terminate()


def _round(process: "subprocess.Popen[str]") -> dict[str, float]:
    assert process.stdin is not None
    process.stdin.write("round\n")
    process.stdin.flush()
    return _answer(process)


def _answer(process: "subprocess.Popen[str]") -> dict[str, float]:
    assert process.stdout is not None
    line = process.stdout.readline()
    if not line:
        command = " ".join(map(str, process.args[1:4]))  # type: ignore[index]
        raise RuntimeError(f"{command} ended with {process.wait()}: its error is printed above")
    return dict(json.loads(line))


def _result(side: Side, folder: Path, times: tuple[dict[str, float], ...]) -> Result:
    with np.load(folder / f"{side.module}.{side.function}.npz") as stored:
        arrays = {name: stored[name] for name in stored.files}

    def median(name: str) -> float:
        return float(np.median([time[name] for time in times]))

    rise, peak = (max(time[name] for time in times) for name in ("rise_mb", "peak_mb"))
    return Result(median("wall"), median("cpu"), rise, peak, arrays)


def overlap(one: NDArray[Any], other: NDArray[Any]) -> float:
    """The mean share of the items of a list that the other side's list has too (rows × k)."""
    same = (one[:, :, None] == other[:, None, :]) & (one[:, :, None] >= 0)
    return float(same.any(axis=2).sum() / np.count_nonzero(one >= 0))
