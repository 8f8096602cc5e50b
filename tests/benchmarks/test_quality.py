"""The arithmetic of the quality benchmark."""

import numpy as np
import pytest
from contracts.orders import many

from restock.benchmarks import quality
from restock.models import available

pytestmark = pytest.mark.unit


def test_a_ratio_weighs_every_row_and_its_interval_every_customer() -> None:
    rng = np.random.default_rng(1)
    customers = rng.integers(0, 300, 2000).astype(np.int32)
    above, below = rng.random(2000), rng.random(2000) + 1
    value, low, high = quality.ratio(customers, above, below)
    assert value == pytest.approx(above.sum() / below.sum())
    assert low < value < high
    # the same rows, each customer four times: half the width
    fourfold = np.concatenate([customers + 1000 * n for n in range(4)])
    _, near, far = quality.ratio(fourfold, np.tile(above, 4), np.tile(below, 4))
    assert (high - low) / (far - near) == pytest.approx(2, rel=0.15)


def test_nobody_has_no_ratio() -> None:
    none = np.array([])
    assert np.isnan(quality.ratio(none.astype(np.int32), none, none)).all()


def test_groups_share_out_all_markets() -> None:
    groups = quality.market_groups(many())
    assert groups == {"GB": ["GB"], "next_ten": ["FR"], "rest": []}


def test_every_model_is_judged_on_every_window() -> None:
    found = quality.judge(many())
    assert set(found) == set(available())
    for name, scorecards in found.items():
        assert len({scorecard.fold_hash for scorecard in scorecards}) == len(scorecards) == 6
        figures = {figure.figure: figure for figure in quality.of_model(name, scorecards)}
        ndcg = np.concatenate([scorecard.column("ndcg_at_10") for scorecard in scorecards])
        assert figures[f"ndcg_at_10.{name}"].value == pytest.approx(ndcg.mean())
        assert 0 < figures[f"revenue_share_at_10.{name}"].value < 1
