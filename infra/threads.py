"""How many processes and threads work runs on: the one place that decides it.

A node has some cores. Work runs in ``workers`` processes, each of which runs
``threads_per_worker`` tasks at once, and each task may use ``task_threads`` threads: as
joblib jobs, or as BLAS, OpenMP or numba threads, never one times the other. The product
never exceeds the cores, because threads beyond the cores only wait for each other.
"""

import sys
from collections.abc import Iterator
from contextlib import contextmanager
from typing import Self

from pydantic import BaseModel, ConfigDict, Field, model_validator

from restock.kernels import policy
from restock.kernels.cores import available_cores
from restock.kernels.pools import held

# Read once, when the library is loaded: they must stand in the environment before a child starts.
_VARIABLES = (
    "OMP_NUM_THREADS",
    "OPENBLAS_NUM_THREADS",
    "MKL_NUM_THREADS",
    "BLIS_NUM_THREADS",
    "VECLIB_MAXIMUM_THREADS",
    "NUMEXPR_NUM_THREADS",
    "NUMBA_NUM_THREADS",
    "POLARS_MAX_THREADS",
    "RAYON_NUM_THREADS",
    "LOKY_MAX_CPU_COUNT",
    policy.THREADS,
)

# Of glibc: what a task frees is kept for the next. Dask lets its workers keep 64 KB unless told:
# every array from 128 KB on is memory then that nobody has touched, and its first use costs more
# than most kernels; fits took 1.2 to 2.5 times as long.
_KEEP_MEMORY = {"MALLOC_MMAP_THRESHOLD_": str(2**25), "MALLOC_TRIM_THRESHOLD_": str(2**26)}


class ThreadPlan(BaseModel):
    """Who may use how many cores of one node. Make it with ``plan``."""

    model_config = ConfigDict(frozen=True, extra="forbid")

    cores: int = Field(ge=1)
    """Cores of the node that are ours."""
    workers: int = Field(ge=1)
    """Processes that run tasks."""
    threads_per_worker: int = Field(default=1, ge=1)
    """Tasks that one process runs at once."""

    @model_validator(mode="after")
    def _fits(self) -> Self:
        if self.slots > self.cores:
            raise ValueError(
                f"{self.workers} workers with {self.threads_per_worker} tasks at once need "
                f"{self.slots} cores, but there are {self.cores}: ask for fewer"
            )
        return self

    @property
    def slots(self) -> int:
        """Tasks that run at once on the node."""
        return self.workers * self.threads_per_worker

    @property
    def task_threads(self) -> int:
        """Threads one task may use: joblib's ``n_jobs``, or the threads of its kernels."""
        return self.cores // self.slots

    def environment(self) -> dict[str, str]:
        """Variables of a worker process, set before it imports numpy, numba or torch."""
        values = dict.fromkeys(_VARIABLES, str(self.task_threads))
        values["OMP_DYNAMIC"] = "FALSE"
        # A thread that spins after its work would take the core of another task.
        values["OMP_WAIT_POLICY"] = "PASSIVE"
        values["KMP_BLOCKTIME"] = "0"
        values |= _KEEP_MEMORY
        if self.threads_per_worker > 1:
            # numba's own layer aborts the process when two threads enter it.
            values["NUMBA_THREADING_LAYER"] = "omp"
        return values

    @contextmanager
    def limit(self) -> Iterator[None]:
        """Hold this thread to ``task_threads`` threads, for libraries that are loaded already.

        Tasks that overlap in one process share what is process-wide (OpenBLAS, Arrow): it is
        given back when the last of them ends.
        """
        numba, threads = sys.modules.get("numba"), self.task_threads
        before = numba.get_num_threads() if numba else 0
        with held(threads), policy.granted(threads):
            try:
                if numba:
                    numba.set_num_threads(min(threads, numba.config.NUMBA_NUM_THREADS))
                yield
            finally:
                if numba:
                    numba.set_num_threads(before)

    def __str__(self) -> str:
        return (
            f"{self.cores} cores = {self.workers} workers x {self.threads_per_worker} tasks "
            f"x {self.task_threads} threads"
        )


def plan(
    cores: int | None = None, workers: int | None = None, threads_per_worker: int = 1
) -> ThreadPlan:
    """Divide the cores of this node.

    cores: None takes what this process may use; a larger number than that is cut to it.
    workers: None gives one process to each core that a task can have.

    Raises ValueError when more tasks are asked for than there are cores.
    """
    there = available_cores()
    cores = min(cores or there, there)
    if workers is None:
        workers = max(1, cores // threads_per_worker)
    return ThreadPlan(cores=cores, workers=workers, threads_per_worker=threads_per_worker)
