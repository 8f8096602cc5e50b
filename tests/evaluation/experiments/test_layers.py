"""No customer is in two experiments of a layer; one that is over leaves its slots."""

import datetime as dt

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from restock.evaluation.experiments.assignment import SLOTS
from restock.evaluation.experiments.layers import Claim, NoSlots, place

pytestmark = pytest.mark.unit

DAY = dt.date(2026, 1, 5)


def days(first: int, count: int) -> tuple[dt.date, dt.date]:
    return DAY + dt.timedelta(days=first), DAY + dt.timedelta(days=first + count)


WANTED = st.tuples(st.integers(0, 60), st.integers(1, 40), st.integers(1, 600))


@given(st.lists(WANTED, max_size=12))
@settings(max_examples=100, deadline=None)
def test_claims_of_the_same_days_share_no_slot(wanted: list[tuple[int, int, int]]) -> None:
    claims: list[Claim] = []
    for at, (first, count, width) in enumerate(wanted):
        try:
            claims.append(place(claims, f"t{at}", *days(first, count), width))
        except NoSlots:
            continue
    for at, one in enumerate(claims):
        assert 0 <= one.first <= one.last < SLOTS
        for two in claims[:at]:
            apart = one.last < two.first or two.last < one.first
            assert apart or not one.overlaps(two.start, two.end)


def test_a_gap_between_two_is_used() -> None:
    claims = [
        Claim(name="a", start=DAY, end=days(0, 28)[1], first=0, last=299),
        Claim(name="b", start=DAY, end=days(0, 28)[1], first=500, last=799),
    ]
    assert place(claims, "c", *days(3, 7), 200).first == 300
    assert place(claims, "d", *days(3, 7), 200 - 1).first == 300
    with pytest.raises(NoSlots, match=r"20\.1 % .* at most 20 %"):
        place(claims, "e", *days(3, 7), 201)


def test_a_finished_experiment_frees_its_slots() -> None:
    whole = place([], "a", *days(0, 28), SLOTS)
    with pytest.raises(NoSlots, match="at most 0 % are free beside a"):
        place([whole], "b", *days(27, 28), 1)
    assert place([whole], "b", *days(28, 28), SLOTS).first == 0


def test_the_same_claim_again_is_the_same_and_another_is_refused() -> None:
    one = place([], "a", *days(0, 28), 100)
    assert place([one], "a", *days(0, 28), 100) is one
    with pytest.raises(ValueError, match="already"):
        place([one], "a", *days(0, 29), 100)


@pytest.mark.parametrize(("count", "width"), [(0, 10), (5, 0), (5, 1001)])
def test_what_cannot_be_claimed(count: int, width: int) -> None:
    with pytest.raises(ValueError, match="slots"):
        place([], "a", *days(0, count), width)
