"""All markets together: what small markets follow, and large ones are shrunk toward."""

import math
from collections.abc import Mapping, Sequence
from functools import cached_property

import numpy as np

from restock.evaluation import metrics as m
from restock.evaluation.comparison import Bench, compared_metrics
from restock.evaluation.evidence import unseen
from restock.evaluation.objective import Objective
from restock.evaluation.scorecard import Scorecard
from restock.evaluation.totals import Ground, Totals, denominators, numerators
from restock.evaluation.verdict import NAN, Verdict

Judged = Mapping[str, Mapping[str, Sequence[Scorecard]]]


class Pool:
    """The scorecards of markets with lists of one length and windows of one horizon.

    scorecards: market → candidate → one per fold, money in one currency. Comparisons between
    two candidates use the markets that judged both on the same folds.
    """

    def __init__(
        self,
        scorecards: Judged,
        incumbents: Mapping[str, str],
        *,
        confidence: float,
        resamples: int,
        seed: int,
    ) -> None:
        self._scorecards = scorecards
        self._incumbents = incumbents
        self._confidence, self._resamples, self._seed = confidence, resamples, seed
        self._memory: dict[tuple[str, str, str, bool], dict[str, Verdict]] = {}
        self._totals: dict[tuple[object, ...], Totals] = {}

    @property
    def candidates(self) -> set[str]:
        """Keys that any market judged."""
        return {key for judged in self._scorecards.values() for key in judged}

    def scorecards_of(self, candidate: str) -> list[Scorecard]:
        """All markets' scorecards of a candidate."""
        return [card for judged in self._scorecards.values() for card in judged.get(candidate, ())]

    @property
    def _in_service(self) -> list[Scorecard]:
        return [
            card
            for market, judged in self._scorecards.items()
            for card in judged.get(self._incumbents[market], ())
        ]

    @cached_property
    def levels(self) -> dict[str, float]:
        """The metrics of the incumbents over all markets: what ratios are shrunk toward."""
        cards = self._in_service
        if not cards:
            return {}
        k = cards[0].k
        names = tuple(
            m.metric_name(metric, k, segment)
            for metric in (*m.AVERAGED, m.REVENUE_SHARE)
            for segment in m.SEGMENTS
        )
        above = np.sum([numerators(card, names).sum(axis=0) for card in cards], axis=0)
        below = np.sum([denominators(card, names).sum(axis=0) for card in cards], axis=0)
        known = below > 0
        means = np.divide(above, below, out=np.zeros_like(above), where=known)
        return {
            name: float(mean)
            for name, mean, is_known in zip(names, means, known, strict=True)
            if is_known
        }

    @cached_property
    def n_customers(self) -> int:
        """Distinct test customers of all markets."""
        sides = [
            judged.get(self._incumbents[market], ()) for market, judged in self._scorecards.items()
        ]
        return Ground(tuple(card for side in sides for card in side)).n_customers

    def lift(
        self, incumbent: str, candidate: str, objective: Objective, *, after: str = ""
    ) -> float:
        """The pooled lift of a candidate, without an interval; NaN where nothing compares."""
        verdict = self.verdicts(incumbent, objective, after=after, intervals=False).get(candidate)
        return verdict.lift if verdict else NAN

    def verdicts(
        self, incumbent: str, objective: Objective, *, after: str = "", intervals: bool = True
    ) -> dict[str, Verdict]:
        """Every other candidate against an incumbent, over all markets.

        after: an evidence token; only windows that it had not seen count.
        """
        asked = (incumbent, objective.model_dump_json(), after, intervals)
        if asked not in self._memory:
            self._memory[asked] = self._compare(incumbent, objective, after, intervals)
        return self._memory[asked]

    def _compare(
        self, incumbent: str, objective: Objective, after: str, intervals: bool
    ) -> dict[str, Verdict]:
        """Candidates that the same markets judged are compared together."""
        together: dict[tuple[str, ...], list[str]] = {}
        for key in sorted(self.candidates - {incumbent}):
            markets = tuple(
                sorted(
                    market
                    for market, judged in self._scorecards.items()
                    if incumbent in judged
                    and key in judged
                    and same_folds(judged[incumbent], judged[key])
                )
            )
            together.setdefault(markets, []).append(key)
        verdicts: dict[str, Verdict] = {}
        for markets, keys in together.items():
            everyone = tuple(sorted((incumbent, *keys)))
            totals = self._added_up(markets, everyone, objective, after)
            if totals is not None:
                bench = Bench(totals, everyone.index(incumbent), objective, self._confidence)
                for at, key in enumerate(everyone):
                    if key != incumbent:
                        verdicts[key] = bench.verdict(at, intervals=intervals)
        return verdicts

    def _added_up(
        self, markets: tuple[str, ...], keys: tuple[str, ...], objective: Objective, after: str
    ) -> Totals | None:
        """The same for every incumbent and objective, so that customers are resampled once."""
        sides = [
            [card for market in markets for card in _after(self._scorecards[market][key], after)]
            for key in keys
        ]
        if not sides[0]:
            return None
        names = compared_metrics(objective, sides[0][0].k)
        asked = (markets, keys, names, after)
        if asked not in self._totals:
            ground = Ground(tuple(sides[0]))
            arranged = [ground.arranged(side) for side in sides]
            self._totals[asked] = Totals(ground, arranged, names, self._resamples, self._seed)
        return self._totals[asked]


def same_folds(one: Sequence[Scorecard], other: Sequence[Scorecard]) -> bool:
    """Whether two candidates were judged on the same folds."""
    return Ground(tuple(one)).identities == Ground(tuple(other)).identities and len(one) == len(
        other
    )


def shrunk_lift(own: float, pooled: float, customers: int, half_way: float) -> float:
    """The lift of a market, its logarithm shrunk toward the pooled one's with n/(n + half_way).

    ``exp(w·log(1 + own) + (1 - w)·log(1 + pooled)) - 1``. Where one is NaN, the other.
    """
    if math.isnan(own) or math.isnan(pooled):
        return pooled if math.isnan(own) else own
    weight = customers / (customers + half_way)
    return math.expm1(weight * math.log1p(own) + (1 - weight) * math.log1p(pooled))


def _after(scorecards: Sequence[Scorecard], token: str) -> Sequence[Scorecard]:
    return unseen(scorecards, token) if token else scorecards
