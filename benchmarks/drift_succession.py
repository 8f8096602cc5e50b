"""How often is a plan rolled back that is as good as the one before, and how soon one that is not?

false_rollbacks        plans of equal worth that are ever rolled back in their 56 days of trial,
                       looked at every day, in markets of 50 and of 200 orders a day
false_rollbacks_a_year the same were they on trial for 365 days (looked at every week): differences
                       drawn, with customers who like one plan better
rollback_days          median days from the first list of a plan that is 5 % worse to its roll-back,
                       label delay included, in markets of 200 orders a day; and of 10 %
found_5pct             share of plans that are 5 % worse that are rolled back within the trial
aged_lists             what lists of ``reorder`` lose in ndcg by day 29 to 56, against those made
                       anew: why lists in force are not held against last ones

Plans are ``reorder`` with scores shaken at random: two seeds are two plans with other lists and the
same worth. One that is 5 % worse has one order in twenty without a hit.
"""

import datetime as dt
from collections.abc import Iterator
from functools import cache
from typing import NamedTuple

import numpy as np
from numpy.typing import NDArray

from restock.benchmarks.drift_world import CUSTOMERS_PER_ORDER, MARKET, K
from restock.benchmarks.figures import Figure, report, wants_json
from restock.benchmarks.gate_world import Shaken
from restock.dataset import Interactions, simulate
from restock.models.reorder import Reorder
from restock.monitoring.policy import DriftPolicy
from restock.monitoring.realised import realised_orders
from restock.monitoring.succession import paired

WORLDS, NIGHTS, PLANS = (51, 52), 4, 6
POLICY = DriftPolicy()
Floats = NDArray[np.float64]


class Trial(NamedTuple):
    """Orders of a trial, in order of time: ndcg by the lists of each plan (orders × plans)."""

    customer: NDArray[np.int64]
    day: NDArray[np.int64]
    ndcg: Floats

    def of(self, customers: NDArray[np.bool_]) -> "Trial":
        """Those of some customers."""
        kept = customers[self.customer]
        return Trial(self.customer[kept], self.day[kept], self.ndcg[kept])


def figures() -> Iterator[Figure]:
    """Plans of equal worth, then worse ones, then what age does."""
    for per_day in (200, 50):
        late = _late(per_day, 0.0)
        yield Figure(
            f"false_rollbacks.{per_day}", float(np.isfinite(late).mean()), f"of {late.size} plans"
        )
    yield Figure("false_rollbacks_a_year", _drawn_for_a_year(), "of 200 plans")
    for worse in (0.05, 0.1):
        late = _late(200, worse)
        low, median, high = np.quantile(late, [0.1, 0.5, 0.9], method="inverted_cdf")
        name = f"{worse:.0%}".replace("%", "pct")
        yield Figure(f"rollback_days_{name}", median, f"days, {late.size} plans", low, high)
        yield Figure(f"found_{name}", float(np.isfinite(late).mean()), "share")
    lost = [_aged(seed) for seed in WORLDS]
    yield Figure("aged_lists", float(np.mean(lost)), "share of ndcg", min(lost), max(lost))


def _late(per_day: int, worse: float) -> Floats:
    """Days from a new plan's first list to its roll-back; infinite where there was none."""
    found = []
    for seed in WORLDS:
        for night in range(NIGHTS):
            trial = _trial(seed, night)
            place = np.random.default_rng(night).random(int(trial.customer.max()) + 1)
            parts = 200 // per_day
            for part in range(parts):
                own = trial.of((place * parts).astype(np.int64) == part)
                found += [_rolled_back(own, plan, worse) for plan in range(0, PLANS, 2)]
    return np.array(found)


def _rolled_back(trial: Trial, plan: int, worse: float) -> float:
    """Look every day, at what is final by then."""
    random = np.random.default_rng(plan)
    new = trial.ndcg[:, plan] * (random.random(trial.day.size) >= worse)
    difference = new - trial.ndcg[:, plan + 1]
    for days in range(1, POLICY.trial_days + 1):
        n = int(np.searchsorted(trial.day, days))
        if (
            n
            and paired(
                difference[:n], trial.customer[:n], trial.day[:n], POLICY.false_rollbacks
            ).worse
        ):
            return float(days + POLICY.label_delay_days)
    return float("inf")


@cache
def _lines(seed: int) -> Interactions:
    return simulate(
        markets=1,
        customers={MARKET: 200 * CUSTOMERS_PER_ORDER},
        items=2000,
        days=365 + NIGHTS * POLICY.trial_days,
        seed=seed,
    ).interactions()


@cache
def _trial(seed: int, night: int) -> Trial:
    """Plans fitted on what was known on a night, judged on the orders of the 56 days after."""
    lines = _lines(seed)
    first = lines.as_of_date - dt.timedelta(days=POLICY.trial_days * (NIGHTS - night))
    end = first + dt.timedelta(days=POLICY.trial_days)
    train, test = lines.before(first), lines.between(first, end)
    plain = Reorder().fit(train)
    columns = []
    for plan in range(PLANS):
        model = Shaken(100 * night + plan).of(plain, train)
        lists = model.recommend(test.customers, K).frame(lines.catalogue)
        orders = realised_orders(test, MARKET, lists, first, end, K)
        columns.append(orders["ndcg"].to_numpy())
    day = orders["day"].to_numpy()
    return Trial(orders["customer"].to_numpy(), day - day[0], np.column_stack(columns))


def _aged(seed: int) -> float:
    """What four weeks of age cost ``reorder``."""
    lines = _lines(seed)
    end = lines.as_of_date
    middle = end - dt.timedelta(days=28)
    test = lines.between(middle, end)
    ndcg = []
    for made in (middle - dt.timedelta(days=28), middle):
        model = Reorder().fit(lines.before(made))
        lists = model.recommend(test.customers, K).frame(lines.catalogue)
        ndcg.append(realised_orders(test, MARKET, lists, middle, end, K)["ndcg"].mean())
    return float(1 - ndcg[0] / ndcg[1])


def _drawn_for_a_year() -> float:
    """Orders of a year, 50 a day by 1,000 customers, each of whom has a liking of its own."""
    random = np.random.default_rng(5)
    ever = []
    for _ in range(200):
        liking = random.normal(0, 0.05, 1000)
        day = np.repeat(np.arange(365), 50)
        customer = random.integers(0, 1000, day.size)
        difference = liking[customer] + random.normal(0, 0.15, day.size)
        ever.append(
            any(
                paired(difference[:n], customer[:n], day[:n], POLICY.false_rollbacks).worse
                for n in range(350, day.size + 1, 350)
            )
        )
    return float(np.mean(ever))


if __name__ == "__main__":
    report(figures(), wants_json(__doc__))
