"""The end of a search: does what it chose take the place of the plan in service?

Trials were compared and chosen on older windows. Here only the chosen one meets the plan in
service, on the newest windows, which nobody has chosen on: what won by luck has to win again.
"""

import datetime as dt
from collections.abc import Collection, Mapping
from dataclasses import dataclass

from restock.evaluation import Decision, GatePolicy, gate
from restock.infra.deciding import Cards
from restock.infra.markets import Markets
from restock.infra.night import Estimate
from restock.infra.plans import PlanRecord, Services
from restock.infra.records import Plan
from restock.infra.search_result import UNKNOWN, State
from restock.models import Candidate

WEEKLY = GatePolicy(looks_per_year=52)
"""A market is searched once a week, so that a look may spend more than a nightly one."""


@dataclass(frozen=True)
class Ruling:
    """What becomes of a market.

    before: the plan in service; nominee: what the search chose. lift: of the nominee over it
    on the report windows; why: in a sentence; evidence: the token of what was looked at.
    """

    market: str
    state: State
    before: Candidate
    nominee: Candidate
    why: str
    lift: Estimate = UNKNOWN
    basis: str = ""
    customers: int = 0
    evidence: str = ""

    @property
    def plan(self) -> Candidate:
        """What the nights refit from now on."""
        return self.nominee if self.state == "adopted" else self.before

    def record(self, as_of: dt.date, search: str) -> PlanRecord:
        """The plan of the market, to be written."""
        rival = None if self.nominee.key == self.plan.key else Plan.of(self.nominee)
        return PlanRecord(
            market=self.market,
            plan=Plan.of(self.plan),
            adopted=self.state == "adopted",
            nominee=rival,
            previous=self.before.key,
            lift=self.lift,
            evidence=self.evidence,
            why=self.why,
            as_of=as_of,
            search=search,
            made=dt.datetime.now(dt.UTC),
        )


def decide_plans(
    nominees: Mapping[str, Candidate],
    judged: Cards,
    skipped: Mapping[str, Mapping[str, str]],
    services: Services,
    markets: Markets,
    late: Collection[tuple[str, str]] = (),
) -> dict[str, Ruling]:
    """Let the gate decide in every market of ``nominees``.

    judged, skipped: of the report windows, by market and candidate key, as ``by_market`` gives
    them; other candidates than the two speak in the pool. A market fails when its records
    cannot be read or its plan in service failed. Where one of the two was not judged in time,
    the plan in service stays and the nominee competes in the nights; late: (market, key) of those.
    """

    def too_late(market: str, candidate: Candidate) -> str:
        """That a candidate was not judged; empty where it was, or where nobody could be."""
        cards = judged.get(market, {})
        missing = not cards.get(candidate.key) and any(cards.values())
        if (market, candidate.key) in late or missing:
            return f"there was no time to judge {candidate.label} on later windows"
        return ""

    failed = {market: services.failed[market] for market in nominees if market in services.failed}
    before = {market: services.plans[market].plan for market in nominees}
    for market, plan in before.items():
        if why := skipped.get(market, {}).get(plan.key):
            failed.setdefault(market, f"{plan.label} in service failed on later windows: {why}")
    heard = [
        market
        for market, plan in before.items()
        if market not in failed and not too_late(market, plan)
    ]
    # markets that get no plan speak in the pool, where their own plan in service was judged
    heard += [
        market
        for market, cards in judged.items()
        if market not in nominees and cards.get(services.plans[market].plan.key)
    ]
    decisions = gate(
        {market: judged.get(market, {}) for market in heard},
        {market: services.plans[market].plan.key for market in heard},
        {market: markets.of(market).objective for market in heard},
        WEEKLY,
        challengers={market: (plan.key,) for market, plan in nominees.items()},
        barred=services.barred,
        rates={market: markets.of(market).rate for market in heard},
    )
    rulings = {}
    for market, nominee in nominees.items():
        plan = before[market]
        if market in failed:
            rulings[market] = Ruling(market, "failed", plan, nominee, failed[market])
        elif market in heard:
            reason = skipped.get(market, {}).get(nominee.key) or too_late(market, nominee)
            rulings[market] = _ruling(decisions[market], plan, nominee, reason)
        else:
            rulings[market] = Ruling(market, "kept", plan, nominee, too_late(market, plan))
    return rulings


def _ruling(decision: Decision, before: Candidate, nominee: Candidate, unjudged: str) -> Ruling:
    verdict = decision.verdicts.get(nominee.key)
    lift = UNKNOWN
    if verdict is not None:
        low, high = verdict.interval
        lift = Estimate(value=_known(verdict.lift), low=_known(low), high=_known(high))
    return Ruling(
        decision.market,
        "adopted" if decision.replaced else "kept",
        before,
        nominee,
        _why(decision, before, nominee, unjudged),
        lift,
        decision.basis,
        decision.n_customers,
        decision.evidence,
    )


def _why(decision: Decision, before: Candidate, nominee: Candidate, unjudged: str) -> str:
    if nominee.key == before.key:
        return f"{before.label} in service is what the search chose too"
    whose = "of this market" if decision.basis == "own" else "of all markets that it was judged in"
    verdict = decision.verdicts.get(nominee.key)
    if unjudged or verdict is None:
        reason = unjudged or "; ".join(decision.reasons)
        text = f"{nominee.label} could not be compared with {before.label}: {reason}"
    elif decision.replaced:
        text = f"{nominee.label} replaces {before.label}: {verdict.reasons[0]}, customers {whose}"
    else:
        text = (
            f"{nominee.label} is not surely better than {before.label}: "
            f"{'; '.join(verdict.reasons)}, customers {whose}"
        )
    return text.replace(nominee.key, nominee.label).replace(before.key, before.label)


def _known(number: float) -> float | None:
    return None if number != number else round(number, 6)
