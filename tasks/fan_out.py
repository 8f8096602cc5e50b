"""Fanning out batches of work and fanning in what came back, nothing lost."""

from collections.abc import Sequence
from typing import Any, NamedTuple, Protocol

from prefect import Task

from restock.infra.gather import gather
from restock.infra.packing import title
from restock.infra.placement import asking
from restock.infra.progress import report
from restock.infra.runners import needs_of_cpu_work
from restock.infra.settings import load_settings


class Work(Protocol):
    """A unit of work with a name for people."""

    @property
    def title(self) -> str:
        """What it is about: a market, or how many."""
        ...


class FannedIn(NamedTuple):
    """The results of the batches that succeeded, and the units that failed, with the reason."""

    results: list[Any]
    failures: list[tuple[Any, str]]


def fan_out(
    task: Task[..., Any], prepared: Any, batches: Sequence[list[Any]], stage: str
) -> FannedIn:
    """Run ``task(name, prepared, units)`` for every batch, on CPUs of the flow's runner.

    Work that is lost with its worker is submitted again. When a batch fails, its units are
    tried once more, each alone, so that one bad unit does not take the others with it.
    """
    results, failures = _run(task, prepared, batches, stage)
    together = [unit for batch, _ in failures if len(batch) > 1 for unit in batch]
    alone = [(batch[0], reason) for batch, reason in failures if len(batch) == 1]
    if together:
        more, still = _run(task, prepared, [[unit] for unit in together], f"{stage} again")
        results += more
        alone += [(batch[0], reason) for batch, reason in still]
    return FannedIn(results, alone)


def _run(
    task: Task[..., Any], prepared: Any, batches: Sequence[list[Any]], stage: str
) -> tuple[list[Any], list[tuple[list[Any], str]]]:
    named = {
        f"{stage} {title([unit.title for unit in batch])} ({at} of {len(batches)})": batch
        for at, batch in enumerate(batches, 1)
    }
    needs = needs_of_cpu_work(load_settings())

    def submit(name: str) -> Any:
        units = named[name]
        with asking(needs):
            return task.submit(title([unit.title for unit in units]), prepared, units)

    finished = 0

    def done(name: str, _: Any) -> None:
        nonlocal finished
        finished += 1
        report(stage, finished, len(named), title([unit.title for unit in named[name]]))

    report(stage, 0, len(named))
    gathered = gather({name: submit(name) for name in named}, submit, done=done)
    failures = [
        (named[name], f"{type(error).__name__}: {error}")
        for name, error in gathered.failures.items()
    ]
    return list(gathered.results.values()), failures
