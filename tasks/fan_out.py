"""Fanning out batches of work and fanning in what came back, nothing lost."""

from collections.abc import Mapping, Sequence
from typing import Any, NamedTuple, Protocol

from prefect import Task
from prefect.context import FlowRunContext

from restock.infra.gather import NotFinished, gather
from restock.infra.packing import title
from restock.infra.patience import Patience
from restock.infra.placement import asking
from restock.infra.progress import report
from restock.infra.runners import needs_of_cpu_work
from restock.infra.settings import Settings, load_settings


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
    tried once more, each alone, so that one bad unit does not take the others with it. When a
    cluster has no workers for long, what waits for them fails, and nothing is tried once more.
    """
    results, failures = _run(task, prepared, batches, stage)
    together = [unit for batch, _ in failures if len(batch) > 1 for unit in batch]
    if together and not any(isinstance(error, NotFinished) for _, error in failures):
        failures = [(batch, error) for batch, error in failures if len(batch) == 1]
        more, still = _run(task, prepared, [[unit] for unit in together], f"{stage} again")
        results += more
        failures += still
    return FannedIn(
        results,
        [(unit, f"{type(error).__name__}: {error}") for batch, error in failures for unit in batch],
    )


def _run(
    task: Task[..., Any], prepared: Any, batches: Sequence[list[Any]], stage: str
) -> tuple[list[Any], list[tuple[list[Any], BaseException]]]:
    named = {
        f"{stage} {title([unit.title for unit in batch])} ({at} of {len(batches)})": batch
        for at, batch in enumerate(batches, 1)
    }
    settings = load_settings()
    needs = needs_of_cpu_work(settings)

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
    gathered = gather(
        {name: submit(name) for name in named},
        submit,
        done=done,
        hopeless=_patience(settings, needs),
    )
    failures = [(named[name], error) for name, error in gathered.failures.items()]
    return list(gathered.results.values()), failures


def _patience(settings: Settings, needs: Mapping[str, float]) -> Patience | None:
    """How long workers of the running flow are waited for; None where it has no cluster."""
    context = FlowRunContext.get()
    client = getattr(context.task_runner if context else None, "client", None)
    return None if client is None else Patience(client, settings.runner, needs)
