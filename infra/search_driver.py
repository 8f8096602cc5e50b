"""Driving a search: keep workers busy with batches, tell what they came to, until it is done.

It knows neither Prefect nor Dask: ``submit`` starts a batch somewhere. What a search decides
depends on outcomes only, so that packing, the number of workers, lost workers and a resumed run
change nothing (within a budget of trials; one of seconds also depends on the clock).
"""

import logging
import time
from collections import Counter
from collections.abc import Callable, Collection, Mapping, Sequence
from typing import Any

from restock.infra.gather import LOST, Future, NotFinished, gather
from restock.infra.placement import RESOURCES, Offers, Placements, Resource
from restock.infra.search_batches import MIX_SECONDS, Batch, Clock, OtherStore, Piece, pack
from restock.infra.search_store import Came, Done, Finished, Work, work_id
from restock.tuning.failures import TrialFailed
from restock.tuning.running import drawn
from restock.tuning.search import Search
from restock.tuning.trials import Failure, Mix, Outcome, Step

AHEAD = 2
"""Batches in flight for each task that runs at once: nobody waits for the next one."""
RETRIES = 1
"""How often a batch may be lost with its worker before it is taken apart."""
PATIENCE_SECONDS = 60.0
"""A resource that nobody offers any more is waited for so long."""
GRACE_SECONDS = 5.0
"""Work that has not come in so long after the end of the budget is not waited for."""
SECONDS_TO_FINISH = 4.0
"""Of a budget, for deciding and for writing the plans."""
SPENT = "the budget was spent"

logger = logging.getLogger(__name__)

Futures = dict[str, Future[Finished]]


class NoWorkers(RuntimeError):
    """The cluster has gone. What was finished is in the store."""


