"""The fan-in of a night: from the scorecards of all markets to a choice in each."""

import math
from collections import defaultdict
from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass, field

from restock.evaluation import Decision, Scorecard, Verdict, check_skill, compare, gate
from restock.evaluation.contest import Judgement, Unit
from restock.evaluation.estimates import mean_over_folds
from restock.evaluation.pool import same_folds
from restock.infra.markets import Markets
from restock.infra.night import Estimate, Row
from restock.infra.programme import Programme
from restock.infra.report import METRICS, with_origin
from restock.models import Candidate
from restock.models.slate import FALLBACK

Cards = dict[str, dict[str, list[Scorecard]]]  # market → candidate key → one per fold


@dataclass(frozen=True)
class Choice:
    """What was chosen for a market and why; ``error`` or ``held``: nothing may be published.

    search: token of the search that chose the candidate; "" where none did.
    """

    name: str
    candidate: Candidate | None = None
    search: str = ""
    replaced: bool = False
    basis: str = ""
    verdict: str = ""
    reason: str = ""
    evidence: str = ""
    judged: int = 0
    metrics: dict[str, Estimate] = field(default_factory=dict)
    leaderboard: tuple[Row, ...] = ()
    error: str = ""
    held: str = ""

    @property
    def champion(self) -> str:
        """The chosen plan, for people."""
        return self.candidate.label if self.candidate else ""


@dataclass(frozen=True)
class Decided:
    """The choice of every market that was to be published."""

    markets: dict[str, Choice]

    @property
    def chosen(self) -> dict[str, Candidate]:
        """The plans to refit and publish."""
        return {
            market: choice.candidate
            for market, choice in self.markets.items()
            if choice.candidate and not choice.error and not choice.held
        }

    @property
    def evidence(self) -> dict[str, str]:
        """What each choice rests on."""
        return {market: choice.evidence for market, choice in self.markets.items()}


def decide(
    programme: Programme,
    judged: Iterable[Judgement],
    markets: Markets,
    failures: Sequence[tuple[Unit, str]] = (),
) -> Decided:
    """Let the gate choose for every market from what was judged.

    failures: units that could not be judged. A market whose plan in service was not judged
    on every fold fails; a challenger that was not is skipped, with its reason.
    """
    cards, skipped = by_market(judged)
    failed = dict(programme.failed)
    for unit, reason in failures:
        for candidate in unit.candidates:
            for market in unit.markets:
                skipped[market].setdefault(candidate.key, reason)
    for market, incumbent in programme.incumbents.items():
        why = skipped[market].get(incumbent.key)
        if why is not None:
            failed.setdefault(market, f"{incumbent.label} in service could not be judged: {why}")
    whole = {
        market: {key: found for key, found in cards[market].items() if key not in skipped[market]}
        for market in programme.fold_plans
        if market not in failed
    }
    decisions = gate(
        whole,
        {market: programme.incumbents[market].key for market in whole},
        {market: markets.of(market).objective for market in whole},
        challengers=programme.rivals,
        barred=programme.barred,
        rates={market: markets.of(market).rate for market in whole},
    )
    held = _held(whole, decisions, markets)
    choices = {}
    for market in programme.publish:
        name = markets.of(market).name
        if market in failed:
            choices[market] = Choice(name, error=failed[market])
        else:
            choices[market] = _choice(
                programme, name, decisions[market], whole[market], skipped[market], held[market]
            )
    return Decided(choices)


def by_market(judged: Iterable[Judgement]) -> tuple[Cards, dict[str, dict[str, str]]]:
    """Scorecards by market and candidate, oldest fold first; and what was skipped, and why."""
    cards: Cards = defaultdict(lambda: defaultdict(list))
    skipped: dict[str, dict[str, str]] = defaultdict(dict)
    for one in sorted(judged, key=lambda one: (one.market, one.cutoff)):
        for key, card in one.scorecards.items():
            cards[one.market][key].append(card)
        skipped[one.market] |= one.skipped
    return cards, skipped


