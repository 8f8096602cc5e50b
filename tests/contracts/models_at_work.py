"""Models at work in a process, as the platform lets them: what ``busy_threads`` looks at.

    python -m contracts.models_at_work SCENE

Every work is told by the name of its place and model, and by the cores that it may use.
"""

import os
import select
import sys
import tempfile
import threading
import time
from collections.abc import Callable, Iterator
from concurrent.futures import ThreadPoolExecutor
from contextlib import contextmanager
from functools import cache, partial
from pathlib import Path
from typing import Any

import numpy as np
from contracts.busy_threads import WAITING
from contracts.running import go, setting, step

from restock.benchmarks.growth import orders
from restock.dataset import Interactions
from restock.infra.threads import ThreadPlan
from restock.kernels import policy
from restock.models import Candidate, FitContext, create

SECONDS = 0.35  # of each work, at least
MEMBERS = [{"name": "reorder"}, {"name": "item_knn"}]
MODELS: dict[str, dict[str, Any]] = {
    "sar": {},
    "item_knn": {},
    "ease": {"neighbours": 50},
    "rerank": {"cutoffs": 2, "trees": 10, "proposals": 20, "members": MEMBERS},
    "gru": {"epochs": 1, "windows": 2},
}
SIZES = {"rerank": (1_500, 200), "gru": (800, 200)}  # what takes longer gets fewer orders
USUAL = (12_000, 1_200)


@cache
def data(*size: int) -> Interactions:
    """Orders of so many customers and items."""
    return orders(*size)


def fit(name: str, found: Interactions, context: FitContext) -> Any:
    return create(name, **MODELS[name]).fit(found, context)


def work(name: str, context: FitContext | None = None) -> None:
    """Fit; without a context also list, since then nothing else says how many threads."""
    found = data(*SIZES.get(name, USUAL))
    model = fit(name, found, context or FitContext())
    if context is None:
        model.recommend(found.customers, 10)


def trials(name: str, threads: int) -> None:
    """Trials of a search that may go side by side."""
    found = data(800, 200)
    candidate = Candidate(name=name, config=MODELS[name])
    outcomes = go([step("GB", candidate)] * 2, threads, orders=found, of=setting(found))
    assert not any(outcome.failure for outcome in outcomes), outcomes


def warm() -> None:
    """Import, compile and make the data: what is looked at is the work alone."""
    for name in MODELS:
        fit(name, data(150, 60), FitContext()).recommend(np.arange(3), 10)
        data(*SIZES.get(name, USUAL))


@contextmanager
def told(place: str, name: str, cores: int) -> Iterator[None]:
    """Say what is done now."""
    print(f"{place} {name} {cores}", flush=True)
    try:
        yield
    finally:
        print(flush=True)


def until_seen() -> Iterator[None]:
    """Again and again for ``SECONDS``, and until it was looked at often enough."""
    until, seen = time.monotonic() + SECONDS, False
    while not seen or time.monotonic() < until:
        yield
        if not seen and select.select([0], [], [], 0)[0]:
            os.read(0, 1)  # past the buffer, which select knows nothing of
            seen = True


def each(place: str, cores: int, do: Callable[[str], object]) -> None:
    """``do`` with each model, until it was seen."""
    for name in MODELS:
        with told(place, name, cores):
            for _ in until_seen():
                do(name)


# scenes ---------------------------------------------------------------------------------------
def one_process() -> None:
    """A notebook, tasks of the platform one after the other and at once, and joblib in one."""
    warm()
    trials("sar", 1)
    os.environ[policy.THREADS] = "1"
    each("environment", 1, work)
    os.environ[policy.THREADS] = ""
    each("context", 1, lambda name: work(name, FitContext(threads=1)))
    one = ThreadPlan(cores=2, workers=1)
    each("task", 2, partial(as_task, one))
    each("joblib", 2, lambda name: limited(one, partial(trials, name, one.task_threads)))
    two = ThreadPlan(cores=2, workers=1, threads_per_worker=2)
    with ThreadPoolExecutor(two.slots) as pool:
        each("markets", 2, lambda name: list(pool.map(partial(as_task, two), [name] * 2)))
        with told("markets", "all", 2):
            for _ in until_seen():
                list(pool.map(partial(as_task, two), MODELS))


def limited(plan: ThreadPlan, do: Callable[[], None]) -> None:
    with plan.limit():
        do()


def as_task(plan: ThreadPlan, name: str) -> None:
    """What a task of the platform does."""
    limited(plan, partial(work, name))


def dask_workers() -> None:
    """The processes of our own cluster, each with a task."""
    from distributed import Client

    from restock.infra.runners import local_cluster, thread_plan
    from restock.infra.settings import load_settings

    with tempfile.TemporaryDirectory() as home:
        settings = load_settings(home=Path(home), runner="dask", cores=2)
        plan = thread_plan(settings)
        with local_cluster(settings) as cluster, Client(cluster, set_as_default=False) as client:
            at_all = client.run(warm)
            loops = client.run(threading.get_native_id)  # runs in the loop itself
            here = [thread.native_id for thread in threading.enumerate()]
            print(WAITING, *loops.values(), *here, flush=True)

            def everywhere(name: str) -> None:
                how = {"pure": False, "allow_other_workers": False}
                client.gather(
                    [client.submit(as_task, plan, name, workers=[at], **how) for at in at_all]
                )

            each("dask", plan.cores, everywhere)


def nothing_holds() -> None:
    """Two threads where one is allowed."""

    def products() -> None:
        while not seen.is_set():
            a @ a

    a, seen = np.ones((700, 700)), threading.Event()
    with told("free", "products", 1), ThreadPoolExecutor(2) as pool:
        pool.submit(products)
        pool.submit(products)
        for _ in until_seen():
            time.sleep(0.01)
        seen.set()


if __name__ == "__main__":
    globals()[sys.argv[1]]()
