"""The thread plan in a real process: the threads that are busy are counted."""

import json
import os
import subprocess
import sys

import pytest

from restock.infra.threads import ThreadPlan

pytestmark = pytest.mark.platform

BUSY = """
import json, sys, threading, time
import numpy as np, numba, psutil, pyarrow
from joblib import Parallel, delayed
from restock.infra.threads import ThreadPlan

made = ThreadPlan.model_validate_json(sys.argv[1])

@numba.njit(parallel=True)
def spin(n):
    total = 0.0
    for i in numba.prange(n):
        total += np.sqrt(i) * np.sin(i)
    return total

def busy():
    a = np.ones((700, 700))
    while time.process_time() < start + 0.6:  # of all threads, however busy the machine is
        a @ a
        spin(200_000)

def work():
    with made.limit():
        busy()

spin(10)
before = {t.id: t.user_time + t.system_time for t in psutil.Process().threads()}
tasks = [threading.Thread(target=work) for _ in range(made.threads_per_worker)]
start = time.process_time()
for t in tasks: t.start()
while time.process_time() < start + 0.4: time.sleep(0.01)
now = {t.id: t.user_time + t.system_time for t in psutil.Process().threads()}
after = {id: seconds - before.get(id, 0) for id, seconds in now.items()}
for t in tasks: t.join()
print(json.dumps({"busy": sum(s > 0.03 for s in after.values()), "arrow": pyarrow.cpu_count()}))
"""


def _busy_threads(made: ThreadPlan, **environment: str) -> int:
    out = subprocess.run(
        [sys.executable, "-c", BUSY, made.model_dump_json()],
        env={**os.environ, **environment},
        check=True,
        capture_output=True,
        text=True,
        timeout=120,
    )
    return int(json.loads(out.stdout)["busy"])


@pytest.mark.parametrize("at_once", [1, 2])
def test_a_worker_runs_no_more_threads_than_it_owns(at_once: int) -> None:
    """BLAS and numba would take four threads each; the plan's environment holds them."""
    made = ThreadPlan(cores=at_once, workers=1, threads_per_worker=at_once)
    assert _busy_threads(made, **made.environment()) <= at_once


def test_the_limit_holds_libraries_that_are_loaded_already() -> None:
    free = dict.fromkeys(("OMP_NUM_THREADS", "OPENBLAS_NUM_THREADS", "NUMBA_NUM_THREADS"), "4")
    made = ThreadPlan(cores=1, workers=1)
    assert _busy_threads(made, **free) <= 1
    wide = ThreadPlan(cores=4, workers=1)
    assert _busy_threads(wide, **free) > 1
