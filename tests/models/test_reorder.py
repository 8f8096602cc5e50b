"""The contract of `reorder`, its formula, and what one more purchase does."""

from typing import Any, ClassVar

import numpy as np
import pytest
from contracts.orders import DAYS, Line, Orders, orders
from contracts.recommender import RecommenderContract, everyone, some
from hypothesis import given, settings
from hypothesis import strategies as st

from restock.models import create

HALF_LIVES = st.sampled_from((None, 1.0, 30.0, 180.0))


class TestReorder(RecommenderContract):
    name = "reorder"


class TestHabitAlone(RecommenderContract):
    name = "reorder"
    config: ClassVar[dict[str, Any]] = {"popularity": 0.0, "half_life_days": None}


@pytest.mark.unit
@given(orders, HALF_LIVES, st.sampled_from((0.0, 0.01, 2.0)))
@some
def test_a_score_is_that_of_the_formula(
    found: Orders, half_life: float | None, weight: float
) -> None:
    distinct = {(customer, item, day) for customer, item, day, _ in found.lines}
    habit: dict[tuple[int, int], float] = {}
    sold: dict[tuple[int, int], float] = {}
    for customer, item, day in distinct:  # lines of one order and item are one line
        age = DAYS - day
        decay = 1.0 if half_life is None else 0.5 ** (age / half_life)
        habit[customer, item] = habit.get((customer, item), 0) + decay
        sold[customer % 2, item] = sold.get((customer % 2, item), 0) + 0.5 ** (age / 14)
    train = found.train()
    model = create("reorder", half_life_days=half_life, popularity=weight).fit(train)
    scores = model.scores(everyone(train))
    codes = train.catalogue
    for (customer, item), score in habit.items():
        most = max(share for (market, _), share in sold.items() if market == customer % 2)
        expected = score + weight * sold[customer % 2, item] / most
        row, column = codes.customer_codes([f"c{customer}"]), codes.item_codes([f"i{item}"])
        np.testing.assert_allclose(scores[row, column], expected, rtol=1e-5)
    assert (scores > -np.inf).sum() == len(habit)


@pytest.mark.thorough
@pytest.mark.unit
@given(orders, st.integers(0, 10**6), st.integers(0, DAYS - 1), HALF_LIVES)
@settings(some, max_examples=100)
def test_one_more_purchase_never_lowers_the_score(
    found: Orders, which: int, day: int, half_life: float | None
) -> None:
    customer, item, _, _ = found.lines[which % len(found.lines)]
    more: Line = (customer, item, day, 1)
    before, after = (
        create("reorder", half_life_days=half_life).fit(train).scores(everyone(train))
        for train in (found.train(), Orders((*found.lines, more)).train())
    )
    codes = found.train().catalogue
    row, column = codes.customer_codes([f"c{customer}"]), codes.item_codes([f"i{item}"])
    assert after[row, column] >= before[row, column]


@pytest.mark.unit
def test_what_sells_now_tells_equal_habits_apart() -> None:
    """Customer 0 bought items 1 and 2 once, together; the market buys 2 now."""
    lines = ((0, 1, 0, 1), (0, 2, 0, 1), (2, 2, DAYS - 1, 1), (4, 2, DAYS - 2, 1))
    train = Orders(lines).train()
    first = train.catalogue.customer_codes(["c0"])
    habit = create("reorder", popularity=0).fit(train).recommend(first, 2).items
    season = create("reorder").fit(train).recommend(first, 2).items
    assert train.catalogue.item_ids(habit[0]).tolist() == ["i1", "i2"]
    assert train.catalogue.item_ids(season[0]).tolist() == ["i2", "i1"]
