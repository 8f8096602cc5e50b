"""How long does the gate take to decide a whole night?

gate_40x10_seconds  40 markets with ten challengers each, from scorecards to decisions, wall clock:
                    six windows, 2,000 resamples, money in three currencies, each of the eleven
                    plans in service somewhere. Agreement: the largest difference of an end of a
                    lift's interval from that of a plain bootstrap, which draws and adds up one
                    resample of customers after the other

Markets have 300 to 6,000 customers, 75,928 in all, drawn with replacement from Online Retail; those
who order in a window are test customers, and where they are fewer than 200 the market follows the
pool. Plans are half-lives of ``reorder``.
"""

import time
from collections.abc import Iterator, Sequence
from dataclasses import dataclass, replace

import numpy as np
from numpy.typing import NDArray

from restock.benchmarks.figures import Figure, report, wants_json
from restock.benchmarks.gate_world import sample
from restock.benchmarks.growth import ROUNDS
from restock.evaluation import Decision, Objective, Scorecard, evaluate, gate, rolling_folds
from restock.evaluation.decision import GatePolicy
from restock.evaluation.objective import PSEUDO_CUSTOMERS
from restock.models import create

SIZES = np.geomspace(300, 6_000, 40).round().astype(np.int64)
HALF_LIVES = np.geomspace(20, 640, 11).round()
WINDOWS = 6
CHECKED = 13  # every so many markets
RATES = (1.0, 1.2, 0.85)
OBJECTIVE = Objective()
RANKING, REVENUE = "ndcg_at_10", "revenue_share_at_10"
Side = list[Scorecard]


@dataclass(frozen=True)
class Night:
    """What the gate is asked: scorecards by market and plan, plans in service, rates."""

    judged: dict[str, dict[str, Side]]
    incumbents: dict[str, str]
    rates: dict[str, float]

    def decide(self) -> dict[str, Decision]:
        """Ask the gate."""
        objectives = dict.fromkeys(self.judged, OBJECTIVE)
        return gate(self.judged, self.incumbents, objectives, rates=self.rates)


def figures() -> Iterator[Figure]:
    """The seconds of a night's decisions."""
    tonight = night(SIZES)
    agreement = difference(tonight, tonight.decide(), every=CHECKED)
    seconds = []
    for _ in range(ROUNDS):
        began = time.perf_counter()
        tonight.decide()
        seconds.append(time.perf_counter() - began)
    yield Figure("gate_40x10_seconds", float(np.median(seconds)), "s", agreement=agreement)


def night(sizes: NDArray[np.int64]) -> Night:
    """Markets of so many customers each, who are drawn from those of Online Retail."""
    data, rng = sample(), np.random.default_rng(0)
    whole = {f"h{days:.0f}": Side() for days in HALF_LIVES}
    for fold in rolling_folds(data, windows=WINDOWS):
        for days, cards in zip(HALF_LIVES, whole.values(), strict=True):
            model = create("reorder", half_life_days=days).fit(fold.train)
            cards.append(evaluate(model.recommend(fold.customers, 10), fold))
    names = [f"M{chr(65 + n // 26)}{chr(65 + n % 26)}" for n in range(sizes.size)]
    judged = {}
    for name, size in zip(names, sizes, strict=True):
        drawn = rng.choice(data.customers, size)
        judged[name] = {
            plan: [in_market(card, name, drawn) for card in cards] for plan, cards in whole.items()
        }
    plans = list(whole)
    return Night(
        judged,
        {name: plans[n % len(plans)] for n, name in enumerate(names)},
        {name: RATES[n % len(RATES)] for n, name in enumerate(names)},
    )


def in_market(card: Scorecard, name: str, drawn: NDArray[np.int32]) -> Scorecard:
    """The scorecard of a market of the drawn customers; drawn twice, one becomes two."""
    row = np.full(max(drawn.max(), card.customer.max()) + 1, -1)
    row[card.customer] = np.arange(card.customer.size)
    there = np.flatnonzero(row[drawn] >= 0)
    rows = row[drawn[there]]
    return replace(
        card,
        fold_hash=f"{name} {card.fold_hash}",
        customer=there.astype(np.int32),
        market=np.full(rows.size, name, dtype=object),
        cold=card.cold[rows],
        part=card.part[rows],
        lists=card.lists[rows],
        values=card.values[rows],
    )


def difference(tonight: Night, decisions: dict[str, Decision], every: int) -> float:
    """How far the intervals of every so many markets are from those of a plain bootstrap."""
    levels, worst = pooled_levels(tonight), 0.0
    for market in list(tonight.judged)[::every]:
        decision, sides = decisions[market], tonight.judged[market]
        if decision.basis != "own":
            continue
        for plan, verdict in decision.verdicts.items():
            plain = plain_interval(sides[plan], sides[decision.incumbent], levels)
            worst = max(worst, float(np.abs(plain - verdict.interval).max()))
    return worst


def plain_interval(
    mine: Sequence[Scorecard], theirs: Sequence[Scorecard], levels: NDArray[np.float64]
) -> NDArray[np.float64]:
    """Both ends of the lift's interval; levels: of the two metrics, over all markets."""
    policy = GatePolicy()
    rows = np.hstack([sums(mine), sums(theirs)[:, ::2]])
    ranks, lists, captured, spend, their_ranks, their_captured = range(6)
    counted = np.array([(rows[:, lists] > 0).sum(), (rows[:, spend] > 0).sum()])
    extra = levels * PSEUDO_CUSTOMERS / counted + 1e-12
    weights = np.array([OBJECTIVE.shares[RANKING], OBJECTIVE.shares[REVENUE]])
    rng, lifts = np.random.default_rng(0), []
    for _ in range(policy.resamples):
        total = rows[rng.integers(0, len(rows), len(rows), dtype=np.int32)].sum(axis=0)
        below = total[[lists, spend]]
        ratio = (total[[ranks, captured]] / below + extra) / (
            total[[their_ranks, their_captured]] / below + extra
        )
        lifts.append(np.exp(np.log(ratio) @ weights) - 1)
    tail = (1 - policy.confidence) / 2
    return np.quantile(lifts, [tail, 1 - tail])


def sums(side: Sequence[Scorecard]) -> NDArray[np.float64]:
    """Of each customer over the windows: ndcg, windows, revenue captured, revenue."""
    customers = np.unique(np.concatenate([card.customer for card in side]))
    table = np.zeros((customers.size, 4))
    for card in side:
        rows = np.searchsorted(customers, card.customer)
        table[rows, 0] += card.column(RANKING)
        table[rows, 1] += 1
        table[rows, 2] += np.nan_to_num(card.column("captured_at_10"))
        table[rows, 3] += np.nan_to_num(card.column("spend"))
    return table


def pooled_levels(tonight: Night) -> NDArray[np.float64]:
    """The two metrics of the plans in service over all markets, in one currency."""
    total = np.zeros(4)
    for market, sides in tonight.judged.items():
        rate = tonight.rates[market]
        total += sums(sides[tonight.incumbents[market]]).sum(axis=0) * [1, 1, rate, rate]
    return total[::2] / total[1::2]


if __name__ == "__main__":
    report(figures(), wants_json(__doc__))
