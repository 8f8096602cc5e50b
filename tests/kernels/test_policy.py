"""Blocks of work in order, whatever the number of threads."""

import threading

import pytest

from restock.kernels.policy import over_blocks

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
