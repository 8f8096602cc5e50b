"""The thread plan: threads never exceed cores, counted in a real process."""

import os
import subprocess
import sys
from pathlib import Path

import pytest
from pydantic import ValidationError

from restock.infra import threads
from restock.infra.threads import ThreadPlan, plan
from restock.kernels.cores import available_cores

pytestmark = pytest.mark.unit


@pytest.mark.parametrize(
    ("cores", "workers", "at_once", "task_threads"),
    [(1, 1, 1, 1), (2, 2, 1, 1), (8, 2, 1, 4), (8, 3, 1, 2), (16, 2, 4, 2), (7, 1, 1, 7)],
)
def test_threads_never_exceed_cores(
    cores: int, workers: int, at_once: int, task_threads: int
) -> None:
    made = ThreadPlan(cores=cores, workers=workers, threads_per_worker=at_once)
    assert made.task_threads == task_threads
    assert made.slots * made.task_threads <= cores
    assert made.environment()["NUMBA_NUM_THREADS"] == str(task_threads)


def test_more_tasks_than_cores_are_refused() -> None:
    with pytest.raises(ValidationError, match="4 cores, but there are 2: ask for fewer"):
        ThreadPlan(cores=2, workers=2, threads_per_worker=2)


def test_the_default_gives_each_core_a_worker(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(threads, "available_cores", lambda: 6)
    assert plan().workers == 6
    assert plan(cores=4).workers == 4
    assert plan(cores=99).cores == 6
    assert plan(workers=1, threads_per_worker=6).task_threads == 1
    assert plan(workers=1).task_threads == 6


def test_the_affinity_mask_is_respected() -> None:
    mask = os.sched_getaffinity(0)
    try:
        os.sched_setaffinity(0, {min(mask)})
        assert available_cores() == 1
    finally:
        os.sched_setaffinity(0, mask)


FIRST_TOUCHES = """
import resource
import numpy as np
pages = lambda: resource.getrusage(resource.RUSAGE_SELF).ru_minflt
np.ones(2**17)
before = pages()
for _ in range(20):
    np.ones(2**17)  # 256 pages
print(pages() - before)
"""


def test_an_array_finds_room_that_an_earlier_one_left() -> None:
    dask = {"MALLOC_TRIM_THRESHOLD_": "65536"}  # what its workers are given, unless told
    touched = [
        subprocess.run(
            [sys.executable, "-c", FIRST_TOUCHES],
            env={**os.environ, **dask, **more},
            check=True,
            capture_output=True,
            text=True,
        ).stdout
        for more in ({}, plan().environment())
    ]
    assert int(touched[0]) > 10 * 256 > 256 > int(touched[1])


@pytest.mark.parametrize(
    ("files", "cores"),
    [
        ({"cpu.max": "250000 100000"}, 2),
        ({"cpu.max": "max 100000"}, 64),
        ({"cpu.max": "50000 100000"}, 1),
        ({"cpu/cpu.cfs_quota_us": "300000", "cpu/cpu.cfs_period_us": "100000"}, 3),
        ({"cpu/cpu.cfs_quota_us": "-1", "cpu/cpu.cfs_period_us": "100000"}, 64),
        ({}, 64),
    ],
)
def test_the_container_quota_is_respected(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch, files: dict[str, str], cores: int
) -> None:
    for name, text in files.items():
        (tmp_path / name).parent.mkdir(exist_ok=True)
        (tmp_path / name).write_text(text)
    monkeypatch.setattr(os, "sched_getaffinity", lambda _: set(range(64)))
    assert available_cores(tmp_path) == cores
