"""One study: brackets of successive halving, told outcomes, saying what to run next."""

import math
import zlib
from collections.abc import Callable, Sequence

from restock.models import Candidate
from restock.tuning.policy import SearchPolicy
from restock.tuning.space import point_of
from restock.tuning.trials import ALL, Ask, Origin, Outcome, Step, StudyKey, Told, Trial


class Study:
    """A family of models in one place.

    Synchronous successive halving (Jamieson and Talwalkar, AISTATS 2016): the trials of a
    bracket run at a rung, and when all are told, the best of them go on to the next. What goes
    on depends on the outcomes and the trials' indices only, not on when they came.

    rungs: numbers of the policy's rungs that differ in this place, the last one the top.
    windows: the selection windows. worth: whether a trial that is only there by its origin may
    go on (it may cost too much for what it promises).
    """

    def __init__(
        self,
        key: StudyKey,
        rungs: tuple[int, ...],
        windows: tuple[int, ...],
        policy: SearchPolicy,
        seed: int,
        worth: Callable[[Outcome], bool] = lambda outcome: True,
    ) -> None:
        self.key = key
        self.outcomes: dict[tuple[int, int], Outcome] = {}
        self.left = 0
        """Trials that may still be drawn."""
        self.bar: Callable[[], float] = lambda: 0.0
        """The log-lift of what is in service here."""
        self._rungs, self._windows, self._policy, self._seed = rungs, windows, policy, seed
        self._worth = worth
        self._queue: list[Trial] = []
        self._known: set[str] = set()
        self._drawn = 0
        self._at = 0
        self._screening = False
        self._awaited = 0
        self._told: list[Outcome] = []
        self._best = -math.inf
        self._dry = 0

    # what is known ------------------------------------------------------------------------
    @property
    def top(self) -> int:
        """Number of the last rung."""
        return self._rungs[-1]

    @property
    def drawn(self) -> int:
        """Trials named or asked for so far."""
        return self._drawn

    @property
    def idle(self) -> bool:
        """No bracket is on its way."""
        return self._awaited == 0 and not self._told

    @property
    def dry(self) -> bool:
        """Bracket after bracket gained next to nothing."""
        return self._dry >= self._policy.patience

    @property
    def exhausted(self) -> bool:
        """Nothing is on its way and nothing more will be drawn."""
        return self.idle and not self._queue and (self.left <= 0 or self.dry)

    @property
    def best(self) -> Outcome | None:
        """The best outcome at the top rung."""
        return max(self.finished, key=_merit, default=None)

    @property
    def finished(self) -> list[Outcome]:
        """Outcomes at the top rung that have a lift, by index."""
        return [
            one
            for (index, rung), one in sorted(self.outcomes.items())
            if rung == self.top and one.lift is not None
        ]

    @property
    def history(self) -> tuple[Told, ...]:
        """What an engine is told: each trial at the highest rung it reached."""
        highest: dict[int, Outcome] = {}
        for (index, _), outcome in sorted(self.outcomes.items()):
            highest[index] = outcome
        return tuple(
            Told(
                point=point_of(self.key, one.trial.candidate),
                value=None if one.lift is None else one.lift.value,
            )
            for one in highest.values()
        )

    # what happens -------------------------------------------------------------------------
    def add(self, candidate: Candidate, origin: Origin) -> None:
        """Put a candidate at the head of the next bracket; one that is known is left out."""
        if candidate.key in self._known:
            return
        self._known.add(candidate.key)
        trial = Trial(study=self.key, index=self._drawn, origin=origin, candidate=candidate)
        self._queue.append(trial)
        self._drawn += 1

    def start(self, count: int) -> Step | None:
        """A new bracket of up to ``count`` trials: what was added, then what is asked for."""
        named = tuple(self._queue[:count])
        self._queue = self._queue[count:]
        asked = max(0, min(count - len(named), self.left))
        self.left -= asked
        if not named and not asked:
            return None
        ask = None
        if asked:
            seed = zlib.crc32(f"{self._seed}/{self.key.title}/{self._drawn}".encode())
            ask = Ask(count=asked, first=self._drawn, seed=seed, history=self.history)
            self._drawn += asked
        alone = len(named) + asked == 1 and not ask
        self._screening = False
        self._at = len(self._rungs) - 1 if alone else 0
        return self._step(named, ask)

    def screen(self) -> Step | None:
        """What was added, at the lowest rung, whatever their number."""
        named, self._queue = tuple(self._queue), []
        self._at, self._screening = 0, True
        return self._step(named, None) if named else None

    def finals(self) -> Step | None:
        """What was added, at the top rung at once."""
        named, self._queue = tuple(self._queue), []
        self._at = len(self._rungs) - 1
        return self._step(named, None) if named else None

    def forget(self, trials: int) -> None:
        """So many trials of the step that was given out last will not be run."""
        self._awaited -= trials

    def trial_of(self, candidate: Candidate) -> Trial:
        """The trial of a candidate; a new one where it was not tried here."""
        for outcome in self.outcomes.values():
            if outcome.trial.candidate.key == candidate.key:
                return outcome.trial
        self._drawn += 1
        return Trial(study=self.key, index=self._drawn - 1, origin="service", candidate=candidate)

    def tell(self, outcomes: Sequence[Outcome]) -> None:
        """Take back what a step, or a part of one, came to."""
        for outcome in outcomes:
            self.outcomes[outcome.trial.index, outcome.rung] = outcome
            self._known.add(outcome.trial.candidate.key)
        self._told += outcomes
        self._awaited -= len(outcomes)

    def next(self) -> Step | None:
        """The next rung of the bracket, once this one is told; None while waiting or at its end."""
        while self._awaited == 0 and self._told:
            told, self._told = self._told, []
            if self._at == len(self._rungs) - 1:
                self._end()
                return None
            promoted = self._promoted(told)
            # one alone has nobody to be compared with on the way
            self._at = len(self._rungs) - 1 if len(promoted) == 1 else self._at + 1
            if promoted:
                return self._step(promoted, None)
            self._end()
        return None

    def _step(self, named: tuple[Trial, ...], ask: Ask | None) -> Step:
        step = Step(
            study=self.key,
            rung=self._rungs[self._at],
            windows=self._windows,
            trials=named,
            ask=ask,
            keep=self._at == len(self._rungs) - 1,
        )
        self._awaited = step.size
        return step

    def _promoted(self, told: Sequence[Outcome]) -> tuple[Trial, ...]:
        """The best share of a rung, without those that are surely under what is in service.

        What is in service is seen through, and in the place ALL a default that may be better.
        There a family that loses goes on with one, see ``_leader``.
        """
        policy, bar = self._policy, self.bar()
        alive = [one for one in told if one.lift is not None]
        good = [one for one in alive if one.lift and one.lift.upper(policy.stop_z) >= bar]
        good.sort(key=_order)
        chosen = good[: -(-len(told) // policy.keep_one_in)]
        through = [one for one in alive if one.trial.origin == "service"]
        if self.key.where == ALL:
            through += [one for one in good if one.trial.origin == "default"]
            through += self._leader()
        chosen += [one for one in through if self._worth(one)]
        trials = {one.trial.index: one.trial for one in chosen}
        return tuple(trials[index] for index in sorted(trials))

    def _leader(self) -> list[Outcome]:
        """The best so far at this rung, of all brackets, unless it went on before.

        Alone it may lose, but mixtures are made of what reached the top, and a tuned loser gives
        them more than none or an untuned one: which is why a screen does not lead yet.
        """
        here = self._rungs[self._at]
        known = [one for (_, rung), one in self.outcomes.items() if rung == here and one.lift]
        if self._screening or not known:
            return []
        best = min(known, key=_order)
        higher = any(
            (best.trial.index, rung) in self.outcomes for rung in self._rungs[self._at + 1 :]
        )
        return [] if higher else [best]

    def _end(self) -> None:
        best = self.best
        value = -math.inf if best is None else _merit(best)
        gained = value - self._best
        self._dry = 0 if gained > self._policy.least_gain else self._dry + 1
        self._best = max(self._best, value)


def _merit(outcome: Outcome) -> float:
    return -math.inf if outcome.lift is None else outcome.lift.value


def _order(outcome: Outcome) -> tuple[float, int]:
    """The best first; equals by trial."""
    return -_merit(outcome), outcome.trial.index
