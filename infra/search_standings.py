"""Who stood where in a search: leaderboards, and which step of the way brought how much."""

import math
from collections.abc import Callable, Iterable, Mapping, Sequence

from restock.evaluation import Scorecard
from restock.evaluation.estimates import Z95, mean_over_folds
from restock.evaluation.lift import LogLift, Yardstick
from restock.infra.deciding import Cards
from restock.infra.night import Estimate
from restock.infra.report import METRICS
from restock.infra.search_result import UNKNOWN, Gain, Part, Standing
from restock.models import Candidate
from restock.models.hybrid import Hybrid
from restock.models.registry import model_class
from restock.models.slate import FIRST_INCUMBENT
from restock.tuning.search import Search
from restock.tuning.setting import Setting
from restock.tuning.trials import ALL, Lift, Outcome

ROWS = 10
"""Places of a leaderboard."""


class Later:
    """Lifts over the yardstick on the report windows, where a candidate was judged on all of
    them.

    cards: market → candidate key → one scorecard per report window.
    """

    def __init__(self, cards: Cards, setting: Setting) -> None:
        self._cards, self._setting = cards, setting
        self._yardsticks: dict[tuple[str, ...], Yardstick] = {}

    def in_market(self, market: str, key: str) -> LogLift | None:
        """The lift of a candidate in a market; None where it was not judged."""
        objective = self._setting.objectives.get(market)
        return None if objective is None else self._lift((market,), key, pooled=False)

    def over_all(self, key: str) -> LogLift | None:
        """The lift over all markets that judged the candidate; None where none did."""
        return self._lift(self._setting.pooled_markets, key, pooled=True)

    def metrics(self, market: str, key: str) -> dict[str, float]:
        """Means of the metrics that reports show, in a market."""
        found = self._cards.get(market, {}).get(key, ())
        means = {name: mean_over_folds(found, name).value for name in METRICS if found}
        return {name: float(value) for name, value in means.items() if math.isfinite(value)}

    def _lift(self, markets: Sequence[str], key: str, *, pooled: bool) -> LogLift | None:
        yardstick = FIRST_INCUMBENT.key
        there = tuple(
            market
            for market in markets
            if {yardstick, key} <= self._cards.get(market, {}).keys()
            and _folds(self._cards[market][key]) == _folds(self._cards[market][yardstick])
        )
        cards = [card for market in there for card in self._cards[market][key]]
        if not cards:
            return None
        setting = self._setting
        objective = setting.pooled_objective if pooled else setting.objectives[there[0]]
        if there not in self._yardsticks:
            theirs = [card for market in there for card in self._cards[market][yardstick]]
            self._yardsticks[there] = Yardstick(
                theirs, [objective], setting.rates if pooled else None
            )
        return self._yardsticks[there].measure(cards).lift(objective)


def leaderboard(
    search: Search, market: str, later: Later, marked: Mapping[str, str]
) -> tuple[Standing, ...]:
    """The best candidates of a market by their lift on the selection windows.

    marked: key → "chosen" or "service": these are on the board however they did.
    """
    best: dict[str, tuple[Outcome, Lift]] = {}
    for outcome, lift in _finished(search, market):
        key = outcome.trial.candidate.key
        if key not in best or lift.value > best[key][1].value:
            best[key] = (outcome, lift)
    ordered = sorted(best.items(), key=lambda one: (-one[1][1].value, one[0]))
    shown = [one for at, one in enumerate(ordered) if at < ROWS or one[0] in marked]
    return tuple(
        standing(
            search,
            outcome,
            lift,
            report=estimate(later.in_market(market, key)),
            metrics=later.metrics(market, key),
            mark=marked.get(key, ""),
        )
        for key, (outcome, lift) in shown
    )


