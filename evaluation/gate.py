"""The gate: does a challenger replace the plan in service, in each market, tonight?"""

from collections.abc import Collection, Mapping, Sequence

from restock.evaluation.decision import Decision, GatePolicy
from restock.evaluation.hearing import Case, Hearing, hear
from restock.evaluation.objective import Objective
from restock.evaluation.pool import Judged, Pool
from restock.evaluation.scorecard import Scorecard
from restock.evaluation.significance import benjamini_hochberg
from restock.evaluation.verdict import Verdict


def gate(
    scorecards: Judged,
    incumbents: Mapping[str, str],
    objectives: Mapping[str, Objective],
    policy: GatePolicy | None = None,
    *,
    challengers: Mapping[str, Collection[str]] | None = None,
    barred: Mapping[str, Mapping[str, str]] | None = None,
    rates: Mapping[str, float] | None = None,
    seed: int = 0,
) -> dict[str, Decision]:
    """Decide every market of ``incumbents``.

    scorecards: market → candidate key → one scorecard per fold, of models refitted at each
    cut-off. incumbents: market → key of the plan in service. challengers: market → keys that
    may replace it there (None: all that were judged); the others only speak in the pool.
    barred: market → key → evidence token of plans that were rolled back. rates: market → worth
    of its currency in the reporting one, for pooled revenue.

    A challenger replaces the incumbent when all of these hold: its p-value, adjusted by Holm
    over the market's challengers, is at most ``policy.alpha``; Benjamini and Hochberg over
    the markets agrees; no guardrail breaks; its lift, shrunk toward the pooled lift, is at
    least ``min_lift``; it is ahead in at least ``min_windows`` windows. Of several, the one
    with the greatest shrunk lift. Each look spends alpha = budget / looks, so by the union
    bound the expected number of false replacements per market and year is at most the
    budget, however much the windows of successive nights overlap.

    A market with fewer than ``min_customers`` test customers, or none, takes the pooled
    comparison with its own incumbent instead; the pool needs ``min_customers`` too. A
    candidate that was not judged on the incumbent's folds is left out, with a reason.
    Raises ValueError when a market has no objective, or its incumbent was not judged.
    """
    policy = policy or GatePolicy()
    _check(scorecards, incumbents, objectives)
    pools = _pools(scorecards, incumbents, rates or {}, policy, seed)
    largest = max(pools.values(), key=lambda pool: pool.n_customers, default=None)
    hearings = []
    for market in sorted(incumbents):
        judged = scorecards.get(market, {})
        pool = pools.get(_format(judged), largest)
        bars = (barred or {}).get(market, {})
        free = None if challengers is None else challengers.get(market, ())
        case = Case(market, incumbents[market], objectives[market], judged, bars, pool, free)
        hearings.append(hear(case, policy, seed))
    least = {one.hypothesis: min(one.p_values.values(), default=1.0) for one in hearings}
    discoveries = benjamini_hochberg(least, policy.fdr)
    return {
        one.case.market: _decide(one, policy, one.hypothesis in discoveries) for one in hearings
    }


def _check(
    scorecards: Judged, incumbents: Mapping[str, str], objectives: Mapping[str, Objective]
) -> None:
    for market, incumbent in incumbents.items():
        if market not in objectives:
            raise ValueError(f"market {market} has no objective")
        judged = scorecards.get(market, {})
        if any(judged.values()) and not judged.get(incumbent):
            raise ValueError(
                f"market {market}: the plan in service, {incumbent}, was not judged; "
                "refit it at each cut-off and judge it on the same folds as its challengers"
            )


def _format(judged: Mapping[str, Sequence[Scorecard]]) -> tuple[int, int]:
    """Horizon and k of a market's scorecards; markets pool with their like."""
    cards = [card for side in judged.values() for card in side]
    return (cards[0].horizon_days, cards[0].k) if cards else (0, 0)


def _pools(
    scorecards: Judged,
    incumbents: Mapping[str, str],
    rates: Mapping[str, float],
    policy: GatePolicy,
    seed: int,
) -> dict[tuple[int, int], Pool]:
    groups: dict[tuple[int, int], dict[str, Mapping[str, Sequence[Scorecard]]]] = {}
    for market in sorted(incumbents):
        judged = {key: cards for key, cards in scorecards.get(market, {}).items() if cards}
        if judged:
            if rates.get(market, 1.0) != 1.0:
                judged = {k: [s.in_currency(rates) for s in cards] for k, cards in judged.items()}
            groups.setdefault(_format(judged), {})[market] = judged
    return {
        like: Pool(
            group,
            incumbents,
            confidence=policy.confidence,
            resamples=policy.resamples,
            seed=seed,
        )
        for like, group in groups.items()
    }


def _decide(hearing: Hearing, policy: GatePolicy, discovery: bool) -> Decision:
    case = hearing.case
    verdicts: dict[str, Verdict] = {}
    for key, verdict in hearing.verdicts.items():
        missing = _missing(key, hearing, policy, discovery)
        verdicts[key] = verdict.model_copy(
            update={"promoted": not missing, "reasons": (*verdict.reasons, *missing)}
        )
    passed = [key for key, verdict in verdicts.items() if verdict.promoted]
    chosen = min(passed, key=lambda key: (-hearing.lifts[key], key), default=case.incumbent)
    reasons = list(hearing.notes)
    if passed:
        reasons.append(f"{chosen} replaces {case.incumbent}: {verdicts[chosen].reasons[0]}")
    else:
        reasons.append(f"{case.incumbent} stays: {_best_so_far(hearing, verdicts)}")
    return Decision(
        market=case.market,
        incumbent=case.incumbent,
        chosen=chosen,
        replaced=bool(passed),
        basis=hearing.basis,
        n_customers=case.n_customers,
        verdicts=verdicts,
        p_values=hearing.p_values,
        lifts=hearing.lifts,
        reasons=tuple(reasons),
        evidence=hearing.evidence,
    )


def _missing(key: str, hearing: Hearing, policy: GatePolicy, discovery: bool) -> list[str]:
    """What a challenger lacks, in words; empty when it may replace the incumbent."""
    verdict, p_value, lift = hearing.verdicts[key], hearing.p_values[key], hearing.lifts[key]
    lacks = []
    if p_value > policy.alpha:
        lacks.append(f"adjusted p = {p_value:.2g}, a look may spend {policy.alpha:.2g}")
    elif not discovery:
        lacks.append(f"not among the discoveries over all markets at a rate of {policy.fdr}")
    if not verdict.guarded:
        lacks.append("a guardrail breaks")
    if not lift >= policy.min_lift:
        lacks.append(f"shrunk lift {lift:+.2%}, less than {policy.min_lift:+.2%}")
    needed = min(policy.min_windows, verdict.windows)
    if verdict.windows_won < needed:
        lacks.append(f"ahead in {verdict.windows_won} windows, {needed} are needed")
    return lacks


def _best_so_far(hearing: Hearing, verdicts: Mapping[str, Verdict]) -> str:
    if not verdicts:
        return "there is no challenger to judge"
    best = min(verdicts, key=lambda key: (hearing.p_values[key], key))
    return f"nearest is {best}, {'; '.join(verdicts[best].reasons)}"