def _choice(
    programme: Programme,
    name: str,
    decision: Decision,
    cards: Mapping[str, list[Scorecard]],
    skipped: Mapping[str, str],
    held: str,
) -> Choice:
    market = decision.market
    there, searched = programme.contenders[market], programme.searched.get(market, {})
    rows = [
        Row(
            candidate=key,
            label=programme.candidate(key).label,
            role="champion" if key == decision.chosen else "challenger",
            lift=_lift(decision.verdicts.get(key)),
            metrics=_metrics(found),
            note=programme.in_words(
                decision.verdicts[key].reasons if key in decision.verdicts else ()
            ),
            search=searched.get(key, ""),
        )
        for key, found in cards.items()
        if key in there
    ]
    rows.sort(key=lambda row: (row.role != "champion", -(row.metrics[METRICS[0]].value or 0.0)))
    rows += [
        Row(
            candidate=key,
            label=programme.candidate(key).label,
            role="skipped",
            lift=Estimate(value=None),
            metrics={},
            note=reason,
            search=searched.get(key, ""),
        )
        for key, reason in skipped.items()
        if key in there
    ]
    said = programme.said.get(market, "")
    alone = not programme.rivals[market]
    return Choice(
        name=name,
        candidate=programme.candidate(decision.chosen),
        search=searched.get(decision.chosen, ""),
        replaced=decision.chosen != programme.served[market],
        basis=decision.basis,
        verdict=said if alone else _in_short(programme, decision),
        reason=said if alone else programme.in_words(decision.reasons),
        evidence=decision.evidence,
        judged=decision.n_customers,
        metrics=_metrics(cards.get(decision.chosen, [])),
        leaderboard=tuple(rows),
        held=held,
    )


def _held(cards: Cards, decisions: Mapping[str, Decision], markets: Markets) -> dict[str, str]:
    """Why the chosen plan may not be published, by market; empty where it may.

    A plan must not be worse than popularity. In a market with few test customers all markets
    that chose the same plan speak for it, once for each plan and objective.
    """
    together: dict[tuple[str, str], Verdict] = {}
    held = {}
    for market, decision in decisions.items():
        objective, plan = markets.of(market).objective, decision.chosen
        if not {plan, FALLBACK.key} <= cards[market].keys():
            held[market] = ""
            continue
        about = (plan, objective.model_dump_json())
        if about not in together:
            judged = [
                own
                for own in cards.values()
                if {plan, FALLBACK.key} <= own.keys() and same_folds(own[plan], own[FALLBACK.key])
            ]
            mine = [card for own in judged for card in own[plan]]
            popular = [card for own in judged for card in own[FALLBACK.key]]
            together[about] = compare(mine, popular, objective)
        sides_here = cards[market][plan], cards[market][FALLBACK.key]
        check = check_skill(*sides_here, objective, pooled=together[about])
        held[market] = "" if check.ok else "; ".join(check.reasons)
    return held


def _in_short(programme: Programme, decision: Decision) -> str:
    """The verdict for a table: what won or came nearest, by how much, on whose customers."""
    whose = "here" if decision.basis == "own" else "all markets"
    lifts = {key: lift for key, lift in decision.lifts.items() if not math.isnan(lift)}
    if not lifts:
        return "kept: too few customers to compare"
    if decision.replaced:
        before = programme.candidate(decision.incumbent).label
        return f"replaces {before}: {lifts[decision.chosen]:+.2%} ({whose})"
    nearest = max(lifts, key=lambda key: (lifts[key], key))
    search = programme.searched.get(decision.market, {}).get(nearest, "")
    label = with_origin(programme.candidate(nearest).label, search)
    return f"kept; {label} {lifts[nearest]:+.2%} ({whose})"


def _metrics(cards: Sequence[Scorecard]) -> dict[str, Estimate]:
    return {name: _share(*mean_over_folds(cards, name)) for name in METRICS}


def _share(value: float, low: float, high: float) -> Estimate:
    """The interval of what lies between 0 and 1: with few customers it would reach beyond."""
    return _estimate(value, max(low, 0.0), min(high, 1.0))


def _lift(verdict: Verdict | None) -> Estimate:
    if verdict is None:
        return Estimate(value=None)
    return _estimate(verdict.lift, *verdict.interval)


def _estimate(value: float, low: float, high: float) -> Estimate:
    known = [None if math.isnan(number) else round(number, 6) for number in (value, low, high)]
    return Estimate(value=known[0], low=known[1], high=known[2])
