"""Pools of threads are held by several at once, from any thread."""

import threading
from collections.abc import Iterator
from concurrent.futures import ThreadPoolExecutor

import numpy as np
import pyarrow as pa
import pytest
import scipy.linalg  # noqa: F401  its BLAS is another one than numpy's
from threadpoolctl import threadpool_info, threadpool_limits

from restock.kernels.pools import held

pytestmark = pytest.mark.unit


def most() -> int:
    """Of all libraries that are loaded, as this thread sees them, and of Arrow."""
    np.ones((2, 2)) @ np.ones((2, 2))
    return max(pa.cpu_count(), *(pool["num_threads"] for pool in threadpool_info()))


@pytest.fixture(autouse=True)
def three_threads() -> Iterator[None]:
    before = pa.cpu_count()
    pa.set_cpu_count(3)
    yield
    pa.set_cpu_count(before)


def test_the_smallest_number_of_those_who_hold_counts() -> None:
    before = most()
    with held(2):
        assert most() == 2
        with held(1):
            assert most() == 1
        assert most() == 2
        with held(3):
            assert most() == 2
    assert most() == before


def test_it_does_not_matter_which_thread_was_the_first() -> None:
    with threadpool_limits(2), held(2), ThreadPoolExecutor(1) as pool:

        def other() -> tuple[int, int]:
            with held(1):
                inside = most()
            return inside, most()

        assert pool.submit(other).result() == (1, 2)


def test_who_lets_go_first_does_not_let_go_for_the_others() -> None:
    before, both, left = most(), threading.Barrier(2, timeout=10), threading.Event()

    def early() -> None:
        with held(1):
            both.wait()
        left.set()

    def late() -> int:
        with held(1):
            both.wait()
            assert left.wait(10)
            return most()

    with ThreadPoolExecutor(2) as pool:
        _, found = pool.submit(early), pool.submit(late)
        assert found.result() == 1
    assert most() == before
