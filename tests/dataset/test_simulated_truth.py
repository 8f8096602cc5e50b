"""The truth of the simulated world agrees with what happens in it."""

import datetime as dt

import numpy as np
import pytest

from restock.dataset import simulate
from restock.dataset.simulate import Shoppers, Simulation
from restock.dataset.simulated_rooms import new_lines, new_needs, new_scratch, new_state
from restock.dataset.simulated_shop import uniform_policy
from restock.kernels.simulation import available_items
from restock.kernels.simulation_baskets import forget
from restock.kernels.simulation_lives import live_on
from restock.kernels.simulation_truth import locate, recall

pytestmark = pytest.mark.unit

START = dt.date(2024, 1, 1)
ASKED = {"customers": {"FR": 150, "DE": 50}, "items": 80, "days": 200, "seed": 4}
EVERYONE = np.arange(200, dtype=np.int32)


@pytest.fixture(scope="module")
def shop() -> Simulation:
    return simulate(**ASKED, policy=uniform_policy(3), shoppers=Shoppers(browse=0.0, effect=0.4))


@pytest.fixture(scope="module")
def plain() -> Simulation:
    return simulate(**ASKED)


def day(number: int) -> dt.date:
    return START + dt.timedelta(days=number)


def test_orders_come_as_often_as_they_should(plain: Simulation) -> None:
    """Sums over days of (happened - expected) are a martingale: compare with its own spread."""
    gap, both = [], []
    for number in range(1, 200, 2):
        chance = plain.truth.order_probability(EVERYONE, day(number))
        assert ((chance >= 0) & (chance <= 1)).all()
        orders = np.unique(plain.lines.customer[plain.lines.day == number]).size
        gap.append(orders - chance.sum())
        both.append((orders, chance.sum()))
    assert abs(np.sum(gap)) < 4 * np.sqrt(np.sum(np.square(gap)))
    happened, expected = np.array(both).T
    assert np.corrcoef(happened, expected)[0, 1] > 0.5


@pytest.mark.thorough
def test_items_are_bought_as_often_as_they_should(plain: Simulation) -> None:
    low, high = [], []
    for number in range(1, 200, 2):
        chance = plain.truth.purchase_probability(EVERYONE, day(number))
        bought = np.zeros(chance.shape)
        today = plain.lines.day == number
        bought[plain.lines.customer[today], plain.lines.item[today]] = 1.0
        rare = chance < 0.002
        low.append((bought - chance)[rare].sum())
        high.append((bought - chance)[~rare].sum())
        assert (chance[bought > 0] > 0).all(), "what was bought was possible"
    for gap in (low, high):
        assert abs(np.sum(gap)) < 4 * np.sqrt(np.sum(np.square(gap)))


def test_what_is_wanted_most_is_bought_most(plain: Simulation) -> None:
    """On the next order the oracle's first items are hit far more often than any item."""
    hits, base = 0.0, 0.0
    for number in range(60, 200, 3):
        today = plain.lines.day == number
        customers = np.unique(plain.lines.customer[today]).astype(np.int32)
        if customers.size == 0:
            continue
        best = np.argsort(-plain.truth.intensity(customers, day(number)), axis=1)[:, :5]
        for row, customer in enumerate(customers):
            basket = plain.lines.item[today & (plain.lines.customer == customer)]
            hits += np.isin(best[row], basket).mean()
            base += basket.size / 80
    assert hits > 1.5 * base


@pytest.mark.thorough
def test_one_day_of_futures_is_the_probability(shop: Simulation) -> None:
    at = day(120)
    exact = shop.truth.purchase_probability(EVERYONE, at)
    counts = []
    total = np.zeros(exact.shape)
    for draw in range(150):
        lines = shop.truth.future(EVERYONE, at, 1, draw)
        total[lines.customer, lines.item] += 1
        counts.append(lines.item.size)
    error = np.std(counts) / np.sqrt(len(counts))
    assert abs(np.mean(counts) - exact.sum()) < 4 * error
    often = exact > 0.02
    z = (total - 150 * exact)[often] / np.sqrt(150 * exact * (1 - exact))[often]
    assert often.sum() > 20
    assert abs(z.mean()) < 0.5
    assert 0.7 < z.std() < 1.3


