"""From a finished search to its record: effort, failures, studies, what every market got."""

import math
from collections import defaultdict
from collections.abc import Iterable, Mapping, Sequence

from restock.infra.deciding import Cards
from restock.infra.markets import Markets
from restock.infra.night import Estimate
from restock.infra.records import Plan
from restock.infra.search_decision import Ruling
from restock.infra.search_result import (
    UNKNOWN,
    Budget,
    Failed,
    FamilyEffort,
    MarketResult,
    Point,
    SearchResult,
    StudyResult,
)
from restock.infra.search_standings import Later, estimate, gains, leaderboard, standing
from restock.infra.search_store import Finished, SearchRun
from restock.models import Candidate
from restock.models.slate import FIRST_INCUMBENT
from restock.tuning.importance import importance
from restock.tuning.search import Search
from restock.tuning.space import study_space
from restock.tuning.standing import cut_short
from restock.tuning.study import Study
from restock.tuning.trials import ALL, Outcome

BEST = 5
"""Trials of a study that are shown and tracked one by one."""
SHOWN_FAILURES = 50


def summarise(
    run: SearchRun,
    search: Search,
    batches: Sequence[Finished],
    judged: Cards,
    rulings: Mapping[str, Ruling],
    markets: Markets,
    *,
    seconds: float,
) -> SearchResult:
    """The record of a search that is done.

    batches: the journal, in the order in which they ended. judged: scorecards of the report
    windows. seconds: wall time of the whole.
    """
    brief = run.brief
    later = Later(judged, brief.setting)
    outcomes = [outcome for batch in batches for done in batch.done for outcome in done.outcomes]
    return SearchResult(
        token=run.token,
        because=run.because,
        as_of=run.ingested.as_of,
        snapshot=run.ingested.snapshot.hash,
        seed=brief.setting.seed,
        budget=Budget(seconds=brief.seconds, trials=brief.trials),
        seconds=round(seconds, 1),
        trials=len({outcome.trial.key for outcome in search.outcomes}),
        families=_efforts(batches, len(brief.setting.policy.rungs)),
        markets=tuple(
            _market(search, ruling, later, markets.of(market).name)
            for market, ruling in rulings.items()
        ),
        left_out=run.placements.skipped,
        notes=(*run.placements.notes, *_cut_short(search)),
        failures=_failures(outcomes),
        studies=tuple(
            _study(search, study)
            for _, study in sorted(search.studies.items(), key=lambda one: one[0].title)
            if study.outcomes
        ),
        curve=_curve(outcomes, len(brief.setting.policy.rungs) - 1, brief.selection),
        gains=gains(search, ALL, _pooled_choice(search), later),
    )


def _cut_short(search: Search) -> Iterable[str]:
    """What looked best and was never tried on everything, because the budget ended before."""
    brief = search.brief
    for one in cut_short(search.studies, ALL) if brief.seconds else ():
        share, gain = brief.share(ALL, one.rung), one.lift.value if one.lift else 0.0
        yield (
            f"{one.trial.study.family} gained {math.expm1(gain):+.1%} on {share:.0%} of the "
            "customers, more than what was chosen on all of them; there was no time to try it on "
            "all: search again with a longer budget"
        )


def _pooled_choice(search: Search) -> Candidate:
    """The plan that markets without one of their own follow."""
    steps = search.choices.pooled_steps if search.choices else ()
    return steps[-1] if steps else FIRST_INCUMBENT


def _market(search: Search, ruling: Ruling, later: Later, name: str) -> MarketResult:
    market, nominee, before = ruling.market, ruling.nominee, ruling.before
    marked = {nominee.key: "chosen"} | {before.key: "service"}
    choice = search.choices.markets[market] if search.choices else None
    board = leaderboard(search, market, later, marked)
    large = market in search.brief.large
    return MarketResult(
        market=market,
        name=name,
        state=ruling.state,
        why=ruling.why,
        plan=Plan.of(nominee),
        before=Plan.of(before),
        lift=ruling.lift,
        optimistic=_optimistic({row.candidate: row.selection for row in board}, nominee, before),
        basis=ruling.basis,
        customers=ruling.customers,
        chosen=choice.why if choice else "",
        evidence=ruling.evidence,
        leaderboard=board,
        gains=gains(search, market, nominee, later) if large else (),
    )


