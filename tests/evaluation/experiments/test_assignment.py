"""Arms follow from the salt and the id alone: uniform, independent, the same everywhere."""

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from scipy.stats import chi2_contingency, chisquare

from restock.evaluation.experiments.assignment import (
    SLOTS,
    arms_of,
    check_shares,
    hashed,
    slots_of,
)

pytestmark = pytest.mark.unit

IDS = [f"C{number}" for number in range(100_000)]
HALVES = {"control": 0.5, "treatment": 0.5}
SOME_IDS = st.lists(st.text(min_size=0, max_size=12), max_size=30)


def test_the_same_answer_on_every_machine() -> None:
    ids = ["12345", "GB-1", "é"]
    assert hashed("first-test", ids).round(8).tolist() == [0.33503367, 0.23527647, 0.01259407]
    assert slots_of("main", ids).tolist() == [352, 390, 442]


def test_uniform() -> None:
    counts = np.bincount((hashed("a-test", IDS) * 100).astype(int), minlength=100)
    assert chisquare(counts).pvalue > 0.001
    assert chisquare(np.bincount(slots_of("main", IDS), minlength=SLOTS)).pvalue > 0.001


def test_arms_get_their_shares() -> None:
    shares = {"control": 0.7, "b": 0.2, "c": 0.1}
    arms = arms_of("shared-test", IDS, shares)
    counts = [(arms == arm).sum() for arm in shares]
    assert chisquare(counts, [share * len(IDS) for share in shares.values()]).pvalue > 0.001


@pytest.mark.parametrize("other", ["b-test", "a-tesu", "a-test2", "-a-test"])
def test_independent_of_other_salts(other: str) -> None:
    one, two = (arms_of(salt, IDS, HALVES) == "control" for salt in ("a-test", other))
    table = [[(one & two).sum(), (one & ~two).sum()], [(~one & two).sum(), (~one & ~two).sum()]]
    assert chi2_contingency(table).pvalue > 0.001


def test_arms_are_independent_of_slots_even_with_one_name() -> None:
    slot = slots_of("main", IDS) < SLOTS // 2
    arm = arms_of("main", IDS, HALVES) == "control"
    table = [[(slot & arm).sum(), (slot & ~arm).sum()], [(~slot & arm).sum(), (~slot & ~arm).sum()]]
    assert chi2_contingency(table).pvalue > 0.001


@given(SOME_IDS, SOME_IDS, st.randoms())
@settings(max_examples=50, deadline=None)
def test_other_customers_and_their_order_move_nobody(
    ids: list[str], others: list[str], random: object
) -> None:
    alone = dict(zip(ids, arms_of("a-test", ids, HALVES), strict=True))
    everyone = ids + others
    random.shuffle(everyone)  # type: ignore[attr-defined]
    together = dict(zip(everyone, arms_of("a-test", everyone, HALVES), strict=True))
    assert {one: together[one] for one in alone} == alone


def test_a_larger_share_moves_nobody_out_of_the_arm() -> None:
    little = arms_of("a-test", IDS, {"treatment": 0.1, "control": 0.9}) == "treatment"
    more = arms_of("a-test", IDS, {"treatment": 0.3, "control": 0.7}) == "treatment"
    assert more[little].all()


@pytest.mark.parametrize(
    ("shares", "says"),
    [
        ({"control": 1.0}, "two arms"),
        ({"control": 0.5, "treatment": 0.4}, "sum to 0.9"),
        ({"control": 1.5, "treatment": -0.5}, "between 0 and 1"),
    ],
)
def test_shares_that_cannot_be(shares: dict[str, float], says: str) -> None:
    with pytest.raises(ValueError, match=says):
        check_shares(shares)


@pytest.mark.parametrize("salt", ["", "x" * 65])
def test_a_salt_that_cannot_be(salt: str) -> None:
    with pytest.raises(ValueError, match="1 to 64 bytes"):
        hashed(salt, ["a"])
