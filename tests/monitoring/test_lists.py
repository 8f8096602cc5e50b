"""Lists over time: numbers of known lists, and lists unlike all before them."""

import datetime as dt

import numpy as np
import pandas as pd
import pyarrow as pa
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from restock.monitoring.findings import Check
from restock.monitoring.lists import STATISTICS, check_lists_over_time, list_statistics
from restock.monitoring.policy import DriftPolicy
from restock.monitoring.staleness import check_staleness

pytestmark = pytest.mark.unit

NIGHT = dt.date(2024, 3, 4)
POLICY = DriftPolicy()


def publication(lists: dict[str, str], bought: str = "") -> pa.Table:
    """Customer → items, best first; those in ``bought`` were bought before."""
    return pa.Table.from_pylist(
        [
            {
                "customer_id": customer,
                "rank": rank,
                "item_id": item,
                "score": 10.0 * (customer == "big") + 1 / rank,
                "bought_before": item in bought,
            }
            for customer, items in sorted(lists.items())
            for rank, item in enumerate(items, start=1)
        ]
    )


def test_the_numbers_of_a_publication() -> None:
    table = publication({"": "xy", "ann": "ab", "big": "ac", "new": "xy"}, bought="ab")
    before = publication({"ann": "ab", "big": "bd", "gone": "xy"})
    found = list_statistics(table, 10, before)
    assert set(found) == set(STATISTICS)
    assert found["customers"] == 3
    assert found["coverage"] == pytest.approx(5 / 10)
    assert found["churn"] == pytest.approx((0 + 1) / 2)
    assert found["new_item_share"] == pytest.approx(3 / 6)
    assert found["fallback_share"] == pytest.approx(1 / 3)
    assert found["score_median"] == 1.0
    assert np.isnan(list_statistics(table, 10)["churn"])


@pytest.mark.thorough
@settings(deadline=None)  # the first call is slow
@given(st.lists(st.text("abcdef", min_size=2, max_size=2), min_size=1, max_size=8))
def test_numbers_keep_their_bounds(lists: list[str]) -> None:
    known = {f"c{n}": items for n, items in enumerate(lists) if len(set(items)) == 2}
    if not known:
        return
    table = publication({"": "ab", **known})
    found = list_statistics(table, 6, table)
    assert found["churn"] == 0
    assert 0 < found["coverage"] <= 1
    assert 0 <= found["gini"] <= 1
    assert found["fallback_share"] == sum(v == "ab" for v in known.values()) / len(known)


def history(nights: int = 30, seed: int = 0, **newest: float) -> pd.DataFrame:
    """Publications that differ a little from night to night; ``newest``: the last one's values."""
    random = np.random.default_rng(seed)
    usual = {
        "customers": 900.0, "coverage": 0.6, "gini": 0.7, "churn": 0.08, "new_item_share": 0.1,
        "fallback_share": 0.05, "score_low": 0.5, "score_median": 1.5, "score_high": 4.0,
    }  # fmt: skip
    rows = pd.DataFrame(
        {name: value * (1 + 0.02 * random.normal(size=nights)) for name, value in usual.items()}
    )
    rows.insert(0, "as_of", pd.date_range(NIGHT, periods=nights))
    rows.insert(1, "plan_key", "plan")
    for name, value in newest.items():
        rows.loc[nights - 1, name] = value
    return rows


def check(rows: pd.DataFrame) -> Check:
    return check_lists_over_time(rows, "FR", rows["as_of"].iloc[-1].date(), POLICY)


@pytest.mark.thorough
def test_lists_as_usual_find_nothing() -> None:
    found = [check(history(seed=seed)) for seed in range(100)]
    assert not any(one.findings for one in found)
    assert all(not one.note for one in found)


@pytest.mark.parametrize(
    ("newest", "severity"),
    [
        ({"coverage": 0.49}, "warning"),
        ({"coverage": 0.1}, "alarm"),
        ({"coverage": 0.45, "gini": 0.85}, "alarm"),
        ({"churn": 0.6}, "alarm"),
        ({"score_median": 40.0}, "alarm"),
    ],
)
def test_what_is_far_out_is_found(newest: dict[str, float], severity: str) -> None:
    found = check(history(**newest)).findings
    assert [one.severity for one in found] == [severity]
    assert found[0].statistic in newest
    assert found[0].cause == "lists" and found[0].kind == "prediction"
    assert found[0].action == ("retrain" if severity == "alarm" else "note")
    assert STATISTICS[found[0].statistic].title in found[0].evidence


def test_another_plan_is_learned_anew() -> None:
    rows = history(score_median=40.0)
    rows.loc[25:, "plan_key"] = "other plan"
    found = check(rows)
    assert not found.findings
    assert "5 publications" in found.note


def test_nothing_published_is_no_finding() -> None:
    empty = check_lists_over_time(history().head(0), "FR", NIGHT, POLICY)
    assert not empty.findings and empty.note


@pytest.mark.parametrize(
    ("age", "every", "severity"),
    [
        (0, 1, None),
        (1, 1, None),
        (2, 1, "warning"),
        (3, 1, "alarm"),
        (6, 7, None),
        (21, 7, "alarm"),
    ],
)
def test_lists_grow_stale_with_the_nights_missed(
    age: int, every: int, severity: str | None
) -> None:
    as_of = NIGHT + dt.timedelta(days=age)
    found = check_staleness(NIGHT, "FR", as_of, POLICY, every=every)
    assert [one.severity for one in found.findings] == ([severity] if severity else [])
    assert found.measures[0].points[0].value == age
    if severity == "alarm":
        assert found.findings[0].action == "retrain" and found.findings[0].since == NIGHT