def standing(
    search: Search,
    outcome: Outcome,
    lift: Lift,
    *,
    report: Estimate = UNKNOWN,
    metrics: Mapping[str, float] | None = None,
    mark: str = "",
) -> Standing:
    """A line of a leaderboard."""
    candidate, where = outcome.trial.candidate, outcome.trial.study.where
    return Standing(
        candidate=candidate.key,
        label=candidate.label,
        family=candidate.name,
        scope=candidate.scope,
        selection=estimate(lift),
        report=report,
        metrics=dict(outcome.metrics if metrics is None else metrics),
        seconds=round(search.spending.of(candidate, where, outcome.rung, 1), 2),
        trial=outcome.trial.key,
        mark=mark,
    )


def gains(search: Search, where: str, chosen: Candidate, later: Later) -> tuple[Gain, ...]:
    """From the yardstick to the plan in four steps: family, tuning, scope, hybrid.

    Each step is the best candidate so far on the selection windows; its number is of the
    report windows when every step was judged there. Empty where nothing was tried.
    """
    tried = sorted(
        _finished(search, where), key=lambda one: (-one[1].value, one[0].trial.candidate.key)
    )
    single = [one for one in tried if not is_hybrid(one[0].trial.candidate)]
    narrow = "pooled" if where == ALL else "market"
    if where != ALL and not any(one.trial.study.where == where for one, _ in single):
        narrow = "pooled"  # nothing was tuned on the market alone
    steps: list[tuple[Part, Candidate]] = [
        ("family", _best(single, lambda o: _as_it_comes(o) and _scope(o) == narrow)),
        ("tuning", _best(single, lambda o: _scope(o) == narrow)),
        ("scope", _best(single, lambda o: True)),
        ("hybrid", chosen),
    ]
    if not tried:
        return ()
    selected = {one.trial.candidate.key: lift.value for one, lift in reversed(tried)}
    selected[FIRST_INCUMBENT.key] = 0.0
    judged = {}
    for _, candidate in steps:
        key = candidate.key
        lift = later.over_all(key) if where == ALL else later.in_market(where, key)
        if lift is not None:
            judged[key] = lift.value
    judged[FIRST_INCUMBENT.key] = 0.0
    everywhere = all(candidate.key in judged for _, candidate in steps)
    values = judged if everywhere else selected
    found, before = [], 0.0
    for part, candidate in steps:
        now = values.get(candidate.key, before)
        found.append(
            Gain(
                part=part,
                log_lift=round(now - before, 6),
                label=candidate.label,
                windows="report" if everywhere else "selection",
            )
        )
        before = now
    return tuple(found)


def is_hybrid(candidate: Candidate) -> bool:
    """Whether a candidate puts other models together."""
    return issubclass(model_class(candidate.name), Hybrid)


def estimate(lift: Lift | LogLift | None) -> Estimate:
    """A log-lift as a ratio minus 1, with its 95 % interval."""
    if lift is None:
        return UNKNOWN
    ends = (lift.value, lift.value - Z95 * lift.error, lift.value + Z95 * lift.error)
    value, low, high = (round(math.expm1(end), 6) for end in ends)
    return Estimate(value=value, low=low, high=high)


def _finished(search: Search, where: str) -> Iterable[tuple[Outcome, Lift]]:
    """What reached the top rung, with its lift in a place (a market's code, or ALL)."""
    for key, study in search.studies.items():
        if key.where not in (where, ALL):
            continue
        for outcome in study.finished:
            lift = outcome.lift if key.where == where else outcome.markets.get(where)
            if lift is not None:
                yield outcome, lift


def _best(tried: Sequence[tuple[Outcome, Lift]], wanted: Callable[[Outcome], bool]) -> Candidate:
    """The best of those that are wanted, or the yardstick where none of them is better."""
    found = next(((one, lift) for one, lift in tried if wanted(one)), None)
    if found is None or found[1].value <= 0:
        return FIRST_INCUMBENT
    return found[0].trial.candidate


def _as_it_comes(outcome: Outcome) -> bool:
    return outcome.trial.origin == "default"


def _scope(outcome: Outcome) -> str:
    return outcome.trial.candidate.scope


def _folds(cards: Sequence[Scorecard]) -> list[str]:
    return sorted(card.fold_hash for card in cards)
