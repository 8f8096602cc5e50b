"""Packing work into batches of comparable cost: few tasks, and none much longer than the rest."""

from collections.abc import Callable, Sequence
from typing import TypeVar

T = TypeVar("T")


def pack(
    units: Sequence[T],
    seconds: Callable[[T], float],
    *,
    workers: int,
    shortest: float = 2.0,
) -> list[list[T]]:
    """Split units into batches, longest batch first, by estimated seconds.

    A batch is filled up to a third of a worker's share, so that workers finish together, but
    not below ``shortest`` seconds, so that a task stays worth its overhead. A unit that is
    longer than that is a batch of its own. Deterministic: equal units keep their order.
    """
    total = sum(seconds(unit) for unit in units)
    room = max(shortest, total / (3 * max(workers, 1)))
    batches: list[list[T]] = []
    loads: list[float] = []
    for unit in sorted(units, key=seconds, reverse=True):
        cost = seconds(unit)
        fitting = [at for at, load in enumerate(loads) if load + cost <= room]
        if fitting:
            batches[fitting[0]].append(unit)
            loads[fitting[0]] += cost
        else:
            batches.append([unit])
            loads.append(cost)
    order = sorted(range(len(batches)), key=lambda at: -loads[at])
    return [batches[at] for at in order]


def title(names: Sequence[str], shown: int = 2) -> str:
    """The first names and how many more: ``FR DE +9``."""
    rest = len(names) - shown
    return " ".join(names[:shown]) + (f" +{rest}" if rest > 0 else "")
