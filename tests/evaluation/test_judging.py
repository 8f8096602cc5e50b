"""From lists to scorecards: what is accepted, what is refused, and what order does not matter."""

import dataclasses

import numpy as np
import pandas as pd
import pytest
from contracts.judged import catalogue, interactions, recommendations

from restock.evaluation import Fold, evaluate, rolling_folds

pytestmark = pytest.mark.unit

LINES = [
    (0, 0, 0, 1, 2.0), (0, 1, 1, 1, 3.0), (1, 0, 2, 1, 2.0), (1, 2, 3, 1, 5.0),
    (0, 1, 10, 1, 6.0), (0, 2, 11, 1, 2.0), (1, 0, 12, 1, 4.0), (1, 3, 12, 1, 4.0),
    (2, 0, 13, 1, 1.0), (3, 1, 14, 1, 1.0),
]  # fmt: skip
LISTS = {0: [1, 2, 0], 1: [1, 2, -1], 2: [0, 1, 2], 3: [2, -1, -1]}


@pytest.fixture
def fold() -> Fold:
    """Customers 0 and 1 are judged, 2 and 3 are cold; item 3 is not a candidate."""
    return rolling_folds(interactions(LINES, catalogue(5, 4), 15), horizon_days=7, windows=1)[0]


def test_the_worked_example(fold: Fold) -> None:
    card = evaluate(recommendations([0, 1], [LISTS[0], LISTS[1]]), fold, k=2)
    frame = card.per_customer.set_index("customer")
    assert frame.market.tolist() == ["FR", "FR"]
    # customer 0 bought 1 (again) and 2 (new) and was offered both
    assert frame.loc[0, ["ndcg_at_2", "map_at_2", "recall_at_2", "mrr_at_2"]].tolist() == [1] * 4
    assert frame.loc[0, "ndcg_at_2_new"] == pytest.approx(1 / np.log2(3))
    assert frame.loc[0, ["captured_at_2", "captured_at_2_new", "spend_repeat"]].tolist() == [
        8,
        2,
        6,
    ]
    # customer 1 bought 0 (again) and 3, which could not be offered, and was offered neither
    assert frame.loc[1, ["ndcg_at_2", "hit_rate_at_2", "captured_at_2"]].tolist() == [0] * 3
    assert frame.loc[1, "spend"] == 8
    assert card.mean()["revenue_share_at_2"] == pytest.approx(8 / 16)
    assert card.mean()["revenue_capture_at_2"] == pytest.approx(1 / 2)


def test_the_order_of_the_lists_does_not_matter(fold: Fold) -> None:
    one = evaluate(recommendations([0, 1, 2, 3], [LISTS[c] for c in range(4)]), fold, k=3)
    order = [3, 1, 0, 2]
    other = evaluate(recommendations(order, [LISTS[c] for c in order]), fold, k=3)
    np.testing.assert_array_equal(one.customer, other.customer)
    np.testing.assert_array_equal(one.values, other.values)
    assert one.fold_hash == other.fold_hash


def test_cold_customers_are_reported_on_their_own(fold: Fold) -> None:
    card = evaluate(recommendations([0, 1, 2, 3], [LISTS[c] for c in range(4)]), fold, k=1)
    assert card.segments == {"all": 2, "repeat": 2, "new": 2, "cold": 2}
    assert len(card.per_customer) == card.n_customers == 2
    assert card.mean("cold")["hit_rate_at_1"] == pytest.approx(0.5)
    assert card.mean("cold")["new_item_share_at_1"] == 1.0
    without = evaluate(recommendations([0, 1], [LISTS[0], LISTS[1]]), fold, k=1)
    assert without.segments["cold"] == 0 and np.isnan(without.mean("cold")["ndcg_at_1"])
    pd.testing.assert_frame_equal(without.per_customer, card.per_customer)
    assert without.fold_hash == card.fold_hash


def test_lists_of_others_are_ignored_and_k_cuts(fold: Fold) -> None:
    longer = recommendations([4, 0, 1], [[0, 1, 2], LISTS[0], LISTS[1]])
    one = evaluate(longer, fold, k=2)
    other = evaluate(recommendations([0, 1], [LISTS[0][:2], LISTS[1][:2]]), fold, k=2)
    np.testing.assert_array_equal(one.values, other.values)
    assert evaluate(longer, fold, k=3).fold_hash != one.fold_hash


@pytest.mark.parametrize(
    ("customers", "lists", "message"),
    [
        ([0], [[1]], "1 of 2 judged customers have no list"),
        ([0, 1, 2], [[1], [1], [1]], "some cold customers"),
        ([0, 1, 1], [[1], [1], [1]], "two lists"),
        ([0, 1], [[1], [3]], "'I000003', are not candidates"),
        ([0, 1], [[1], [2_000_000_000]], "other items than the fold's"),
        ([0, 2_000_000_000], [[1], [1]], "other customers than the fold's"),
    ],
)
def test_incomplete_or_foreign_lists_are_refused(
    fold: Fold, customers: list[int], lists: list[list[int]], message: str
) -> None:
    with pytest.raises(ValueError, match=message):
        evaluate(recommendations(customers, lists), fold, k=1)


def test_an_item_twice_in_a_list_is_refused(fold: Fold) -> None:
    with pytest.raises(ValueError, match="twice"):
        evaluate(recommendations([0, 1], [[1, 2, 1], [0, 1, 2]]), fold, k=3)
    evaluate(recommendations([0, 1], [[1, 2, 1], [0, 1, 2]]), fold, k=2)  # the cut list is fine


@pytest.mark.parametrize("k", [0, 4])
def test_k_beyond_the_lists_is_refused(fold: Fold, k: int) -> None:
    with pytest.raises(ValueError, match=r"k must lie in 1\.\.3"):
        evaluate(recommendations([0, 1], [LISTS[0], LISTS[1]]), fold, k=k)


def test_a_fold_without_customers_gives_an_empty_scorecard(fold: Fold) -> None:
    nobody = dataclasses.replace(fold, customers=fold.customers[:0], cold=fold.cold[:0])
    card = evaluate(recommendations([], [], 3), nobody, k=3)
    assert len(card.per_customer) == 0 and card.segments == dict.fromkeys(card.segments, 0)
    assert all(np.isnan(value) for value in card.mean().values())
    assert "0 customers" in repr(card)
