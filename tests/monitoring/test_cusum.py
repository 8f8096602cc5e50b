"""The cumulative sum: what it must not depend on, and how often it passes its limit by chance."""

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from restock.monitoring.cusum import MOST, chance_limit, lower_cusum

pytestmark = pytest.mark.unit

values = st.lists(st.floats(-6, 6), min_size=1, max_size=60).map(np.array)


def path(z: np.ndarray, fall: float = 1.0, limit: float = 5.0) -> np.ndarray:
    return lower_cusum(z, np.full(z.size, fall), np.full(z.size, limit)).value


def test_by_hand() -> None:
    found = lower_cusum(np.array([1.0, -2.0, -1.0, 3.0, -1.0]), np.full(5, 1.0), np.full(5, 2.0))
    assert found.value == pytest.approx([0.0, 1.5, 2.0, 0.0, 0.5])
    assert list(found.since) == [1, 1, 1, 4, 4]
    assert not found.alarms.any()


@given(values, st.integers(1, 59))
def test_nothing_later_changes_what_was(z: np.ndarray, cut: int) -> None:
    assert path(z[:cut]) == pytest.approx(path(z)[:cut])


@given(values, st.floats(0, 2))
def test_lower_values_never_lower_the_sum(z: np.ndarray, by: float) -> None:
    assert (path(z - by) >= path(z) - 1e-12).all()


@given(values)
def test_good_days_without_end_bring_it_to_zero_and_a_restart_forgets(z: np.ndarray) -> None:
    rest = path(np.concatenate([z, np.full(40, 3.0), z]))
    assert rest[z.size + 39] == 0
    assert rest[z.size + 40 :] == pytest.approx(path(z))


@given(values, st.floats(0.2, 3))
def test_it_is_never_negative_and_never_far_above_its_limit(z: np.ndarray, fall: float) -> None:
    limit = chance_limit(1.0, 60, 0.05)
    assert (path(z, fall, limit) >= 0).all()
    assert (path(z, fall, limit) <= limit + 3 * fall**2 + 1e-12).all()


@given(st.floats(0.1, 4))
@settings(max_examples=20, deadline=None)
def test_no_single_observation_decides(fall: float) -> None:
    limit = chance_limit(round(fall, 1), 275, 0.05)
    assert not lower_cusum(np.array([-50.0]), np.array([round(fall, 1)]), np.array([limit])).alarms


@pytest.mark.parametrize("fall", [0.3, 1.0, 2.0])
def test_chance_passes_the_limit_as_often_as_it_was_asked_for(fall: float) -> None:
    z = np.random.default_rng(7).normal(size=(4000, 240))
    limit = chance_limit(fall, 240, 0.05)
    total, passed = np.zeros(4000), np.zeros(4000, dtype=bool)
    for at in range(240):  # the same recursion for all, unclipped
        total = np.maximum(0, total - fall * (z[:, at] + fall / 2))
        passed |= total > limit
    assert passed.mean() == pytest.approx(0.05, abs=0.015)


def test_the_limit_grows_with_time_and_falls_with_the_chance() -> None:
    assert chance_limit(1.0, 60, 0.05) < chance_limit(1.0, 240, 0.05)
    assert chance_limit(1.0, 240, 0.2) < chance_limit(1.0, 240, 0.05)


def test_a_fall_is_found_and_dated() -> None:
    random = np.random.default_rng(3)
    late, dated = [], []
    limit = chance_limit(1.0, 240, 0.05)
    for _ in range(200):
        z = random.normal(size=160)
        z[100:] -= 1.0
        found = lower_cusum(z, np.full(160, 1.0), np.full(160, limit))
        alarms = np.flatnonzero(found.alarms[100:])
        late.append(alarms[0] + 1 if alarms.size else 60)
        dated.append(found.since[100 + late[-1] - 1] - 100)
    assert np.median(late) <= 15
    assert abs(np.median(dated)) <= 2
    assert MOST > 0
