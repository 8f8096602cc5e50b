"""The matrices of thousands of experiments say what ``analyze`` says of each."""

import numpy as np
import pandas as pd
import pytest
from contracts.experimented import by_store, units

from restock.benchmarks.experiment_rates import Terms, analyzed, resampled, split
from restock.evaluation.experiments import Metric, analyze
from restock.evaluation.experiments.arms import clustered

pytestmark = pytest.mark.unit

EVEN = {"a": 0.5, "b": 0.5}


def weights(arm: pd.Series) -> tuple[np.ndarray, np.ndarray]:
    treated = (arm == "b").to_numpy(dtype=np.float64)[None, :]
    return 1 - treated, treated


@pytest.mark.parametrize("denominator", [None, "orders"])
@pytest.mark.parametrize("cuped", [True, False])
def test_one_draw_is_one_analysis(denominator: str | None, cuped: bool) -> None:
    frame = units(1500, seed=3, lift=0.05)
    if not cuped:
        frame = frame.drop(columns=["revenue_before", "orders_before"])
    metric = Metric(name="m", numerator="revenue", denominator=denominator, role="primary")
    effect = analyze(frame, (metric,), control="a", shares=EVEN).effects[0]
    matrix = Terms.of(frame, "revenue", denominator, cuped=cuped).matrix()
    control, treatment = weights(frame["arm"])
    found = analyzed(control @ matrix, treatment @ matrix)
    assert found.p_value[0] == pytest.approx(effect.p_value, rel=1e-6)
    assert np.expm1(found.log_ratio[0]) == pytest.approx(effect.relative, rel=1e-6)
    assert found.log_error[0] == pytest.approx(effect.error, rel=1e-6)
    if cuped:
        assert effect.anytime_low is not None and effect.anytime_high is not None
        assert bool(found.outside()[0]) is not (effect.anytime_low <= 0 <= effect.anytime_high)
        for shift in (effect.anytime_low, effect.anytime_high):  # the ends are the same
            ratio = found.log_ratio - np.log1p(shift)
            nearer, farther = (
                type(found)(**{**vars(found), "log_ratio": ratio * by}).outside()[0]
                for by in (1 - 1e-6, 1 + 1e-6)
            )
            assert not nearer and farther


def test_one_draw_of_stores_is_one_analysis_by_store() -> None:
    frame = by_store(units(1500, seed=4)).drop(columns=["revenue_before", "orders_before"])
    metric = Metric(name="m", numerator="orders", role="primary")
    effect = analyze(frame, (metric,), control="a", shares=EVEN, cluster="store").effects[0]
    stores = clustered(frame, "store")
    matrix = Terms.of(stores, "orders", "customers", cuped=False).matrix()
    control, treatment = weights(stores["arm"])
    assert analyzed(control @ matrix, treatment @ matrix).p_value[0] == pytest.approx(
        effect.p_value, rel=1e-6
    )


def test_arms_are_drawn_as_they_say() -> None:
    control, treatment = split(50, 400, np.random.default_rng(0))
    assert ((control + treatment) == 1).all()
    assert abs(treatment.mean() - 0.5) < 0.02
    control, treatment = resampled(50, 30, 400, np.random.default_rng(0))
    assert (control.sum(axis=1) == 30).all() and (treatment.sum(axis=1) == 30).all()
    assert control.max() > 1 and (control != treatment).any()
