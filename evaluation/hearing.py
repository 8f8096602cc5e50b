"""One market's challengers against its incumbent, before the decision over all markets."""

from collections.abc import Collection, Mapping, Sequence
from dataclasses import dataclass, field
from functools import cached_property

from restock.evaluation.comparison import compare_all
from restock.evaluation.decision import Basis, GatePolicy
from restock.evaluation.evidence import evidence_token, seen_until, unseen
from restock.evaluation.objective import Objective
from restock.evaluation.pool import Pool, same_folds, shrunk_lift
from restock.evaluation.scorecard import Scorecard
from restock.evaluation.significance import holm
from restock.evaluation.totals import Ground
from restock.evaluation.verdict import NAN, Verdict


@dataclass(frozen=True)
class Case:
    """What is known of a market on the night.

    judged: candidate key → scorecards, one per fold; bars: key → evidence token of a plan
    that was rolled back; pool: the markets of the same horizon and k, if there are any; among:
    the only keys that may replace the incumbent.
    """

    market: str
    incumbent: str
    objective: Objective
    judged: Mapping[str, Sequence[Scorecard]]
    bars: Mapping[str, str]
    pool: Pool | None
    among: Collection[str] | None = None

    @cached_property
    def champion(self) -> Sequence[Scorecard]:
        """The incumbent's scorecards."""
        return self.judged.get(self.incumbent, ())

    @cached_property
    def n_customers(self) -> int:
        """Distinct test customers of the market."""
        return Ground(tuple(self.champion)).n_customers

    @cached_property
    def challengers(self) -> list[str]:
        """Keys to consider; a market that judged nothing considers what others judged."""
        known = set(self.judged) or (self.pool.candidates if self.pool else set())
        if self.among is not None:
            known &= set(self.among)
        return sorted(known - {self.incumbent})


@dataclass(frozen=True)
class Hearing:
    """The verdicts on a market's challengers. lifts: shrunk toward the pooled ones."""

    case: Case
    basis: Basis
    verdicts: dict[str, Verdict]
    lifts: dict[str, float]
    evidence: str
    notes: list[str] = field(default_factory=list)

    @cached_property
    def p_values(self) -> dict[str, float]:
        """Adjusted for the number of challengers."""
        return holm({key: verdict.p_value for key, verdict in self.verdicts.items()})

    @cached_property
    def hypothesis(self) -> str:
        """Markets that follow the same pooled comparison are one hypothesis, not many."""
        if self.basis == "own":
            return f"own {self.case.market}"
        return f"pooled {self.case.incumbent} {sorted(self.p_values.items())}"


def hear(case: Case, policy: GatePolicy, seed: int) -> Hearing:
    """Compare the challengers on the market's own customers, or on all markets' if too few."""
    own = case.n_customers >= policy.min_customers
    hearing = _on_own_customers(case, policy, seed) if own else _on_the_pool(case, policy)
    for key in case.challengers:
        if key not in hearing.verdicts:
            hearing.notes.append(_why_left_out(key, case.bars))
    return hearing


def _on_own_customers(case: Case, policy: GatePolicy, seed: int) -> Hearing:
    verdicts: dict[str, Verdict] = {}
    alike = [key for key in case.challengers if same_folds(case.champion, case.judged[key])]
    free = [key for key in alike if key not in case.bars]
    sittings = [(free, case.champion)]
    sittings += [([key], unseen(case.champion, case.bars[key])) for key in alike if key not in free]
    for keys, champion in sittings:
        if keys and champion:
            cutoffs = {card.cutoff for card in champion}
            verdicts |= compare_all(
                {key: [s for s in case.judged[key] if s.cutoff in cutoffs] for key in keys},
                champion,
                case.objective,
                seed=seed,
                confidence=policy.confidence,
                resamples=policy.resamples,
                pooled=case.pool.levels if case.pool else None,
            )
    lifts = {}
    for key, verdict in verdicts.items():
        towards = NAN
        if case.pool:
            after = case.bars.get(key, "")
            towards = case.pool.lift(case.incumbent, key, case.objective, after=after)
        lifts[key] = shrunk_lift(verdict.lift, towards, verdict.n_customers, policy.half_way)
    return Hearing(case, "own", verdicts, lifts, evidence_token(case.champion))


def _on_the_pool(case: Case, policy: GatePolicy) -> Hearing:
    few = f"{case.n_customers} test customers, fewer than {policy.min_customers}"
    notes = [f"{few}: follows the pooled choice"]
    pool = case.pool
    if pool is None:
        return Hearing(case, "pooled", {}, {}, evidence_token([]), [*notes, "nothing to follow"])
    verdicts: dict[str, Verdict] = {}
    for key in case.challengers:
        token = case.bars.get(key, "")
        if key in case.bars and seen_until(token) is None:
            continue
        verdict = pool.verdicts(case.incumbent, case.objective, after=token).get(key)
        if verdict is None:
            continue
        if verdict.n_customers >= policy.min_customers:
            verdicts[key] = verdict
        else:
            notes.append(f"{key}: {verdict.n_customers} test customers in all markets, too few")
    lifts = {key: verdict.lift for key, verdict in verdicts.items()}
    evidence = evidence_token(pool.scorecards_of(case.incumbent))
    return Hearing(case, "pooled", verdicts, lifts, evidence, notes)


def _why_left_out(key: str, bars: Mapping[str, str]) -> str:
    if key not in bars:
        return f"{key}: not judged on the folds of the plan in service"
    until = seen_until(bars[key])
    if until is None:
        return f"{key}: barred, and the bar {bars[key]!r} names no day"
    return f"{key}: barred until a whole window of test days after {until} has been seen"
