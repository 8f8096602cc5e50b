"""Does it know the future? One test for anything that is built from orders as of a day.

A result as of a cut-off is a function of the past. So change the future, in every way that has
fooled somebody, and compare bit by bit: what differs has leaked. Nothing is said about *why*;
the change that shows a leak is a strong hint.
"""

import datetime as dt
import multiprocessing
import pickle
from collections.abc import Callable, Collection
from concurrent.futures import ProcessPoolExecutor
from dataclasses import dataclass, replace

import numpy as np

from restock.dataset import columns as c
from restock.evaluation.leak_answers import Answers, by_customer, by_metric, difference, flat
from restock.evaluation.leak_changes import LATER_DAYS, World, another_past, changes, removed
from restock.models import Candidate, FitContext

__all__ = ["Build", "Leak", "ListsOf", "World", "by_customer", "by_metric", "find_leaks"]

Build = Callable[[World, dt.date], object]
"""Given a world and a cut-off, what is known of it before that day's local midnight: nested
mappings of arrays and plain values, keyed by ids where they are of customers or items."""

AGAIN = "the same call again"
LATER_RUN = "a later day asked for in between"
FRESH = "another process, a later day asked for first"
BLIND = "another past, which changed nothing"


@dataclass(frozen=True)
class Leak:
    """A change that must not matter and does (or the other way round: see ``BLIND``).

    change: in words. differing, compared: numbers of answers. example: the first that differs,
    before and after, or the error that the change brought about.
    """

    change: str
    differing: int
    compared: int
    example: str

    def __str__(self) -> str:
        """One line for people."""
        return (
            f"{self.change}: {self.differing:,} of {self.compared:,} answers differ; {self.example}"
        )


def find_leaks(
    build: Build,
    world: World,
    cutoff: dt.date,
    *,
    seed: int = 0,
    common: bool = False,
    fresh: bool = False,
) -> tuple[Leak, ...]:
    """Call ``build(…, cutoff)`` on worlds with the same past; empty where all answers are equal.

    The worlds: see ``leak_changes.changes``. Also asked: the same again, the cut-off after a
    later one, and another past, which must matter, for a build that always says the same
    passes every other test. A build that is not repeatable is not tested further.
    seed: of what the other futures hold. common: compare only what both worlds answer, where
    the future decides who is judged; else the customers and items of the past must all be
    answered for in both. What is said of ids that only a future knows never counts.
    fresh: also build in a process of its own, after a later cut-off: the only way to see what
    an earlier call left in memory. ``build`` must then be importable from a module.

    Cost: about fifteen calls. Raises ValueError when there is no line on one side of the
    cut-off; what ``build`` raises on the world as it is passes through.
    """
    past = world.before(cutoff)
    if not past.any() or past.all():
        side = "before" if not past.any() else "from"
        raise ValueError(
            f"there is no order {side} {cutoff} on: nothing could leak; move the cut-off"
        )
    if fresh:
        _check_sendable(build)
    rng = np.random.default_rng(seed)
    strangers = _Strangers(world, past)
    base = _asked(build, world, cutoff)

    def told(change: str, other: World, ask: Callable[..., Answers], *given: object) -> list[Leak]:
        try:
            after = ask(build, *given, other, cutoff)
        except Exception as error:
            return [Leak(change, len(base), len(base), f"{type(error).__name__}: {error}")]
        unlike, of, example = difference(base, after, strangers.of(other), common)
        return [Leak(change, unlike, of, example)] if unlike else []

    if found := told(AGAIN, world, _asked):
        return tuple(found)
    for name, change in changes(world).items():
        other = change(world, cutoff, rng)
        found += told(name, other, _asked)
    later = cutoff + dt.timedelta(days=LATER_DAYS)
    build(world, later)
    found += told(LATER_RUN, world, _asked)
    if fresh:
        found += told(FRESH, removed(world, cutoff, rng), _elsewhere, world, later)
    if _asked(build, another_past(world, cutoff), cutoff) == base:
        found.append(Leak(BLIND, 0, len(base), "it does not look at the orders before the cut-off"))
    return tuple(found)


@dataclass(frozen=True)
class ListsOf:
    """A build: the lists of a candidate, fitted before the cut-off, for all who bought before.

    Can be sent to another process, so that ``find_leaks(…, fresh=True)`` works.
    """

    candidate: Candidate
    k: int = 10
    seed: int = 0

    def __call__(self, world: World, cutoff: dt.date) -> object:
        """Customer id → list, with scores."""
        train = world.interactions.before(cutoff)
        model = self.candidate.create().fit(train, FitContext(seed=self.seed))
        return by_customer(model.recommend(train.customers, self.k), train.catalogue)


def _check_sendable(build: Build) -> None:
    try:
        pickle.dumps(build)
    except (pickle.PicklingError, AttributeError, TypeError) as error:
        raise ValueError(
            f"{build!r} cannot be sent to another process ({error}): define it in a module, or "
            "leave fresh out"
        ) from error


class _Strangers:
    """Ids that only a future knows."""

    def __init__(self, world: World, past: np.ndarray) -> None:
        self._past = _ids(world, past)
        self._usual = _ids(world, ~past) - self._past

    def of(self, other: World) -> Collection[str]:
        """Those of the world and of the other one."""
        return self._usual | (_ids(other, np.ones(len(other.orders), dtype=bool)) - self._past)


def _ids(world: World, rows: np.ndarray) -> set[str]:
    chosen = world.orders[rows]
    return {str(one) for name in (c.CUSTOMER, c.ITEM) for one in chosen[name].unique()}


def _elsewhere(
    build: Build, world: World, later: dt.date, other: World, cutoff: dt.date
) -> Answers:
    """What a new process answers, which was asked for a later day before."""
    worlds = [replace(one) for one in (world, other)]  # without what they have encoded
    context = multiprocessing.get_context("spawn")
    with ProcessPoolExecutor(1, mp_context=context) as pool:
        pool.submit(_asked, build, worlds[0], later).result()
        return pool.submit(_asked, build, worlds[1], cutoff).result()


def _asked(build: Build, world: World, cutoff: dt.date) -> Answers:
    """What a build says, flat."""
    return flat(build(world, cutoff))
