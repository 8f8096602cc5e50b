"""What lists came to: order by order, by the list of each day, as evaluation would say it."""

import datetime as dt

import numpy as np
import pandas as pd
import pytest
from hypothesis import given
from hypothesis import strategies as st
from sklearn.metrics import ndcg_score

from restock.dataset import Interactions
from restock.monitoring.realised import realised_days, realised_orders

pytestmark = pytest.mark.unit

START = dt.date(2024, 1, 1)
K = 3


def day(at: int) -> dt.date:
    return START + dt.timedelta(days=at)


def orders(bought: list[tuple[int, int, int]]) -> Interactions:
    """Lines (customer, day, item) of one market; a line costs its item's number plus 1."""
    rows = [
        {
            "market": "FR",
            "customer_id": f"c{customer}",
            "order_id": f"{customer} {at}",
            "item_id": f"i{item}",
            "timestamp": pd.Timestamp(day(at)) + pd.Timedelta(hours=23),
            "quantity": 1.0,
            "unit_price": float(item + 1),
        }
        for customer, at, item in bought
    ]
    return Interactions.from_frame(pd.DataFrame(rows))


def lists(of: dict[str, list[int]]) -> pd.DataFrame:
    """Customer → items, best first."""
    rows = [
        {"customer_id": customer, "rank": rank, "item_id": f"i{item}"}
        for customer, items in of.items()
        for rank, item in enumerate(items, 1)
    ]
    return pd.DataFrame(rows)


LISTS = lists({"": [0, 1, 2], "c0": [3, 4, 5], "c1": [5, 0, 7]})
lines = st.lists(
    st.tuples(st.integers(0, 3), st.integers(0, 6), st.integers(0, 8)), min_size=1, max_size=40
)


def test_an_order_is_judged_by_its_customers_list_or_the_one_for_all() -> None:
    found = realised_orders(
        orders([(0, 0, 4), (0, 0, 8), (2, 0, 0), (2, 0, 6)]), "FR", LISTS, day(0), day(1), K
    ).set_index("customer")
    ideal = 1 + 1 / np.log2(3)
    assert found.loc[0, "ndcg"] == pytest.approx((1 / np.log2(3)) / ideal)
    assert (found.loc[0, "captured"], found.loc[0, "spend"]) == (5.0, 14.0)
    assert found.loc[1, "ndcg"] == pytest.approx(1 / ideal)  # the only other code: customer c2
    assert list(found["unknown"]) == [0, 1] and list(found["taken"]) == [1, 1]
    assert list(found["lines"]) == [2, 2] and list(found["listed_lines"]) == [1, 1]


@pytest.mark.thorough
@given(st.permutations(range(9)), st.sets(st.integers(0, 8), min_size=2))
def test_ndcg_is_that_of_scikit_learn(ranked: list[int], bought: set[int]) -> None:
    found = realised_orders(
        orders([(0, 0, item) for item in bought]),
        "FR",
        lists({"c0": ranked[:K]}),
        day(0),
        day(1),
        K,
    )
    relevant = np.array([[item in bought for item in range(9)]], dtype=float)
    score = np.zeros((1, 9))
    score[0, ranked] = np.arange(9, 0, -1)
    assert found["ndcg"].item() == pytest.approx(ndcg_score(relevant, score, k=K))


@pytest.mark.thorough
@given(lines, st.integers(1, 6))
def test_days_may_be_computed_in_any_pieces(bought: list[tuple[int, int, int]], cut: int) -> None:
    known = orders(bought)
    given_ = {"a": LISTS, "b": lists({"": [6]})}
    in_force = [(day(1), "a", "plan"), (day(4), "b", "plan")]
    whole = realised_days(known, "FR", given_, in_force, day(0), day(7), K)
    parts = [
        realised_days(known, "FR", given_, in_force, first, end, K)
        for first, end in ((day(0), day(cut)), (day(cut), day(7)))
    ]
    joined = (
        pd.concat([part for part in parts if len(part)], ignore_index=True)
        if any(len(part) for part in parts)
        else parts[0]
    )
    pd.testing.assert_frame_equal(joined, whole)
    assert (whole["day"] >= pd.Timestamp(day(1))).all()
    assert set(whole.loc[whole["day"] < pd.Timestamp(day(4)), "token"]) <= {"a"}
    assert (whole["captured"] <= whole["spend"]).all()


@pytest.mark.thorough
@given(lines.flatmap(lambda some: st.tuples(st.just(some), st.permutations(some))))
def test_the_order_of_lines_does_not_matter(both: tuple[list, list]) -> None:  # type: ignore[type-arg]
    one, other = (
        realised_days(orders(bought), "FR", {"a": LISTS}, [(day(0), "a", "p")], day(0), day(7), K)
        for bought in both
    )
    pd.testing.assert_frame_equal(one, other)


def test_days_whose_lists_are_gone_are_missing() -> None:
    known = orders([(0, at, 3) for at in range(4)])
    in_force = [(day(0), "a", "p"), (day(1), "gone", "p"), (day(2), "a", "p")]
    found = realised_days(known, "FR", {"a": LISTS}, in_force, day(0), day(4), K)
    assert list(found["day"].dt.date) == [day(0), day(2), day(3)]
    assert realised_days(known, "FR", {}, in_force, day(0), day(4), K).empty