@pytest.mark.thorough
def test_the_state_is_rebuilt_exactly(plain: Simulation, shop: Simulation) -> None:
    """From the state of day 110, a customer's own random numbers give its own lines again."""
    needs, scratch, t = new_needs(80, 1), new_scratch(80), 365 + 110
    for world, until in ((plain, 365 + 200), (shop, 0)):
        kernel, rows = world.setting.world, world.setting.customers(0, 200)
        state, again, settled = new_state(200), 0, 0
        for who in range(200):
            mine = world.lines.customer == who
            day, item = world.lines.day[mine], world.lines.item[mine]
            recall(kernel, rows, who, day, item, t, needs, 0, scratch)
            locate(kernel, rows, who, t, state)
            next_one = int(state.next[who])
            if world is shop:  # there, what was shown counts: one order is enough to compare
                until = next_one + 1
            room = new_lines(4000)
            args = (kernel, rows, who, 0, next_one, int(state.number[who]), until)
            count = live_on(*args, needs, 0, scratch, room, 0) if next_one < 365 + 200 else 0
            forget(needs, 0)
            later = (day >= 110) & (day < until - 365)
            if world is plain:
                np.testing.assert_array_equal(room.item[:count], item[later])
                np.testing.assert_array_equal(room.day[:count], day[later])
                again += count
            else:
                assert set(room.item[:count]) <= set(item[later])
                settled += count
        assert again > 500 or settled > 200


def test_futures_are_seeded_and_stay_in_their_days(shop: Simulation) -> None:
    some = np.array([150, 3, 77], dtype=np.int32)
    one = shop.truth.future(EVERYONE, day(120), 28, 0)
    again = shop.truth.future(EVERYONE, day(120), 28, 0)
    other = shop.truth.future(EVERYONE, day(120), 28, 1)
    assert all((a == b).all() for a, b in zip(one, again, strict=True))
    assert one.item.size != other.item.size or (one.item != other.item).any()
    assert ((one.day >= 120) & (one.day < 148)).all()
    part = shop.truth.future(some, day(120), 28, 0)
    mine = np.isin(one.customer, some)
    np.testing.assert_array_equal(part.item, one.item[mine])  # alone or among others: the same


def test_expected_purchases_are_the_mean_future(plain: Simulation) -> None:
    some = np.array([9, 2, 140], dtype=np.int32)
    share, spend = plain.truth.expected_purchases(some, day(100), days=28, draws=20)
    assert share.shape == spend.shape == (3, 80)
    bought, spent = np.zeros((3, 80)), np.zeros((3, 80))
    for draw in range(20):
        lines = plain.truth.future(some, day(100), 28, draw)
        for n in range(lines.item.size):
            row = int(np.flatnonzero(some == lines.customer[n])[0])
            spent[row, lines.item[n]] += lines.quantity[n] * lines.price[n] / 20
        rows = np.searchsorted(np.sort(some), lines.customer)
        rows = np.argsort(some)[rows]
        for row, item in {*zip(rows.tolist(), lines.item.tolist(), strict=True)}:
            bought[row, item] += 1 / 20
    np.testing.assert_allclose(share, bought, atol=1e-12)
    np.testing.assert_allclose(spend, spent, rtol=1e-9)


def test_what_cannot_be_had_is_not_wanted(shop: Simulation) -> None:
    wanted = shop.truth.intensity(EVERYONE, day(90))
    kernel = shop.setting.world
    for row in range(2):
        first, stop = shop.setting.offsets[row : row + 2]
        allowed = available_items(kernel, row, kernel.burn + 90)
        assert (wanted[first:stop][:, ~allowed] == 0).all()
        assert (wanted[first:stop][:, allowed] > 0).mean() > 0.9


def test_the_truth_knows_what_showing_is_worth(shop: Simulation) -> None:
    """The chances logged with the exposures are those that the truth gives for the visit."""
    shown = shop.exposed
    number = int(np.median(shown.day))
    today = shown.day == number
    customers = np.unique(shown.customer[today]).astype(np.int32)
    intensity, held = shop.truth.wants(customers, day(number))
    cell = (np.searchsorted(customers, shown.customer[today]), shown.item[today])
    # without browsing every visit comes with an order
    ordered, clicked = shop.truth.if_shown(intensity[cell], held[cell], shown.position[today])
    np.testing.assert_allclose(ordered, shown.order_chance[today], rtol=1e-9)
    np.testing.assert_allclose(clicked, shown.click_chance[today], rtol=1e-9)
    np.testing.assert_allclose(held[cell], shown.unshown_chance[today], rtol=1e-9)


def test_tables_describe_everyone(plain: Simulation) -> None:
    customers, items = plain.truth.customers, plain.truth.items
    assert len(customers) == 200 and len(items) == 80
    assert customers.customer_id.is_monotonic_increasing
    first = {}
    for customer, number in zip(plain.lines.customer, plain.lines.day, strict=True):
        first.setdefault(int(customer), int(number))
    new = customers[customers.first_day >= 0]
    hit = [first.get(n) == d for n, d in new.first_day.items() if n in first]
    assert np.mean(hit) > 0.95  # a first basket may stay empty
    assert items.popularity.sum() == pytest.approx(1.0, rel=1e-4)


@pytest.mark.parametrize("number", [-1, 400])
def test_days_outside_the_world_are_refused(plain: Simulation, number: int) -> None:
    with pytest.raises(ValueError, match="not in this world"):
        plain.truth.intensity(EVERYONE, day(number))
    with pytest.raises(ValueError, match="ends"):
        plain.truth.future(EVERYONE, day(190), 365)
