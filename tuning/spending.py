"""What work costs and what is left to spend: estimates, their correction, shares of a budget."""

from collections import defaultdict
from collections.abc import Mapping, Sequence
from typing import Literal

from restock.models import Candidate
from restock.tuning.brief import Brief
from restock.tuning.costs import seconds as estimate
from restock.tuning.trials import ALL, Outcome, Step, StudyKey

Phase = Literal["screen", "pool", "own", "mix", "report", "done"]

PART_SECONDS = 20.0
"""Estimated seconds above which a step is cut, so that its parts run side by side."""
KEPT_SHARE = 0.15
"""Of a budget of time, beside what the report is estimated to take: estimates are rough, and
what was not judged on the report windows was searched in vain."""
POOL_SHARE = 0.5
"""Of the trials left after the defaults, where large markets search on their own afterwards."""
LATER_SHARE = 0.2
"""Of the trials left after the defaults, at most, for small markets where none is large."""
SMALL_SHARE = 1 / 3
"""Of the trials left to the markets, at most, for the small ones beside large ones."""
MIXED_SHARE = 0.25
"""Of the trials left to the markets, at most, for mixtures: the last step, and often the best."""
MOST_TRIALS = 200
"""Trials of one study in a budget of time, however cheap they are."""


class Spending:
    """The budget of a search, and how far estimates were off, family by family."""

    def __init__(self, brief: Brief) -> None:
        self._brief = brief
        self._estimated: dict[str, float] = defaultdict(float)
        self._measured: dict[str, float] = defaultdict(float)

    # what work costs ----------------------------------------------------------------------
    def of(self, candidate: Candidate, where: str, rung: int, windows: int) -> float:
        """Seconds of one core that a trial takes, as far as is known before it runs."""
        brief = self._brief
        shape = brief.setting.policy.rungs[rung].model_copy(
            update={"customers": min(1.0, brief.share(where, rung))}
        )
        found = estimate(candidate, brief.size(where), rung=shape, windows=windows)
        return found * self._off(candidate.name)

    def of_step(self, step: Step) -> float:
        """Seconds of one core that a step takes; points still to be drawn count as defaults."""
        where, rung, windows = step.study.where, step.rung, len(step.windows)
        named = [self.of(trial.candidate, where, rung, windows) for trial in step.trials]
        asked = 0.0
        if step.ask:
            usual = default(step.study)
            asked = step.ask.count * self.of(usual, where, rung, windows)
        return sum(named) + asked

    def learn(self, outcomes: Sequence[Outcome]) -> None:
        """Correct the estimates by what was measured. Not in a budget of trials: there nothing
        may depend on the clock."""
        if self._brief.seconds is None:
            return
        for one in outcomes:
            if one.lift is not None:
                off = self._off(one.trial.candidate.name)
                where = one.trial.study.where
                expected = self.of(one.trial.candidate, where, one.rung, len(one.windows))
                self._estimated[one.trial.candidate.name] += expected / off
                self._measured[one.trial.candidate.name] += one.seconds

    def _off(self, family: str) -> float:
        known = self._estimated[family]
        return max(self._measured[family] / known, 0.1) if known > 0 else 1.0

    # what is left -------------------------------------------------------------------------
    def room(self, phase: Phase, left: float | None, finalists: Sequence[Candidate]) -> float:
        """Wall seconds until a phase must have ended; without end in a budget of trials.

        left: seconds until the end of the whole search. finalists: what will have to be judged
        on the report windows, for which time is kept.
        """
        total = self._brief.seconds
        if total is None or left is None:
            return float("inf")
        kept = KEPT_SHARE * total + self.report_seconds(finalists)
        if phase == "report":
            return left
        usable = max(total - kept, 0.0)
        own = bool(self._brief.large)
        ends = {"screen": 0.6, "pool": 0.75 if own else 0.85, "own": 0.85, "mix": 1.0}
        return usable * ends.get(phase, 1.0) - (total - left)

    def report_seconds(self, finalists: Sequence[Candidate]) -> float:
        """Wall seconds of judging these, fitted on all markets, on the report windows."""
        top, windows = len(self._brief.setting.policy.rungs) - 1, len(self._brief.report)
        cost = [self.of(one, ALL, top, windows) for one in finalists]
        cores = min(self._brief.cores, windows * max(len(cost), 1))
        return max(sum(cost) / cores, max(cost, default=0.0) / max(windows, 1))

    def allot(
        self, keys: Mapping[StudyKey, float], phase: Phase, room: float, drawn: int
    ) -> dict[StudyKey, int]:
        """How many trials each study may draw.

        keys: study → weight. A budget of trials is divided by weight, the largest remainders
        first; one of time gives each study its share of the core-seconds, in trials that climb
        the rungs. drawn: trials drawn before.
        """
        total = sum(keys.values())
        if not total:
            return dict.fromkeys(keys, 0)
        brief = self._brief
        if brief.trials is not None:
            left = max(brief.trials - drawn, 0)
            return _divided(keys, self._for_pool(left) if phase == "pool" else left)
        found = {}
        for key, weight in keys.items():
            seconds = room * brief.cores * weight / total
            each = self._climb(key)
            found[key] = min(MOST_TRIALS, int(seconds / each))
        return found

    # trials, by what they are for; ``spare`` is without end in a budget of time ---------------
    def _for_pool(self, left: int) -> int:
        brief = self._brief
        if brief.large:
            return int(left * POOL_SHARE)
        named = brief.setting.policy.portfolio * len(brief.markets)
        return left - min(int(left * LATER_SHARE), named + sum(self.mixtures(left).values()))

    def for_small(self, spare: float) -> float:
        """How many candidates may be tried by name in small markets."""
        return spare * SMALL_SHARE if self._brief.large else spare

    def for_named(self, spare: float) -> float:
        """How many may be tried by name in large markets; as many are drawn there."""
        return (spare + 1) / 2

    def for_mixtures(self, spare: float) -> int:
        """How many trials are kept for mixtures."""
        most = sum(self.mixtures(spare).values())
        return int(min(most, spare * MIXED_SHARE))

    def mixtures(self, spare: float) -> dict[str, int]:
        """Place → how many of its mixtures may be tried: first ALL, then the largest markets.

        A place may come to a blend and a switch, ALL also to a blend for each large market.
        """
        brief, found = self._brief, dict[str, int]()
        large = sorted(brief.large, key=lambda code: (-brief.sizes[code].customers, code))
        for where in (ALL, *large):
            most = 2 + len(large) if where == ALL else 2
            found[where] = int(min(most, spare))
            spare -= found[where]
        return found

    def _climb(self, key: StudyKey) -> float:
        """Seconds per trial of a bracket: all run at the lowest rung, fewer at each next one."""
        brief, usual = self._brief, default(key)
        part, cost = 1.0, 0.0
        for rung in brief.rungs(key.where, key.family):
            cost += part * self.of(usual, key.where, rung, len(brief.selection))
            part /= brief.setting.policy.keep_one_in
        return max(cost, 1e-3)


def default(key: StudyKey) -> Candidate:
    """A family's candidate of the place with its default configuration."""
    return Candidate(name=key.family, scope="pooled" if key.where == ALL else "market")


def _divided(weights: Mapping[StudyKey, float], budget: int) -> dict[StudyKey, int]:
    total = sum(weights.values())
    exact = {key: budget * weight / total for key, weight in weights.items()}
    whole = {key: int(value) for key, value in exact.items()}
    rest = budget - sum(whole.values())
    order = sorted(exact, key=lambda key: (whole[key] - exact[key], key.title))
    for key in order[:rest]:
        whole[key] += 1
    return whole
