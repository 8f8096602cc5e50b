"""What follows from an alert: never too much, and a search where a retraining did not help."""

import datetime as dt
import itertools
from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st

from restock.monitoring.policy import ResponsePolicy
from restock.monitoring.response import Answer, Asked, answer

pytestmark = pytest.mark.unit
POLICY = ResponsePolicy()
DAY = dt.date(2024, 6, 1)


def asked(day: int = 0, **more: Any) -> Asked:
    """An alert of a price shock, so many days after the first of June."""
    as_of = DAY + dt.timedelta(days=day)
    about: dict[str, Any] = {"cause": "price shock", "action": "retrain", "market": "FR", **more}
    return Asked(alert=f"FR-{as_of}-{about['cause'].replace(' ', '-')}", as_of=as_of, **about)


def answers(*alerts: Asked) -> list[Answer]:
    """The answers to alerts that come in this order."""
    given: list[Answer] = []
    for one in alerts:
        given.append(answer(one, given, POLICY))
    return given


def actions(*alerts: Asked) -> list[str]:
    return [one.action for one in answers(*alerts)]


def test_a_first_alarm_retrains_and_the_next_within_the_cooldown_does_not() -> None:
    assert actions(asked(0), asked(5, cause="lost supplier"), asked(14)) == [
        "retrain",
        "note",
        "note",
    ]


def test_what_goes_on_after_the_cooldown_asks_for_a_search_and_then_again_for_a_retraining() -> (
    None
):
    assert actions(asked(0), asked(15), asked(30)) == ["retrain", "search", "retrain"]
    assert actions(asked(0), asked(POLICY.persistent_days + 1)) == ["retrain", "retrain"]


def test_notes_and_pages_stay_what_they_are_and_block_nothing() -> None:
    feed = {"cause": "broken feed", "action": "page"}
    season = {"cause": "season", "action": "note"}
    assert actions(asked(0, **feed), asked(1, **season), asked(2)) == ["page", "note", "retrain"]


def test_in_a_storm_one_pages_and_nobody_retrains() -> None:
    first = answer(asked(0, action="page", storm=True), [], POLICY)
    assert first.action == "page" and "so many markets" in first.why
    assert answer(asked(0, storm=True), [], POLICY).action == "note"


days = st.lists(
    st.tuples(st.integers(0, 120), st.sampled_from(["price shock", "lost supplier"])), max_size=20
)


@given(days)
def test_whatever_the_order_no_market_is_trained_twice_within_the_cooldown(
    alerts: list[tuple[int, Any]],
) -> None:
    given = answers(*(asked(day, cause=cause) for day, cause in alerts))
    started = sorted(one.as_of for one in given if one.action in ("retrain", "search"))
    gaps = [(b - a).days for a, b in itertools.pairwise(started)]
    assert all(gap > POLICY.cooldown_days for gap in gaps)
    assert all(one.why for one in given)
