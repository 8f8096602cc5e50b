"""Compile every kernel ahead of need, on all cores of the plan, once for all processes to come."""

import multiprocessing
import pkgutil
import time
from collections.abc import Iterator
from concurrent.futures import ProcessPoolExecutor, as_completed
from importlib import import_module
from typing import Any

from pydantic import BaseModel, ConfigDict

from restock import kernels
from restock.infra import progress
from restock.infra.threads import ThreadPlan


class Warmed(BaseModel):
    """What there is to load now, and what it took."""

    model_config = ConfigDict(frozen=True)

    folder: str
    """Where the code lies; empty where none can be kept."""
    kernels: int
    """Kernels whose code is there."""
    missing: tuple[str, ...]
    """Kernels without code."""
    compiled: int
    """Compilations this time, one for each kernel and kind of arguments; 0 when all was there."""
    seconds: float


def warm(made: ThreadPlan) -> Warmed:
    """Rehearse everything, a part to each worker of the plan; says how far it is.

    Raises what a part raises: code that does not run here would fail in a night as well.
    """
    from restock.infra.rehearsal import parts
    from restock.kernels.code_cache import folder, kept_signatures

    began, names = time.monotonic(), list(parts())
    compiled = 0
    # spawned, as a night's workers are: threads of this process do not survive a fork
    with ProcessPoolExecutor(made.workers, multiprocessing.get_context("spawn")) as pool:
        running = {pool.submit(_rehearse, name, made): name for name in names}
        for done, future in enumerate(as_completed(running), start=1):
            compiled += future.result()
            progress.report("warm", done, len(names), running[future])
    code = {name: kept_signatures(one) for name, one in every_kernel()}
    return Warmed(
        folder=str(folder() or ""),
        kernels=sum(count > 0 for count in code.values()),
        missing=tuple(name for name, count in code.items() if not count),
        compiled=compiled,
        seconds=round(time.monotonic() - began, 1),
    )


def every_kernel() -> Iterator[tuple[str, Any]]:
    """Every kernel of ``restock.kernels``, by module and name."""
    from numba.core.dispatcher import Dispatcher

    for info in pkgutil.iter_modules(kernels.__path__):
        module = import_module(f"{kernels.__name__}.{info.name}")
        for name, value in vars(module).items():
            if isinstance(value, Dispatcher) and value.py_func.__module__ == module.__name__:
                yield f"{info.name}.{name}", value


def _rehearse(name: str, made: ThreadPlan) -> int:
    """Run one part in this process; how many compilations it took."""
    from restock.infra.rehearsal import rehearse

    before = _compilations()
    with made.limit():
        rehearse(name)
    return _compilations() - before


def _compilations() -> int:
    return sum(sum(kernel.stats.cache_misses.values()) for _, kernel in every_kernel())
