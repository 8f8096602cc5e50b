"""Blocks of work in order, whatever the number of threads, and how many there may be."""

import threading

import pytest

from restock.kernels import policy
from restock.kernels.policy import granted, over_blocks

pytestmark = pytest.mark.unit


@pytest.mark.parametrize("threads", [1, 4])
@pytest.mark.parametrize(("n", "size"), [(0, 3), (2, 3), (3, 3), (10, 3), (5, 0)])
def test_blocks_cover_everything_in_order(n: int, size: int, threads: int) -> None:
    blocks = over_blocks(lambda first, last: list(range(first, last)), n, size, threads)
    assert [place for block in blocks for place in block] == list(range(n))
    assert all(0 < len(block) <= max(size, 1) for block in blocks)


def test_threads_are_used_only_when_asked_for() -> None:
    together = threading.Barrier(2, timeout=10)
    over_blocks(lambda *_: together.wait(), 2, 1, threads=2)  # passes only if both run at once
    names = over_blocks(lambda *_: threading.current_thread().name, 2, 1)
    assert names == [threading.current_thread().name] * 2


@pytest.fixture
def eight_cores(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(policy, "available_cores", lambda: 8)


@pytest.mark.usefixtures("eight_cores")
@pytest.mark.parametrize(("planned", "threads"), [("", 8), ("1", 1), ("3", 3), ("30", 8)])
def test_a_call_may_use_the_plan_of_its_process_but_no_more_than_its_cores(
    monkeypatch: pytest.MonkeyPatch, planned: str, threads: int
) -> None:
    monkeypatch.setenv("RESTOCK_THREADS", planned)
    assert policy.threads() == threads


@pytest.mark.parametrize("wrong", ["0", "-1", "two", "1.5", "²"])
def test_a_wrong_number_of_threads_is_named(monkeypatch: pytest.MonkeyPatch, wrong: str) -> None:
    monkeypatch.setenv("RESTOCK_THREADS", wrong)
    with pytest.raises(ValueError, match=f"RESTOCK_THREADS='{wrong}' is no number of threads"):
        policy.threads()


@pytest.mark.usefixtures("eight_cores")
def test_blocks_side_by_side_have_one_thread_each(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("RESTOCK_THREADS", "4")
    side_by_side = over_blocks(lambda *_: (policy.threads(), names_of_blocks(4)), 2, 1, threads=2)
    for threads, names in side_by_side:
        assert threads == 1
        assert len(names) == 1  # though the block asked for four
    assert policy.threads() == 4  # the caller's own share is as before
    assert over_blocks(lambda *_: policy.threads(), 2, 2, threads=2) == [4]


def test_what_was_granted_bounds_what_is_asked_for() -> None:
    together = threading.Barrier(2, timeout=10)
    with granted(2):
        assert policy.threads() == 2
        assert len(names_of_blocks(4)) <= 2
        over_blocks(lambda *_: together.wait(), 2, 1, threads=4)
        with granted(1):
            assert names_of_blocks(4) == {threading.current_thread().name}
        assert policy.threads() == 2


def names_of_blocks(threads: int) -> set[str]:
    return set(over_blocks(lambda *_: threading.current_thread().name, 8, 1, threads))
