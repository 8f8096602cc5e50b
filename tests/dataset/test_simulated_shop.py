"""The simulated world under a policy: what is shown, how likely, and what it is worth."""

import datetime as dt
from functools import partial

import numpy as np
import pytest

from restock.dataset import columns as c
from restock.dataset import simulate
from restock.dataset.exposures import OUTCOME, POSITION, PROPENSITY, TIME, validate_exposures
from restock.dataset.simulate import Shoppers, Simulation, simulate_chunks
from restock.dataset.simulated_shop import Shown, Situation, uniform_policy
from restock.kernels.simulation import available_items

pytestmark = pytest.mark.unit

ASKED = {"customers": {"FR": 150, "DE": 40}, "items": 80, "days": 150, "seed": 5}
EAGER = Shoppers(browse=0.2, effect=0.5)


@pytest.fixture(scope="module")
def shop() -> Simulation:
    return simulate(**ASKED, policy=uniform_policy(4), shoppers=EAGER)


def nothing(situation: Situation) -> Shown:
    rows = situation.customers.size
    return Shown(np.full((rows, 2), -1, np.int32), np.ones((rows, 2)))


def own_favourites(situation: Situation, best: bool) -> Shown:
    """Three items each: those the customer bought most often, or least often."""
    counts = np.zeros((situation.customers.size, situation.allowed.size))
    past = situation.history
    row = np.full(past.n_customers, -1)
    row[situation.customers] = np.arange(situation.customers.size)
    mine = row[past.customer] >= 0
    np.add.at(counts, (row[past.customer[mine]], past.item[mine]), 1.0)
    counts = np.where(situation.allowed, counts if best else -counts, -np.inf)
    items = np.argsort(-counts, axis=1, kind="stable")[:, :3].astype(np.int32)
    return Shown(items, np.ones(items.shape))


def test_the_log_keeps_its_contract(shop: Simulation) -> None:
    log = validate_exposures(shop.exposures)
    assert len(log) > 2000
    assert log.columns.tolist() == shop.exposures.columns.tolist()
    assert set(log[POSITION]) == {1, 2, 3, 4}
    assert set(log[OUTCOME]) == {"none", "click", "order"}
    np.testing.assert_array_equal(len(shop.truth.exposures), len(log))


def test_the_seed_decides_and_chunks_are_markets(shop: Simulation) -> None:
    chunks = list(simulate_chunks(**ASKED, policy=uniform_policy(4), shoppers=EAGER))
    assert len(chunks) == 2
    for name in shop.lines._fields:
        joined = np.concatenate([getattr(chunk.lines, name) for chunk in chunks])
        np.testing.assert_array_equal(joined, getattr(shop.lines, name))
    for name in ("item", "propensity", "outcome"):
        joined = np.concatenate([getattr(chunk.exposed, name) for chunk in chunks])
        np.testing.assert_array_equal(joined, getattr(shop.exposed, name))


def test_a_policy_that_shows_nothing_leaves_the_world_as_it_is() -> None:
    plain = simulate(**ASKED)
    shown = simulate(**ASKED, policy=nothing)
    for before, after in zip(plain.lines, shown.lines, strict=True):
        np.testing.assert_array_equal(before, after)
    assert len(shown.exposures) == 0


def test_only_what_can_be_had_is_shown(shop: Simulation) -> None:
    shown, kernel = shop.exposed, shop.setting.world
    market = np.searchsorted(shop.setting.offsets, shown.customer, side="right") - 1
    for row, day in {*zip(market.tolist(), shown.day.tolist(), strict=True)}:
        items = shown.item[(market == row) & (shown.day == day)]
        assert available_items(kernel, row, kernel.burn + day)[items].all()


def test_propensities_are_the_frequencies(shop: Simulation) -> None:
    """Uniform without replacement: 1 / (left) at each place; items at place 1 all alike."""
    log = shop.exposed
    lists = log.propensity.reshape(-1, 4)
    np.testing.assert_allclose(1 / lists[:, 0] - 1 / lists[:, 3], 3)
    expected = np.zeros(ASKED["items"])
    variance = np.zeros(ASKED["items"])
    for row in range(2):
        mine = np.searchsorted(shop.setting.offsets, log.customer, side="right") - 1 == row
        for day in np.unique(log.day[mine]):
            allowed = available_items(shop.setting.world, row, shop.setting.world.burn + int(day))
            first = mine & (log.day == day) & (log.position == 1)
            p = log.propensity[first][0]
            assert p * allowed.sum() == pytest.approx(1.0)
            expected += first.sum() * p * allowed
            variance += first.sum() * p * (1 - p) * allowed
    seen = np.bincount(log.item[log.position == 1], minlength=ASKED["items"])
    some = variance > 5
    z = (seen - expected)[some] / np.sqrt(variance[some])
    assert some.sum() > 30
    assert (seen[variance == 0] == expected[variance == 0]).all()
    assert np.abs(z).max() < 4.5
    assert 0.7 < z.std() < 1.3


