"""Means over folds and their intervals."""

import datetime as dt

import numpy as np
import pandas as pd
import pytest

from restock.dataset import Interactions
from restock.evaluation import evaluate, rolling_folds
from restock.evaluation.estimates import mean_over_folds
from restock.models import create

pytestmark = pytest.mark.unit


def _cards(seed: int, customers: int = 60) -> list:
    rng = np.random.default_rng(seed)
    n = customers * 40
    frame = pd.DataFrame(
        {
            "market": "FR",
            "customer_id": [f"c{c:03}" for c in rng.integers(0, customers, n)],
            "order_id": [f"o{o}" for o in rng.integers(0, n, n)],
            "item_id": [f"i{i:02}" for i in rng.zipf(1.5, n) % 30],
            "timestamp": pd.Timestamp("2024-01-01") + pd.to_timedelta(rng.integers(0, 200, n), "D"),
            "quantity": 1.0,
            "unit_price": rng.lognormal(1, 1, n),
        }
    )
    folds = rolling_folds(Interactions.from_frame(frame), windows=3, as_of=dt.date(2024, 7, 1))
    cards = []
    for fold in folds:
        model = create("reorder").fit(fold.train)
        lists = model.recommend(fold.customers, 10, allowed=fold.candidates)
        cards.append(evaluate(lists, fold))
    return cards


def test_the_mean_is_that_of_all_customers_of_all_folds() -> None:
    cards = _cards(1)
    pooled = np.concatenate([card.column("ndcg_at_10") for card in cards])
    assert mean_over_folds(cards, "ndcg_at_10").value == pytest.approx(pooled.mean())
    captured = sum(card.column("captured_at_10").sum() for card in cards)
    spent = sum(card.column("spend").sum() for card in cards)
    assert mean_over_folds(cards, "revenue_share_at_10").value == pytest.approx(captured / spent)


def test_the_interval_is_that_of_resampled_customers() -> None:
    cards = _cards(2)
    mean = mean_over_folds(cards, "ndcg_at_10")
    x = np.concatenate([card.column("ndcg_at_10") for card in cards])
    customer = np.concatenate([card.customer for card in cards])
    groups = [x[customer == c] for c in np.unique(customer)]
    rng = np.random.default_rng(0)
    draws = []
    for _ in range(2000):
        drawn = np.concatenate([groups[i] for i in rng.integers(0, len(groups), len(groups))])
        draws.append(drawn.mean())
    assert mean.high - mean.low == pytest.approx(2 * 1.96 * np.std(draws), rel=0.1)


def test_repeating_the_folds_adds_no_evidence() -> None:
    cards = _cards(3)
    once, twice = (mean_over_folds(c, "ndcg_at_10") for c in (cards, cards + cards))
    assert twice == pytest.approx(once)


def test_nothing_judged_gives_no_number() -> None:
    assert np.isnan(mean_over_folds([], "ndcg_at_10").value)
