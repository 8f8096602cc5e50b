"""The outcome model: shrunk, blind to the customer it speaks of, and of some use."""

import numpy as np
import pytest

from restock.evaluation.ope import LoggedLists, dr_lists, rips
from restock.evaluation.ope.drawing import Drawing, chances, draw
from restock.evaluation.ope.outcome_model import (
    PARTS,
    ItemAndPlace,
    cross_fitted,
    expectations,
    parts,
)

pytestmark = pytest.mark.unit

ITEMS = 12


def made(seed: int, n: int = 3000, k: int = 3) -> tuple[np.ndarray, ...]:
    """Lists drawn from a common ranking; items differ in what they earn, and so do places."""
    generator = np.random.default_rng(seed)
    ranking = np.tile(np.arange(ITEMS, dtype=np.int32), (n, 1))
    drawing = Drawing(kind="softmax", temperature=2.0, depth=ITEMS)
    items, propensity = draw(ranking, k, drawing, generator)
    rate = np.linspace(0.5, 0.02, ITEMS)[items] * np.array([1.0, 0.7, 0.5])[:k]
    reward = (generator.random(items.shape) < rate).astype(float)
    owner = generator.integers(0, n // 4, n)
    return items, propensity, reward, owner, ranking


def test_a_rate_is_shrunk_toward_the_mean_and_an_unseen_item_is_usual() -> None:
    items = np.array([[0], [0], [1]], np.int32)
    reward = np.array([[1.0], [1.0], [0.0]])
    model = ItemAndPlace.of(items, reward, np.ones((3, 1), bool), 4)
    expected = model.expected(np.array([0, 1, 2, -1, -2], np.int32), 0)
    assert 1 > expected[0] > 2 / 3 > expected[1] > 0
    assert expected[2:] == pytest.approx(np.full(3, 2 / 3))


def test_a_model_scales_with_the_currency() -> None:
    items, _, reward, _, _ = made(1)
    there = np.ones(items.shape, bool)
    one = ItemAndPlace.of(items, reward, there, ITEMS).expected(items, np.arange(3))
    other = ItemAndPlace.of(items, 100 * reward, there, ITEMS).expected(items, np.arange(3))
    assert other == pytest.approx(100 * one)


def test_without_rewards_nothing_is_expected() -> None:
    items = np.zeros((4, 2), np.int32)
    model = ItemAndPlace.of(items, np.zeros((4, 2)), np.ones((4, 2), bool), 3)
    assert (model.expected(items, np.arange(2)) == 0).all()


def test_no_model_has_seen_the_customer_it_speaks_of() -> None:
    items, _, reward, owner, _ = made(2)
    there = np.ones(items.shape, bool)
    models, part = cross_fitted(items, reward, there, owner, ITEMS)
    assert len(models) == PARTS and len(set(part.tolist())) == PARTS
    assert all(len(set(part[owner == one].tolist())) == 1 for one in np.unique(owner)[:50])
    changed = reward.copy()
    changed[part == 2] = 1 - changed[part == 2]
    again, _ = cross_fitted(items, changed, there, owner, ITEMS)
    assert np.array_equal(again[2].item, models[2].item)
    assert not np.array_equal(again[1].item, models[1].item)
    assert np.array_equal(parts(owner[::-1]), part[::-1])


def test_what_the_target_would_show_is_averaged_over_its_draws() -> None:
    items, _, reward, owner, ranking = made(3, n=400)
    there = np.ones(items.shape, bool)
    logged, best = expectations(items, reward, there, owner, ranking, Drawing(), ITEMS)
    models, part = cross_fitted(items, reward, there, owner, ITEMS)
    row = int(np.flatnonzero(items[:, 0] == 0)[0])  # the best item stands above: next is item 1
    model = models[part[row]]
    first = np.array([0, 1], np.int32)
    assert best[row, :2] == pytest.approx(model.expected(first, np.arange(2)))
    assert logged[row] == pytest.approx(model.expected(items[row], np.arange(3)))


def test_a_model_of_outcomes_takes_noise_out_of_the_estimate() -> None:
    target = Drawing(kind="softmax", temperature=0.7, depth=ITEMS)
    found = []
    for seed in range(60):
        items, propensity, reward, owner, ranking = made(seed, n=600)
        there = np.ones(items.shape, bool)
        expected = expectations(items, reward, there, owner, ranking, target, ITEMS)
        chance = chances(ranking, items, target)
        log = LoggedLists(reward, propensity, chance, there, owner, *expected)
        found.append([dr_lists(log).value, rips(log).value])
    spread, mean = np.std(found, axis=0), np.mean(found, axis=0)
    assert spread[0] < 0.9 * spread[1]
    shown, _ = draw(ranking[:1].repeat(200_000, 0), 3, target, np.random.default_rng(0))
    truth = (np.linspace(0.5, 0.02, ITEMS)[shown] * np.array([1.0, 0.7, 0.5])).sum(axis=1).mean()
    assert abs(mean[0] - truth) < 4 * spread[0] / np.sqrt(60) + 0.004
