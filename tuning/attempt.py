"""One trial at a rung: fitted before each cut-off, judged on its folds, told as an outcome."""

import logging
import time
from collections.abc import Iterator
from dataclasses import dataclass, replace
from typing import Any

import numpy as np

from restock.evaluation.contest import Judgement
from restock.evaluation.judging import evaluate
from restock.evaluation.scorecard import Scorecard
from restock.models import Candidate, FitContext, Recommendations, Recommender
from restock.models.registry import model_class
from restock.tuning.failures import Diverged, LeftOut, Nobody, OverTime, check_scores, failure_of
from restock.tuning.setting import Ballot, Kept, Setting
from restock.tuning.testbed import MarketFold, Testbed, Testbeds
from restock.tuning.trials import ALL, Outcome, Step, Trial

logger = logging.getLogger(__name__)

Attempted = tuple[Outcome, Kept | None]
"""What came of a trial, and what is to be kept of it."""


@dataclass(frozen=True)
class Attempt:
    """A trial to be run at a step's rung and windows."""

    step: Step
    trial: Trial

    @property
    def testbed(self) -> tuple[str, int, tuple[int, ...]]:
        """Where it is run: place, rung, windows."""
        return self.step.study.where, self.step.rung, self.step.windows

    def run(
        self, testbeds: Testbeds, setting: Setting, context: FitContext, deadline: float | None
    ) -> Attempted:
        """What it comes to, a failure included; and what is to be kept of it.

        Without a testbed no trial can say anything: what its making raises is not caught.
        """
        step = self.step
        outcome = Outcome(trial=self.trial, rung=step.rung, windows=step.windows)
        try:
            testbed = testbeds.of(*self.testbed)
        except Nobody as error:
            told = {"failure": error.failure, "reason": str(error), "nobody": True}
            return outcome.model_copy(update=told), None
        start = time.perf_counter()
        clock = _Clock(start, setting.policy.trial_seconds, deadline)
        try:
            result, kept = self._judged(testbed, context, clock)
        except Exception as error:
            failure, reason = failure_of(error)
            level = logging.INFO if failure == "skipped" else logging.WARNING
            logger.log(level, "%s: %s", self.trial.key, reason, exc_info=failure == "error")
            seconds = time.perf_counter() - start
            nobody = isinstance(error, Nobody)
            failed = {"failure": failure, "reason": reason, "seconds": seconds, "nobody": nobody}
            return outcome.model_copy(update=failed), None
        result["seconds"] = time.perf_counter() - start
        return outcome.model_copy(update=result), kept

    def _judged(
        self, testbed: Testbed, context: FitContext, clock: "_Clock"
    ) -> tuple[dict[str, Any], Kept | None]:
        """The fields of a good outcome; raises what keeps the trial from one."""
        policy, step, candidate = testbed.setting.policy, self.step, self.trial.candidate
        if candidate.pooled != (step.study.where == ALL):
            raise ValueError(f"{candidate.label} cannot be tried in the place {step.study.where}")
        key = candidate.key
        cards: dict[str, list[Scorecard]] = {}
        kept = Kept([], []) if step.keep else None
        says_something = False
        for place, lists in self._lists(testbed, context, clock):
            says_something |= check_scores(lists)
            card = evaluate(lists, place.fold, k=place.k)
            cards.setdefault(place.market, []).append(card)
            if kept:
                judgement = Judgement(place.market, place.fold.cutoff, {key: card})
                kept.judgements.append(judgement)
                kept.ballots.append(_ballot(place, lists, policy.ballots))
        clock.check_time()
        if not says_something:
            raise Diverged("no list has an item of the model's own")
        lift, metrics = testbed.lift(cards)
        if lift is None:
            raise Nobody(f"{step.study.where}: too few customers, or no spend, to tell a lift")
        top = step.rung == len(policy.rungs) - 1
        markets = testbed.lift_by_market(cards) if top and step.study.where == ALL else {}
        return {"lift": lift, "metrics": metrics, "markets": markets}, kept

    def _lists(
        self, testbed: Testbed, context: FitContext, clock: "_Clock"
    ) -> Iterator[tuple[MarketFold, Recommendations]]:
        """Fit before every cut-off, and list for the customers of its folds."""
        setting = testbed.setting
        effort = setting.policy.rungs[self.step.rung].effort
        for cut in testbed.cuts:
            clock.check()
            model = model_at(self.trial.candidate, effort)
            model.fit(cut.train, replace(context, seed=setting.seed, shared=cut.shared))
            for place in cut.folds:
                fold, depth = place.fold, place.k
                customers = fold.customers
                if self.step.keep:
                    depth = max(depth, setting.policy.ballots)
                    customers = np.concatenate([customers, fold.cold])
                yield place, model.recommend(customers, depth, allowed=fold.candidates)


def model_at(candidate: Candidate, effort: float) -> Recommender[Any]:
    """The candidate's model, not fitted yet, with a share of its epochs or iterations.

    At least one; models without such a field are what they are at any effort.
    """
    field = model_class(candidate.name).effort
    if effort >= 1 or field is None:
        return candidate.create()
    fewer = max(1, round(candidate.resolved[field] * effort))
    config = {**candidate.config, field: fewer}
    return candidate.model_copy(update={"config": config}).create()


@dataclass(frozen=True)
class _Clock:
    """start: by ``time.perf_counter()``; allowed: seconds; deadline: by ``time.time()``."""

    start: float
    allowed: float
    deadline: float | None

    def check(self) -> None:
        """Raise when no fit may start any more."""
        if self.deadline is not None and time.time() >= self.deadline:
            raise LeftOut("the budget was spent")
        self.check_time()

    def check_time(self) -> None:
        """Raise when the trial has taken too long."""
        taken = time.perf_counter() - self.start
        if taken > self.allowed:
            raise OverTime(f"took {taken:.1f} s, {self.allowed:g} s are allowed")


def _ballot(place: MarketFold, lists: Recommendations, depth: int) -> Ballot:
    n = place.fold.customers.size
    items, scores = lists.items[:n, :depth], lists.scores[:n, :depth]
    own = (items >= 0) & ~lists.fallback[:n, :depth]
    return Ballot(
        place.market,
        place.fold.cutoff,
        place.fold.customers,
        np.where(own, items, -1).astype(np.int32),
        np.where(own, scores, 0).astype(np.float32),
    )
