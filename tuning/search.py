"""The search as a state machine: what is ready to run, what came back, what was chosen."""

from collections.abc import Callable, Sequence
from dataclasses import dataclass, field
from typing import Any

from restock.models import Candidate
from restock.models.registry import model_class
from restock.models.slate import FIRST_INCUMBENT
from restock.tuning import standing
from restock.tuning.brief import Brief
from restock.tuning.choosing import Choices, choose
from restock.tuning.parts import in_parts
from restock.tuning.portfolio import own_version, portfolio
from restock.tuning.space import study_space
from restock.tuning.spending import Phase, Spending, default
from restock.tuning.study import Study
from restock.tuning.trials import ALL, Mix, Mixture, Outcome, Step, StudyKey, Trial

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
        self.mixtures += [one for one in came if isinstance(one, Mixture)]
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
        for family in self.brief.families:
            self._study(ALL, family).add(default(StudyKey(where=ALL, family=family)), "default")
        for candidate in self._service(pooled=True):
            self._study(ALL, candidate.name).add(candidate, "service")
        for candidate in self.brief.warm.get(ALL, ()):
            if candidate.name in self.brief.families:
                self._study(ALL, candidate.name).add(candidate, "warm")
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
        best = portfolio(self.outcomes, self.brief.setting.policy.portfolio)
        weights: dict[StudyKey, float] = {}
        ranked = standing.ranked(self.studies)
        for market in self.brief.markets:
            self._bars[market] = standing.in_service(self.studies, market)
            for candidate in self._service(pooled=False, market=market):
                if candidate != FIRST_INCUMBENT:  # the yardstick: its lift is known to be 0
                    self._study(market, candidate.name).add(candidate, "service")
            for candidate in map(own_version, best):
                if market in self.brief.large or self._cheap(candidate, market):
                    self._study(market, candidate.name).add(candidate, "warm")
            for candidate in self.brief.warm.get(market, ()):
                if candidate.name in self.brief.families:
                    self._study(market, candidate.name).add(candidate, "warm")
        for market in self.brief.large:
            for family in self.brief.families:
                key = StudyKey(where=market, family=family)
                if study_space(key):
                    weights[key] = ranked.get(StudyKey(where=ALL, family=family), 0.0)
                    self._study(market, family).add(default(key), "default")
        for key, count in self.spending.allot(weights, "own", room, self._drawn()).items():
            self.studies[key].left = count

    def _mix(self, room: float) -> None:
        for where in (ALL, *self.brief.large):
            members = standing.members(self.studies, where)
            if len(members) > 1:
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
            trial, windows = self._trial(candidate, where), self.brief.report
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
            mine = self._service(pooled=False, market=market)
            if market in chosen:
                mine += [FIRST_INCUMBENT, chosen[market]]
            own += [(one, market) for one in mine if not one.pooled]
        pooled = [one for one in chosen.values() if one.pooled]
        pooled += [*self._service(pooled=True), *choices.pooled_steps]
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

    def _study(self, where: str, family: str) -> Study:
        key = StudyKey(where=where, family=family)
        if key not in self.studies:
            brief = self.brief
            study = Study(
                key,
                brief.rungs(where),
                brief.selection,
                brief.setting.policy,
                brief.setting.seed,
                self._worth,
            )
            study.bar = lambda: self._bars.get(where, 0.0)
            self.studies[key] = study
        return self.studies[key]

    def _worth(self, outcome: Outcome) -> bool:
        """A default that loses is seen through only where that costs little of the budget."""
        seconds = self.brief.seconds
        policy = self.brief.setting.policy
        if seconds is None or outcome.trial.origin == "service" or outcome.lift is None:
            return True
        if outcome.lift.upper(policy.stop_z) >= self._bars.get(outcome.trial.study.where, 0.0):
            return True
        trial, top = outcome.trial, len(policy.rungs) - 1
        cost = self.spending.of(trial.candidate, trial.study.where, top, len(self.brief.selection))
        return cost <= 0.03 * seconds * self.brief.cores

    def _service(self, *, pooled: bool, market: str = "") -> list[Candidate]:
        plans = self.brief.service
        wanted = [plans[market]] if market and market in plans else list(plans.values())
        return list({one.key: one for one in wanted if one.pooled == pooled}.values())

    def _cheap(self, candidate: Candidate, market: str) -> bool:
        top = len(self.brief.setting.policy.rungs) - 1
        cost = self.spending.of(candidate, market, top, len(self.brief.selection))
        return cost <= CHEAP_SECONDS and model_class(candidate.name).compute == "cpu"

    def _trial(self, candidate: Candidate, where: str) -> Trial:
        study = self._study(where, candidate.name)
        return study.trial_of(candidate)

    def _drawn(self) -> int:
        return sum(study.drawn for study in self.studies.values())

    def _room(self, left: float | None) -> float:
        best = [one.trial.candidate for one in standing.finished(self.studies, ALL)[:2]]
        if self.choices is not None:
            best = [one for one, where in self._finalists(self.choices) if where == ALL]
        return self.spending.room(self.phase, left, best)
