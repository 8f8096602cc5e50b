"""Rates of what customers did with the lists they saw."""

import datetime as dt

import numpy as np
import pandas as pd
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from restock.dataset.exposures import validate_exposures
from restock.monitoring.online import against_control, lists_shown, rates

pytestmark = pytest.mark.unit


def log(shown: list[tuple[str, int, str, str]], length: int = 2) -> pd.DataFrame:
    """An exposure log of lists (customer, day, policy, what came of the first item)."""
    rows = [
        {
            "market": "FR",
            "customer_id": customer,
            "item_id": f"item {position}",
            "position": position,
            "propensity": 1.0,
            "policy": policy,
            "timestamp": pd.Timestamp(2024, 1, 1, 9) + pd.Timedelta(days=day),
            "outcome": outcome if position == 1 else "none",
        }
        for customer, day, policy, outcome in shown
        for position in range(1, length + 1)
    ]
    return validate_exposures(pd.DataFrame(rows))


def test_a_list_counts_once_whatever_its_length_and_an_order_is_a_click_too() -> None:
    frame = log([("A", 0, "p", "order"), ("B", 0, "p", "click"), ("A", 1, "p", "none")], length=5)
    (one,) = rates(lists_shown(frame))
    assert (one.lists, one.customers) == (3, 2)
    assert one.clicked.value == pytest.approx(2 / 3) and one.ordered.value == pytest.approx(1 / 3)
    assert one.days == ((dt.date(2024, 1, 1), 0.5), (dt.date(2024, 1, 2), 0.0))
    assert against_control(lists_shown(frame), "p") is None


def test_the_champion_stands_against_what_was_shown_most_beside_it() -> None:
    shown = [
        (f"c{at}", 0, policy, "none")
        for at in range(9)
        for policy in ("p", "q", "q2")[: at % 3 + 1]
    ]
    lists = lists_shown(log(shown))
    found = against_control(lists, "q2")
    assert found is not None and (found.policy, found.control) == ("q2", "p")
    unknown = against_control(lists, "not shown")
    assert unknown is not None and (unknown.policy, unknown.control) == ("p", "q")


@pytest.mark.thorough
def test_the_interval_is_as_wide_as_customers_are_few() -> None:
    def drawn(seed: int) -> tuple[bool, bool]:
        random = np.random.default_rng(seed)
        taste = random.beta(0.5, 1.5, 60)
        shown = [
            (f"c{who}", day, "pq"[who % 2], "order" if random.random() < taste[who] else "none")
            for who in range(60)
            for day in range(20)
        ]
        lists = lists_shown(log(shown, length=1))
        difference = against_control(lists, "p").difference  # type: ignore[union-attr]
        ordered = {policy: own["ordered"] for policy, own in lists.groupby("policy")}
        naive = 1.96 * np.sqrt(sum(one.var() / len(one) for one in ordered.values()))
        assert difference.low is not None and difference.high is not None
        return difference.low <= 0 <= difference.high, abs(difference.value) <= naive

    clustered, by_list = np.mean([drawn(seed) for seed in range(30)], axis=0)
    assert clustered > 0.85 > by_list  # customers who come back: lists are not independent


@settings(max_examples=20)
@given(st.permutations(range(12)))
def test_the_order_of_rows_does_not_matter(order: list[int]) -> None:
    frame = log(
        [(f"c{at % 4}", at, "pq"[at % 2], "order" if at % 3 else "none") for at in range(12)], 1
    )
    again = frame.iloc[order].reset_index(drop=True)
    assert rates(lists_shown(again)) == rates(lists_shown(frame))
    assert against_control(lists_shown(again), "p") == against_control(lists_shown(frame), "p")
