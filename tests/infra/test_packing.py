"""Packing work into batches."""

import pytest
from hypothesis import given
from hypothesis import strategies as st

from restock.infra.packing import pack, title

pytestmark = pytest.mark.unit

COSTS = st.lists(st.floats(0.01, 100), max_size=60)


@given(COSTS, st.integers(1, 8))
def test_every_unit_is_in_one_batch(costs: list[float], workers: int) -> None:
    units = list(enumerate(costs))
    batches = pack(units, lambda unit: unit[1], workers=workers)
    assert sorted(unit for batch in batches for unit in batch) == units


@given(COSTS, st.integers(1, 8))
def test_no_batch_is_longer_than_its_room_or_its_one_unit(costs: list[float], workers: int) -> None:
    room = max(2.0, sum(costs) / (3 * workers))
    for batch in pack(costs, float, workers=workers):
        assert len(batch) == 1 or sum(batch) <= room + 1e-9


@pytest.mark.thorough
@given(COSTS)
def test_batches_are_at_most_twice_as_many_as_needed(costs: list[float]) -> None:
    batches = pack(costs, float, workers=2)
    room = max(2.0, sum(costs) / 6)
    assert len(batches) <= 2 * sum(costs) / room + 1


def test_the_longest_batch_comes_first() -> None:
    loads = [sum(batch) for batch in pack([1.0, 30.0, 2.0, 9.0], float, workers=1)]
    assert loads == sorted(loads, reverse=True)


def test_a_title_names_the_first_and_counts_the_rest() -> None:
    assert title(["FR", "DE", "IT", "NO"]) == "FR DE +2"
    assert title(["FR"]) == "FR"