class Driver:
    """One search on its way. Call ``drive`` once.

    journal: batches that earlier processes finished. offers: asked for what workers offer now.
    submit: starts a batch. keep: writes a batch that was put together here to the journal.
    say: told how far it is, as plain data.
    """

    def __init__(
        self,
        search: Search,
        placements: Placements,
        offers: Callable[[], Offers],
        clock: Clock,
        submit: Callable[[Batch], Future[Finished]],
        *,
        journal: Sequence[Finished] = (),
        keep: Callable[[Finished], None] = lambda finished: None,
        say: Callable[[dict[str, Any]], None] = lambda status: None,
    ) -> None:
        self.finished = list(journal)
        """All batches, in the order in which they came in."""
        self._search, self._placements, self._clock = search, placements, clock
        self._ask_offers, self._submit, self._keep, self._say = offers, submit, keep, say
        self._offers = offers()
        self._waiting: list[Piece] = []
        self._flying: dict[str, Batch] = {}
        self._split: dict[str, _Split] = {}
        self._missing: dict[Resource, float] = {}

    def drive(self) -> None:
        """Run to the end. Raises TrialFailed where the policy says so, NoWorkers, OtherStore."""
        self._replay()
        gather(
            self._more(),
            lambda name: self._submit(self._flying[name]),
            retries=RETRIES,
            done=self._done,
            failed=self._failed,
            hopeless=self._hopeless,
        )
        if not self._search.done:
            raise RuntimeError(f"the search stopped in phase {self._search.phase}: this is a bug")
        self._report()

    # what comes in ------------------------------------------------------------------------
    def _replay(self) -> None:
        """Tell the search again what earlier processes finished, at the times of then."""
        known = {
            one.work: (at, one) for at, batch in enumerate(self.finished) for one in batch.done
        }
        waiting: dict[str, Work] = {}
        spent = 0.0
        while True:
            waiting |= {work_id(work): work for work in self._ready(spent)}
            at = min((known[key][0] for key in waiting if key in known), default=None)
            if at is None:
                break
            spent = self.finished[at].spent
            for key in [key for key in waiting if key in known and known[key][0] == at]:
                self._search.tell(waiting.pop(key), known[key][1].came)
        self._waiting = [self._piece(work) for work in waiting.values()]

    def _ready(self, spent: float) -> list[Work]:
        left = None if self._clock.budget is None else self._clock.budget - spent
        found: list[Work] = []
        while more := self._search.ready(left):
            found += more
        return found

    def _done(self, name: str, finished: Finished) -> Futures:
        batch = self._flying.pop(name)
        self.finished.append(finished)
        for work, done in zip(batch.works, finished.done, strict=True):
            self._tell(work, done.came)
        return self._more()

    def _tell(self, work: Work, came: Came) -> None:
        """Tell the search, or the step that this work was split from."""
        split = self._split.pop(work_id(work), None)
        if split is None:
            self._search.tell(work, came)
        elif whole := split.tell(work, came):
            self._keep_here(split.step, whole)
            self._tell(split.step, whole)

    def _keep_here(self, work: Work, came: Came) -> None:
        """Write to the journal what no worker could: it is not to be tried again."""
        outcomes = tuple(one for one in came if isinstance(one, Outcome))
        done = Done(work=work_id(work), outcomes=outcomes)
        spent = self._clock.spent()
        finished = Finished(resource="CPU", worker="", seconds=0, spent=spent, done=(done,))
        self._keep(finished)

    # what goes wrong ----------------------------------------------------------------------
    def _failed(self, name: str, error: BaseException) -> Futures:
        """A batch is tried again in pieces; what fails alone is an outcome."""
        if isinstance(error, TrialFailed | OtherStore):
            raise error
        batch = self._flying.pop(name)
        if isinstance(error, NotFinished):
            for work in batch.works:
                self._tell(work, self._outcomes(work, "skipped", str(error)))
            return self._more()
        logger.warning("%s failed (%r): again in pieces", batch.title, error)
        pieces = [piece for work in batch.works for piece in self._pieces(work, len(batch.works))]
        if pieces:
            again = [Batch.of([self._piece(piece)], self._end()) for piece in pieces]
            return {one.name: self._start(one) for one in again} | self._more()
        (work,) = batch.works
        came = self._outcomes(work, *_verdict(error))
        self._keep_here(work, came)
        self._tell(work, came)
        return self._more()

    def _pieces(self, work: Work, of: int) -> list[Work]:
        """What a failed batch of ``of`` pieces of work is tried again in; nothing smaller: []."""
        if of > 1:
            return [work]
        if isinstance(work, Mix) or work.size == 1:
            return []
        split = _Split(work, drawn(work, self._search.brief.setting))
        self._split |= dict.fromkeys(map(work_id, split.pieces), split)
        return list(split.pieces)

    def _outcomes(self, work: Work, failure: Failure, reason: str) -> tuple[Outcome, ...]:
        if isinstance(work, Mix):
            logger.warning("there is no %s: %s", work.title, reason)
            return ()
        return tuple(
            Outcome(
                trial=trial, rung=work.rung, windows=work.windows, failure=failure, reason=reason
            )
            for trial in drawn(work, self._search.brief.setting)
        )

    def _hopeless(self, pending: Collection[str]) -> Mapping[str, str]:
        """What is not waited for: after the end of the budget, and where a resource is gone."""
        self._report()
        left = self._clock.left()
        if left is not None and left < SECONDS_TO_FINISH - GRACE_SECONDS:
            return dict.fromkeys(pending, SPENT)
        self._offers = self._ask_offers()
        now = time.monotonic()
        wanted = {self._flying[name].resource for name in pending}
        gone = wanted - self._offers.slots.keys()
        self._missing = {one: self._missing.get(one, now) for one in gone}
        lost = {one for one, since in self._missing.items() if now - since > PATIENCE_SECONDS}
        if "CPU" in lost:
            raise NoWorkers("no worker is left; start some, then go on with --resume")
        return {
            name: f"no worker offers {self._flying[name].resource} any more"
            for name in pending
            if self._flying[name].resource in lost
        }

    # what goes out ------------------------------------------------------------------------
    def _more(self) -> Futures:
        """Submit what is ready, as much as keeps everybody busy."""
        while True:
            self._waiting += map(self._piece, self._ready(self._clock.spent()))
            reasons = {piece.id: self._impossible(piece) for piece in self._waiting}
            hopeless = [piece for piece in self._waiting if reasons[piece.id]]
            if not hopeless:
                break
            self._waiting = [piece for piece in self._waiting if not reasons[piece.id]]
            for piece in hopeless:
                reason = reasons[piece.id]
                self._tell(piece.work, self._outcomes(piece.work, "skipped", reason))
        futures = {batch.name: self._start(batch) for batch in self._batches()}
        self._report()
        return futures

    def _impossible(self, piece: Piece) -> str:
        """Why work is not even begun; empty where it is."""
        if isinstance(piece.work, Step):
            if why := self._placements.skipped.get(piece.work.study.family):
                return why
            if piece.resource not in self._offers.slots.keys() | self._missing.keys():
                return f"no worker offers {piece.resource}"
        end = self._end()
        return SPENT if end is not None and time.time() + piece.longest > end else ""

    def _batches(self) -> list[Batch]:
        flying = Counter(batch.resource for batch in self._flying.values())
        packed: list[list[Piece]] = []
        for resource in RESOURCES:
            slots = self._offers.slots.get(resource, 1)
            packed += pack(
                [piece for piece in self._waiting if piece.resource == resource],
                slots=slots,
                idle=max(slots - flying[resource], 0),
                most=max(AHEAD * slots - flying[resource], 0),
            )
        taken = {piece.id for pieces in packed for piece in pieces}
        self._waiting = [piece for piece in self._waiting if piece.id not in taken]
        return [Batch.of(pieces, self._end()) for pieces in packed]

    def _start(self, batch: Batch) -> Future[Finished]:
        self._flying[batch.name] = batch
        return self._submit(batch)

    def _piece(self, work: Work) -> Piece:
        if isinstance(work, Mix):
            return Piece(work, work_id(work), "CPU", MIX_SECONDS)
        resource = self._placements.of(work.study.family)
        return Piece(work, work_id(work), resource, self._search.spending.of_step(work))

    def _end(self) -> float | None:
        """When trials have to be at their end, in seconds since 1970."""
        left = self._clock.left()
        return None if left is None else time.time() + left - SECONDS_TO_FINISH

    def _report(self) -> None:
        busy = Counter(batch.resource for batch in self._flying.values())
        slots = self._offers.slots
        self._say(
            {
                **self._search.status(),
                "left": self._clock.left(),
                "spent": self._clock.spent(),
                "busy": sum(min(busy[one], slots.get(one, 0)) for one in busy),
                "slots": slots.get("CPU", 0),
                "running": [batch.title for batch in self._flying.values()],
            }
        )


class _Split:
    """A step that is done trial by trial, and what came of it so far."""

    def __init__(self, step: Step, trials: Sequence[Any]) -> None:
        self.step = step
        self.pieces = [
            step.model_copy(update={"trials": (trial,), "ask": None}) for trial in trials
        ]
        self._came: dict[int, Outcome] = {}

    def tell(self, piece: Work, came: Came) -> tuple[Outcome, ...]:
        """All outcomes in order, with the last of them; nothing before."""
        (outcome,) = came
        assert isinstance(outcome, Outcome)
        self._came[outcome.trial.index] = outcome
        if len(self._came) < len(self.pieces):
            return ()
        return tuple(self._came[piece.trials[0].index] for piece in self.pieces)


def _verdict(error: BaseException) -> tuple[Failure, str]:
    if isinstance(error, LOST):
        return "memory", "its worker was lost each time: most likely it was out of memory"
    return "error", f"{type(error).__name__}: {error}"
