"""Judging a unit: what its candidates are fitted on follows their scope."""

import numpy as np
import pytest
from contracts.orders import many

from restock.evaluation import evaluate
from restock.evaluation.contest import FoldPlan, Unit, judge
from restock.models import Candidate, FitContext

pytestmark = pytest.mark.unit

PLAN = FoldPlan(windows=2, k=5)


@pytest.mark.parametrize("scope", ["market", "pooled", "prior"])
def test_a_candidate_is_fitted_on_what_its_scope_says(scope: str) -> None:
    orders = many()
    candidate = Candidate(name="item_knn", scope=scope)
    assert candidate.pooled == (scope != "market")
    unit = Unit(
        scope="pooled" if candidate.pooled else "market",
        markets=("FR", "GB") if candidate.pooled else ("FR",),
        windows=(0,),
        candidates=(candidate,),
    )
    judged = judge(orders, unit, {"FR": PLAN, "GB": PLAN}, FitContext())
    (french,) = [one for one in judged if one.market == "FR"]
    fold = PLAN.folds(orders.of_market("FR"))[-1]
    train = orders.before(fold.cutoff) if candidate.pooled else fold.train
    customers = np.concatenate([fold.customers, fold.cold])
    lists = candidate.create().fit(train).recommend(customers, 5, allowed=fold.candidates)
    expected = evaluate(lists, fold, k=5)
    np.testing.assert_array_equal(french.scorecards[candidate.key].lists, expected.lists)
