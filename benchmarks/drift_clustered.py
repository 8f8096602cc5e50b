"""What happens to a test without drift when rows are permuted, and when customers are.

Simulated markets in which nothing was planted; two windows of 28 days next to each other. Whole
customers were then given to one of the windows at random, so that there is nothing to find: the
share of rejections at 5 % must be 5 %.

row_permutation_false_alarms, customer_permutation_false_alarms   of mean unit price, quantity
and the distribution of items, together
"""

import datetime as dt
from collections.abc import Iterator

import numpy as np

from restock.benchmarks.figures import Figure
from restock.benchmarks.rates import share
from restock.dataset import simulate
from restock.monitoring.clustered import swapped_js, swapped_mean

WORLDS, DRAWS = 4, 50
START = dt.date(2024, 1, 1)


def figures(worlds: int = WORLDS, draws: int = DRAWS) -> Iterator[Figure]:
    """Both rates, with their binomial intervals."""
    alarms = {"row": 0, "customer": 0}
    tests = 0
    for seed in range(worlds):
        world = simulate(customers={"FR": 600}, items=800, days=300, seed=500 + seed)
        lines = world.interactions().between(START + dt.timedelta(200), START + dt.timedelta(256))
        price = (lines.value / lines.quantity).astype(np.float64)
        amount = np.log(lines.quantity.astype(np.float64))
        for draw in range(draws):
            chosen = np.random.default_rng([seed, draw]).random(lines.n_customers) < 0.5
            current = chosen[lines.customer]
            for name, unit in (("row", np.arange(len(lines))), ("customer", lines.customer)):
                about = {"repetitions": 199, "seed": draw}
                found = (
                    swapped_mean(unit, price, current, **about),
                    swapped_mean(unit, amount, current, **about),
                    swapped_js(unit, lines.item, current, **about),
                )
                alarms[name] += sum(one.p_value <= 0.05 for one in found)
            tests += 3
    for name, count in alarms.items():
        yield share(f"{name}_permutation_false_alarms", count, tests, "share of tests at 5 %")