def test_outcomes_have_their_true_chances(shop: Simulation) -> None:
    outcome, truth = shop.exposed.outcome, shop.truth.exposures
    for code, chance in ((1, truth.click_chance), (2, truth.order_chance)):
        for low, high in ((0.0, 0.02), (0.02, 0.1), (0.1, 1.0)):
            some = (chance > low) & (chance <= high)
            p, hit = chance[some], outcome[some] == code
            # items of one visit share its size: allow for that in the error
            error = 2 * np.sqrt((p * (1 - p)).sum())
            assert abs(hit.sum() - p.sum()) < 3 * error, (code, low)
    assert (truth.order_chance >= truth.unshown_chance).all()


def test_attention_falls_with_position(shop: Simulation) -> None:
    gain = (shop.truth.exposures.order_chance - shop.truth.exposures.unshown_chance).to_numpy()
    by_place = [gain[shop.exposed.position == place].mean() for place in (1, 2, 3, 4)]
    assert by_place == sorted(by_place, reverse=True)
    hidden = simulate(
        **ASKED, policy=uniform_policy(4), shoppers=EAGER._replace(attention=(1.0, 0.0))
    ).truth.exposures
    later = shop.exposed.position > 1
    assert (hidden.order_chance == hidden.unshown_chance)[later].all()
    assert (hidden.click_chance[later] == 0).all()


def test_a_better_policy_earns_more() -> None:
    spent = {}
    for best in (True, False):
        policy = partial(own_favourites, best=best)
        lines = simulate(**ASKED, policy=policy, shoppers=EAGER).lines
        spent[best] = (lines.quantity * lines.price).sum()
    plain = simulate(**ASKED).lines
    assert spent[True] > 1.1 * spent[False]
    assert spent[False] >= 0.98 * (plain.quantity * plain.price).sum()


@pytest.mark.thorough
def test_no_policy_moves_visits(shop: Simulation) -> None:
    log = shop.exposures
    for day in (dt.date(2024, 2, 5), dt.date(2024, 4, 10)):
        numbers, orders = shop.truth.visits("FR", day)
        there = log[(log[c.MARKET] == "FR") & (log[TIME].dt.date == day)][c.CUSTOMER]
        assert sorted(shop.setting.customer_ids(numbers)) == sorted(there.unique())
        ordered = set(shop.lines.customer[shop.lines.day == (day - dt.date(2024, 1, 1)).days])
        assert len(set(numbers[orders].tolist()) - ordered) <= 2  # a basket may stay empty


def test_history_ends_before_the_day() -> None:
    seen = []

    def watch(situation: Situation) -> Shown:
        past = situation.history
        assert past.as_of_date == situation.day
        if len(past):
            assert past.minute.max() < past.as_of
            key = past.customer.astype(np.int64) * 10**9 + past.minute
            assert (np.diff(key) >= 0).all()
            assert {past.catalogue.markets[m] for m in np.unique(past.market)} == {situation.market}
        seen.append(len(past))
        return nothing(situation)

    done = simulate(**ASKED, policy=watch)
    assert max(seen) > 0.9 * (done.orders[c.MARKET] == "FR").sum()


@pytest.mark.parametrize(
    ("items", "chances", "named"),
    [
        ([[0, 1]], [[1.0]], "returned items"),
        ([[99]], [[1.0]], "allowed"),
        ([[0]], [[0.0]], "propensity"),
        ([[0]], [[1.5]], "propensity"),
        ([[0]], [[np.nan]], "propensity"),
        ([[0, 0]], [[0.5, 0.5]], "twice"),
    ],
)
def test_a_policy_that_breaks_the_rules_is_named(items: list, chances: list, named: str) -> None:
    def policy(situation: Situation) -> Shown:
        rows = situation.customers.size
        allowed = np.flatnonzero(situation.allowed)
        chosen = np.array([[allowed[i] if i < 99 else i for i in row] for row in items])
        return Shown(np.repeat(chosen, rows, axis=0), np.repeat(np.array(chances), rows, axis=0))

    with pytest.raises(ValueError, match=named):
        simulate(**ASKED, policy=policy)


def test_propensity_column_is_what_the_policy_said(shop: Simulation) -> None:
    assert (shop.exposures[PROPENSITY].to_numpy() == shop.exposed.propensity).all()
