"""Offline deltas of two candidates, from scorecards of the same folds."""

import numpy as np
import pytest

from restock.dataset import simulate
from restock.evaluation import Objective, compare, evaluate, rolling_folds
from restock.evaluation.link import offline_deltas
from restock.evaluation.link.deltas import usual_metrics
from restock.models import create

pytestmark = pytest.mark.unit


def test_deltas_are_log_lifts_of_single_metrics_and_change_sign_with_the_arms() -> None:
    orders = simulate(customers={"FR": 120}, items=60, days=200, seed=1).interactions()
    folds = rolling_folds(orders, windows=2)
    cards = {
        name: [
            evaluate(create(name).fit(f.train).recommend(f.customers, 10, allowed=f.candidates), f)
            for f in folds
        ]
        for name in ("popular", "reorder")
    }
    deltas, errors = offline_deltas(cards["reorder"], cards["popular"])
    assert set(deltas) == set(errors) == set(usual_metrics())
    alone = Objective(weights={"ndcg_at_10": 1.0}, guardrails={})
    lift = compare(cards["reorder"], cards["popular"], alone).lift
    assert deltas["ndcg_at_10"] == pytest.approx(np.log1p(lift), abs=1e-9)
    assert all(error > 0 for error in errors.values())
    back, _ = offline_deltas(cards["popular"], cards["reorder"])
    assert back == pytest.approx({name: -value for name, value in deltas.items()})
    same, _ = offline_deltas(cards["popular"], cards["popular"], ["map_at_10"])
    assert same == {"map_at_10": pytest.approx(0.0)}


def test_what_lists_are_worth_is_a_delta_but_no_weight() -> None:
    orders = simulate(customers={"FR": 120}, items=60, days=200, seed=1).interactions()
    fold = rolling_folds(orders, windows=1)[0]
    dear = np.argsort(-fold.line_value)[:20]
    allowed = np.zeros(fold.candidates.size, dtype=bool)
    allowed[dear] = fold.candidates[dear]
    model = create("popular").fit(fold.train)
    usual = evaluate(model.recommend(fold.customers, 10, allowed=fold.candidates), fold)
    costly = evaluate(model.recommend(fold.customers, 10, allowed=allowed), fold)
    name = "listed_value_at_10"
    deltas, errors = offline_deltas([costly], [usual], [name])
    assert deltas[name] == pytest.approx(np.log(costly.mean()[name] / usual.mean()[name]))
    assert deltas[name] > 0 and errors[name] >= 0
    with pytest.raises(ValueError, match="describes lists"):
        Objective(weights={name: 1.0}, guardrails={})
