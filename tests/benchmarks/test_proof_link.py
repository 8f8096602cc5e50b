"""The truth that the link is held against, and what ten tests teach in a small world."""

import datetime as dt
from functools import lru_cache

import numpy as np
import pytest

from restock.benchmarks.link_truth import Worth, usual_spend
from restock.benchmarks.proof_link import Pairs, repeat
from restock.dataset import simulate
from restock.dataset.simulate import Shoppers, Simulation
from restock.kernels.simulation import Customers

pytestmark = pytest.mark.unit

DAYS = 200


@lru_cache(maxsize=1)
def world() -> Simulation:
    return simulate(customers={"FR": 300}, items=40, days=DAYS, seed=5, currency="reporting")


@pytest.mark.thorough
def test_what_a_customer_spends_on_an_item_is_what_order_lines_say_in_the_mean() -> None:
    simulation = world()
    setting, lines = simulation.setting, simulation.lines
    everyone = setting.customers(0, 300)
    rows = Customers._make(column[lines.customer] for column in everyone)
    expected = np.array(
        [
            usual_spend(setting.world, _row(rows, at), setting.world.burn + int(day))[0, item]
            for at, (day, item) in enumerate(zip(lines.day[:400], lines.item[:400], strict=True))
        ]
    )
    actual = (lines.quantity * lines.price)[:400]
    assert expected.sum() == pytest.approx(actual.sum(), rel=0.1)
    assert np.corrcoef(np.log(expected), np.log(actual))[0, 1] > 0.9


@pytest.mark.thorough
def test_lists_are_worth_what_they_add_and_the_wanted_add_most() -> None:
    simulation, response = world(), Shoppers().response()
    customers = np.arange(300, dtype=np.int32)
    start = simulation.setting.start + dt.timedelta(days=DAYS - 28)
    worth = Worth(simulation, customers, start)
    nothing = np.full((300, 5), -1, dtype=np.int32)
    wanted = np.argsort(-simulation.truth.intensity(customers, start), axis=1)[:, :5]
    anything = np.tile(np.arange(5), (300, 1))
    assert worth.of(nothing, response) == worth.unshown > 0
    best = worth.of(wanted.astype(np.int32), response)
    assert best > worth.of(anything.astype(np.int32), response) > worth.unshown
    lower = np.concatenate([nothing, wanted], axis=1).astype(np.int32)
    assert worth.unshown < worth.of(lower, response) < best  # later places are looked at less
    indifferent = Shoppers(effect=0.0).response()
    assert worth.of(wanted.astype(np.int32), indifferent) == pytest.approx(worth.unshown)


def test_foretold_lifts_are_in_the_order_of_the_true_ones() -> None:
    random = np.random.default_rng(0)
    deltas = random.normal(0, 0.3, (400, 1)) + random.normal(0, 0.1, (400, 6))
    lift = 0.1 * deltas @ [0.0, 0.0, 0.0, 0.5, 0.5, 0.0]
    pairs = Pairs(deltas, np.zeros_like(deltas), np.stack([lift, lift]))
    found = [repeat(pairs, 0, 10, np.random.default_rng(seed)) for seed in range(5)]
    assert np.mean([one.tau for one in found]) > np.mean([one.tau_declared for one in found])
    assert np.mean([one.tau for one in found]) > 0.8
    assert np.mean([one.regret for one in found]) < 0


def _row(rows: Customers, at: int) -> Customers:
    return Customers._make(column[at : at + 1] for column in rows)
