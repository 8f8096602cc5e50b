"""Scorecards: means, segments, selections, pooling over markets, files."""

from pathlib import Path

import numpy as np
import pyarrow.parquet as pq
import pytest
from contracts.judged import of_quality, scorecard

from restock.evaluation import Scorecard, metrics

pytestmark = pytest.mark.unit


def small(market: str = "FR", shift: int = 0) -> Scorecard:
    """Three customers; the second bought nothing for the second time."""
    return scorecard(
        {
            "ndcg_at_10": [0.2, 0.4, 0.9],
            "ndcg_at_10_repeat": [0.5, np.nan, 0.7],
            "captured_at_10": [1.0, 0.0, 30.0],
            "captured_at_10_repeat": [1.0, np.nan, 10.0],
            "spend": [10.0, 10.0, 40.0],
            "spend_repeat": [4.0, np.nan, 18.0],
            "novelty_at_10": [1.0, 2.0, 3.0],
        },
        market=market,
        customers=[shift, shift + 4, shift + 9],
        lists=[[0, 1] + [-1] * 8, [0] + [-1] * 9, [2] + [-1] * 9],
        n_candidates=10,
    )


def test_means_of_a_segment_are_over_its_customers() -> None:
    card = small()
    assert card.mean()["ndcg_at_10"] == pytest.approx(0.5)
    assert card.mean("repeat")["ndcg_at_10"] == pytest.approx(0.6)
    assert card.mean("repeat")["novelty_at_10"] == pytest.approx(2.0)
    assert np.isnan(card.mean("new")["ndcg_at_10"])
    assert card.segments == {"all": 3, "repeat": 2, "new": 0, "cold": 0}


def test_revenue_share_counts_money_and_capture_counts_customers() -> None:
    card = small()
    assert card.mean()["revenue_share_at_10"] == pytest.approx(31 / 60)
    assert card.mean("repeat")["revenue_share_at_10"] == pytest.approx(11 / 22)


def test_coverage_and_gini_are_of_all_lists_together() -> None:
    card = small()
    assert card.mean()["coverage_at_10"] == pytest.approx(3 / 10)
    assert card.mean("repeat")["coverage_at_10"] == pytest.approx(3 / 10)
    counts = np.sort([2, 1, 1] + [0] * 7)
    expected = np.abs(np.subtract.outer(counts, counts)).mean() / (2 * counts.mean())
    assert card.mean()["gini_at_10"] == pytest.approx(expected)


def test_pooling_counts_the_items_of_each_market_on_their_own() -> None:
    pooled = Scorecard.concat([small("FR"), small("DE", 100)])
    assert pooled.mean()["coverage_at_10"] == pytest.approx(6 / 20)
    assert pooled.mean()["ndcg_at_10"] == pytest.approx(0.5)
    assert pooled.per_customer.market.tolist() == ["DE"] * 3 + ["FR"] * 3
    assert pooled.n_customers == 6


def test_the_order_of_pooling_does_not_matter() -> None:
    cards = [small("FR"), small("DE", 100), small("ES", 200)]
    one, other = Scorecard.concat(cards), Scorecard.concat(cards[::-1])
    assert one.fold_hash == other.fold_hash
    np.testing.assert_array_equal(one.customer, other.customer)
    np.testing.assert_array_equal(one.values, other.values)
    assert one.mean() == pytest.approx(other.mean(), nan_ok=True)


def test_only_the_same_window_can_be_pooled() -> None:
    with pytest.raises(ValueError, match="same cut-off"):
        Scorecard.concat([of_quality([0.5], [1]), of_quality([0.5], [1], window=1)])
    with pytest.raises(ValueError, match="no scorecard"):
        Scorecard.concat([])


def test_pooled_money_is_in_one_currency() -> None:
    rich, poor = of_quality([0.5], [1000.0], market="JP"), of_quality([0.1], [10.0], market="FR")
    for card, worth in ((rich, 300.0), (poor, 2.0)):
        card.values[:, metrics.columns(10).index("listed_value_at_10")] = worth
    pooled = Scorecard.concat([card.in_currency({"JP": 0.01}) for card in (rich, poor)])
    assert pooled.mean()["revenue_share_at_10"] == pytest.approx((5 + 1) / (10 + 10))
    assert pooled.mean()["ndcg_at_10"] == pytest.approx(0.3)
    assert pooled.mean()["listed_value_at_10"] == pytest.approx((3 + 2) / 2)
    assert rich.mean()["revenue_share_at_10"] == pytest.approx(0.5)


def test_a_selection_by_codes_or_mask_has_a_hash_of_its_own() -> None:
    card = small()
    some = card.of_customers(np.array([9, 0], dtype=np.int32))
    assert some.customer.tolist() == [0, 9]
    masked = card.of_customers(np.array([True, False, True]))
    assert masked.fold_hash == some.fold_hash != card.fold_hash
    assert card.of_customers(np.array([0], dtype=np.int32)).fold_hash != some.fold_hash
    with pytest.raises(ValueError, match="mask"):
        card.of_customers(np.array([True]))


def test_files_give_everything_back(tmp_path: Path) -> None:
    card = small()
    card.save(tmp_path / "a" / "card.parquet")
    again = Scorecard.load(tmp_path / "a" / "card.parquet")
    for name in ("fold_hash", "k", "cutoff", "horizon_days", "n_candidates"):
        assert getattr(again, name) == getattr(card, name)
    for name in ("customer", "market", "cold", "part", "lists", "values"):
        np.testing.assert_array_equal(getattr(again, name), getattr(card, name))
        assert getattr(again, name).dtype == getattr(card, name).dtype


def test_an_empty_scorecard_is_saved_too(tmp_path: Path) -> None:
    card = of_quality([], [])
    card.save(tmp_path / "card.parquet")
    assert Scorecard.load(tmp_path / "card.parquet").n_customers == 0


def test_another_file_is_refused(tmp_path: Path) -> None:
    small().save(tmp_path / "card.parquet")
    table = pq.read_table(tmp_path / "card.parquet").replace_schema_metadata({})
    pq.write_table(table, tmp_path / "other.parquet")
    with pytest.raises(ValueError, match="no scorecard of schema"):
        Scorecard.load(tmp_path / "other.parquet")


def test_an_unknown_column_is_named() -> None:
    with pytest.raises(KeyError, match="ndcg_at_5"):
        small().column("ndcg_at_5")
