"""The search as a state machine: what is ready to run, what came back, what was chosen."""

from collections.abc import Callable, Iterable, Sequence
from dataclasses import dataclass, field
from typing import Any

from restock.models import Candidate
from restock.models.registry import model_class
from restock.models.slate import FIRST_INCUMBENT
from restock.tuning import standing
from restock.tuning.brief import Brief
from restock.tuning.choosing import Choices, choose
from restock.tuning.named import Named, in_markets, on_all, services, tuned
from restock.tuning.parts import in_parts
from restock.tuning.portfolio import portfolio
from restock.tuning.space import study_space
from restock.tuning.spending import Phase, Spending
from restock.tuning.study import Study
from restock.tuning.trials import ALL, Mix, Mixture, Outcome, Step, StudyKey

Work = Step | Mix
PHASES: tuple[Phase, ...] = ("screen", "pool", "own", "mix", "report", "done")
CHEAP_SECONDS = 1.0
"""A small market tries its own versions of the portfolio where that takes no longer."""


@dataclass
class Search:
    """Says what to run (``ready``) and takes back what it came to (``tell``), until ``done``.

    Decisions wait for the results that they rest on and depend on nothing else, so that with a
    budget in trials the same brief ends in the same choices wherever and in whatever order the
    work is done. With a budget in seconds the clock decides how much is tried.

    screen: every family's default, cheaply. pool: halving in the place ALL, more for families
    that promise more. own: halving in the markets that are large enough, from the best of the
    pool. mix: mixtures of what was tried, judged. report: what was chosen, on newer windows.
    """

    brief: Brief
    phase: Phase = "screen"
    studies: dict[StudyKey, Study] = field(default_factory=dict)
    mixtures: list[Mixture] = field(default_factory=list)
    choices: Choices | None = None
    reported: list[Outcome] = field(default_factory=list)

    def __post_init__(self) -> None:
        self.spending = Spending(self.brief)
        self._open = 0
        self._held: list[Work] = []
        self._bars: dict[str, float] = {}
        self._mixtures: dict[str, int] = {}
        self._phases: dict[Phase, Callable[[float], None]] = {
            "screen": self._screen,
            "pool": self._pool,
            "own": self._own,
            "mix": self._mix,
            "report": self._report,
            "done": lambda room: None,
        }
        self._begun = False

    @property
    def done(self) -> bool:
        """Whether everything was told and chosen."""
        return self.phase == "done"

    @property
    def outcomes(self) -> list[Outcome]:
        """All outcomes on the selection windows, by place, family, trial and rung."""
        return [
            outcome
            for key in sorted(self.studies, key=lambda key: key.title)
            for _, outcome in sorted(self.studies[key].outcomes.items())
        ]

    # what the driver calls ----------------------------------------------------------------
    def ready(self, seconds_left: float | None = None) -> list[Work]:
        """Work that can start now; each piece is given out once.

        seconds_left: until the end of the whole search, for a budget in seconds.
        """
        if not self._begun:
            self._begun = True
            self._screen(self._room(seconds_left))
        while not self.done:
            work = [*self._held, *self._next(seconds_left)]
            self._held = []
            if work:
                self._open += len(work)
                return work
            if self._open:
                return []
            self.phase = PHASES[PHASES.index(self.phase) + 1]
            self._phases[self.phase](self._room(seconds_left))
        return []

    def tell(self, work: Work, came: Sequence[Outcome] | Sequence[Mixture]) -> None:
        """Take back what a piece of work came to: outcomes of a step, mixtures of a mix."""
        self._open -= 1
        outcomes = [one for one in came if isinstance(one, Outcome)]
        if isinstance(work, Mix):
            found = [one for one in came if isinstance(one, Mixture)]
            self.mixtures += found[: self._mixtures[work.where]]
        self.spending.learn(outcomes)
        if self.phase == "report":
            self.reported += outcomes
        elif isinstance(work, Step):
            self.studies[work.study].tell(outcomes)

    def status(self) -> dict[str, Any]:
        """How far it is, as plain data: phase, trials, and the best so far in each place."""
        best = {}
        for where in {key.where for key in self.studies}:
            for top in standing.finished(self.studies, where)[:1]:
                lift = top.lift.value if top.lift else 0.0
                best[where] = {"label": top.trial.candidate.label, "lift": lift}
        told = {one.trial.key for one in self.outcomes}
        left = sum(max(study.left, 0) for study in self.studies.values() if not study.exhausted)
        return {
            "phase": self.phase,
            "trials": len(told),
            "planned": max(self.brief.trials or 0, len(told) + left),
            "failures": sum(1 for one in self.outcomes if one.failure not in ("", "skipped")),
            "best": best,
        }

    # the phases ---------------------------------------------------------------------------
    def _screen(self, room: float) -> None:
        self._add(on_all(self.brief), self._spare())
        for study in list(self.studies.values()):
            step = study.screen()
            self._held += self._affordable(study, step, room) if step else []

    def _pool(self, room: float) -> None:
        self._bars[ALL] = standing.in_service(self.studies, ALL)
        keys = {
            key: weight for key, weight in standing.ranked(self.studies).items() if study_space(key)
        }
        for key, count in self.spending.allot(keys, "pool", room, self._drawn()).items():
            self.studies[key].left = count

    def _own(self, room: float) -> None:
        brief = self.brief
        for market in brief.markets:
            self._bars[market] = standing.in_service(self.studies, market)
        best = portfolio(self.outcomes, brief.setting.policy.portfolio)
        large, small = in_markets(brief, best, self._cheap)
        kept = self.spending.for_mixtures(self._spare())
        self._add(small, self.spending.for_small(self._spare() - kept))
        self._add(large, self.spending.for_named(self._spare() - kept))
        ranked = standing.ranked(self.studies)
        weights = {
            key: ranked.get(StudyKey(where=ALL, family=key.family), 0.0)
            for market in brief.large
            for key in tuned(brief, market)
        }
        drawn = self._drawn() + kept
        for key, count in self.spending.allot(weights, "own", room, drawn).items():
            self._study(key.where, key.family).left = count

    def _mix(self, room: float) -> None:
        for where, most in self.spending.mixtures(self._spare()).items():
            members = standing.members(self.studies, where)
            if most and len(members) > 1:
                self._mixtures[where] = most
                self._held.append(
                    Mix(
                        where=where,
                        windows=self.brief.selection,
                        members=tuple(one.trial for one in members),
                        kept=tuple(one.kept for one in members),
                        markets=self.brief.large if where == ALL else (where,),
                    )
                )

    def _report(self, room: float) -> None:
        self.choices = choose(self.outcomes, self.mixtures, self.brief)
        top = len(self.brief.setting.policy.rungs) - 1
        for candidate, where in self._finalists(self.choices):
            trial = self._study(where, candidate.name).trial_of(candidate)
            windows = self.brief.report
            apart = where == ALL or where in self.brief.large  # they take long: side by side
            for some in [(window,) for window in windows] if apart else [windows]:
                self._held.append(
                    Step(study=trial.study, rung=top, windows=some, trials=(trial,), keep=True)
                )

    def _finalists(self, choices: Choices) -> list[tuple[Candidate, str]]:
        """What is judged on the report windows, and where.

        Plans in service, those of markets that get no plan too (small markets are decided on
        the customers of all), then choices, then what shows where a gain came from: in the
        order of what a decision needs, and what is short first.
        """
        chosen = {market: choice.candidate for market, choice in choices.markets.items()}
        own: list[tuple[Candidate, str]] = []
        for market in self.brief.sizes:
            mine = services(self.brief, pooled=False, market=market)
            if market in chosen:
                mine += [FIRST_INCUMBENT, chosen[market]]
            own += [(one, market) for one in mine if not one.pooled]
        pooled = [one for one in chosen.values() if one.pooled]
        pooled += [*services(self.brief, pooled=True), *choices.pooled_steps]
        return list({(c.key, w): (c, w) for c, w in [*own, *((p, ALL) for p in pooled)]}.values())

    # small things -------------------------------------------------------------------------
    def _next(self, left: float | None) -> list[Work]:
        """What studies have ready in this phase, as far as there is time for it."""
        if self.phase in ("screen", "report"):
            return []
        if self.phase == "mix":
            self._add_mixtures()
        room, work = self._room(left), []
        for key in sorted(self.studies, key=lambda key: key.title):
            if (key.where == ALL) != (self.phase == "pool") and self.phase != "mix":
                continue
            study = self.studies[key]
            step = study.next()
            if step is None and study.idle and room > 0:
                step = self._start(study)
            if step is not None:
                work += self._affordable(study, step, room)
        return work

    def _start(self, study: Study) -> Step | None:
        if self.phase == "mix":
            return study.finals()
        return None if study.exhausted else study.start(self.brief.setting.policy.bracket)

    def _affordable(self, study: Study, step: Step, room: float) -> list[Work]:
        """A step in parts; the last of its trials are left out where there is no time for all."""
        parts, each = in_parts(step, self.spending, self.brief.setting)
        if each <= room:
            return list(parts)
        fewer = [part for part in parts if self.spending.of_step(part) <= room]
        study.forget(step.size - sum(part.size for part in fewer))
        return list(fewer)

    def _add_mixtures(self) -> None:
        for mixture in self.mixtures:
            where = ALL if mixture.candidate.pooled else mixture.market
            self._study(where, mixture.candidate.name).add(mixture.candidate, "hybrid")

    def _add(self, named: Iterable[Named], most: float) -> None:
        """Put these in the queues of their studies, ``most`` of them that are not known there."""
        end = self._drawn() + most
        for one in named:
            if self._drawn() + 1 > end:
                return
            self._study(one.where, one.candidate.name).add(one.candidate, one.origin)

    def _study(self, where: str, family: str) -> Study:
        key = StudyKey(where=where, family=family)
        if key not in self.studies:
            brief = self.brief
            study = Study(
                key,
                brief.rungs(where, family),
                brief.selection,
                brief.setting.policy,
                brief.setting.seed,
                self._worth,
            )
            study.bar = lambda: self._bars.get(where, 0.0)
            self.studies[key] = study
        return self.studies[key]

    def _worth(self, outcome: Outcome) -> bool:
        """What loses is seen through, for mixtures, only where that costs little of the budget."""
        seconds = self.brief.seconds
        policy = self.brief.setting.policy
        if seconds is None or outcome.trial.origin == "service" or outcome.lift is None:
            return True
        if outcome.lift.upper(policy.stop_z) >= self._bars.get(outcome.trial.study.where, 0.0):
            return True
        trial, top = outcome.trial, len(policy.rungs) - 1
        cost = self.spending.of(trial.candidate, trial.study.where, top, len(self.brief.selection))
        return cost <= 0.03 * seconds * self.brief.cores

    def _cheap(self, candidate: Candidate, market: str) -> bool:
        top = len(self.brief.setting.policy.rungs) - 1
        cost = self.spending.of(candidate, market, top, len(self.brief.selection))
        return cost <= CHEAP_SECONDS and model_class(candidate.name).compute == "cpu"

    def _drawn(self) -> int:
        return sum(study.drawn for study in self.studies.values())

    def _spare(self) -> float:
        """Trials that may still be named or drawn; without end in a budget of time."""
        trials = self.brief.trials
        return float("inf") if trials is None else trials - self._drawn()

    def _room(self, left: float | None) -> float:
        best = [one.trial.candidate for one in standing.finished(self.studies, ALL)[:2]]
        if self.choices is not None:
            best = [one for one, where in self._finalists(self.choices) if where == ALL]
        return self.spending.room(self.phase, left, best)