def _optimistic(
    selected: Mapping[str, Estimate], nominee: Candidate, before: Candidate
) -> Estimate:
    """The lift over the plan in service on the windows that the nominee was chosen on."""
    mine = selected.get(nominee.key, UNKNOWN)
    if before.key == FIRST_INCUMBENT.key:
        return mine
    theirs = selected.get(before.key, UNKNOWN)
    if mine.value is None or theirs.value is None:
        return UNKNOWN
    return Estimate(value=round((1 + mine.value) / (1 + theirs.value) - 1, 6))


def _efforts(batches: Sequence[Finished], rungs: int) -> tuple[FamilyEffort, ...]:
    reached: dict[str, list[set[str]]] = defaultdict(lambda: [set() for _ in range(rungs)])
    failed: dict[str, set[str]] = defaultdict(set)
    seconds: dict[str, float] = defaultdict(float)
    ran_on: dict[str, list[Finished]] = defaultdict(list)
    for batch in batches:
        for outcome in (outcome for done in batch.done for outcome in done.outcomes):
            family = outcome.trial.study.family
            if outcome.failure == "skipped":
                continue
            reached[family][outcome.rung].add(outcome.trial.key)
            seconds[family] += outcome.seconds
            ran_on[family].append(batch)
            if outcome.failure:
                failed[family].add(outcome.trial.key)
    return tuple(
        FamilyEffort(
            family=family,
            trials=tuple(map(len, by_rung)),
            failed=len(failed[family]),
            seconds=round(seconds[family], 1),
            resource=ran_on[family][-1].resource,
            workers=tuple(sorted({batch.worker for batch in ran_on[family]})),
        )
        for family, by_rung in sorted(reached.items())
    )


def _failures(outcomes: Iterable[Outcome]) -> tuple[Failed, ...]:
    """Failures of one kind and reason together, the most frequent first."""
    alike: dict[tuple[str, str, str], list[Outcome]] = defaultdict(list)
    for one in outcomes:
        if one.failure:
            alike[one.trial.study.family, one.failure, one.reason].append(one)
    ordered = sorted(alike.items(), key=lambda one: (-len(one[1]), one[0]))
    return tuple(
        Failed(
            family=family,
            kind=same[0].failure,
            reason=reason,
            count=len({one.trial.key for one in same}),
            example=same[0].trial.key,
        )
        for (family, _, reason), same in ordered[:SHOWN_FAILURES]
    )


def _study(search: Search, study: Study) -> StudyResult:
    told = {}
    for (index, _), outcome in sorted(study.outcomes.items()):
        told[index] = outcome
    best = sorted(
        ((one, one.lift) for one in study.finished if one.lift),
        key=lambda pair: (-pair[1].value, pair[0].trial.index),
    )
    return StudyResult(
        where=study.key.where,
        family=study.key.family,
        trials=len(told),
        failed=sum(one.failure not in ("", "skipped") for one in told.values()),
        seconds=round(sum(one.seconds for one in study.outcomes.values()), 1),
        best=tuple(standing(search, one, lift) for one, lift in best[:BEST]),
        importance=_importance(study),
    )


def _importance(study: Study) -> dict[str, float]:
    shares = importance(study_space(study.key), study.history)
    return {name: round(share, 4) for name, share in shares.items() if share > 0}


def _curve(outcomes: Iterable[Outcome], top: int, windows: tuple[int, ...]) -> tuple[Point, ...]:
    """How the best over all markets grew as trials came in; a point where it did, and the end."""
    seen: set[str] = set()
    best, points = 0.0, [Point(trials=0, lift=0.0)]
    for one in outcomes:
        if one.windows != windows:
            continue  # a judgement of what was chosen, on other windows
        seen.add(one.trial.key)
        at_top = one.trial.study.where == ALL and one.rung == top
        if at_top and one.lift is not None and one.lift.value > best:
            best = one.lift.value
            points.append(Point(trials=len(seen), lift=round(estimate(one.lift).value or 0.0, 6)))
    last = Point(trials=len(seen), lift=points[-1].lift)
    return (*points, last) if points[-1].trials < last.trials else tuple(points)
