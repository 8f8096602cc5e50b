"""The thread plan while models work: the threads of their processes that are busy are counted."""

import pytest
from contracts.busy_threads import most_busy

pytestmark = pytest.mark.platform

# what libraries would take of any machine, if nobody held them
FREE = dict.fromkeys(
    ("OMP_NUM_THREADS", "OPENBLAS_NUM_THREADS", "MKL_NUM_THREADS", "NUMBA_NUM_THREADS"), "4"
)


def scene(name: str) -> dict[str, int]:
    """The most busy threads of each work of ``contracts.models_at_work``."""
    return most_busy("-m", "contracts.models_at_work", name, **FREE, RESTOCK_THREADS="")


def too_many(found: dict[str, int]) -> dict[str, int]:
    """Where more were busy than the cores at the end of the name."""
    return {work: busy for work, busy in found.items() if busy > int(work.rsplit(" ", 1)[1])}


def test_threads_that_nobody_holds_are_seen() -> None:
    assert too_many(scene("nothing_holds"))


def test_models_in_one_process_keep_to_their_cores() -> None:
    """By the environment, by the context, as a task, as trials side by side, as two markets."""
    found = scene("one_process")
    assert len(found) == 5 * 5 + 1
    assert not too_many(found)


def test_so_do_the_workers_of_a_cluster() -> None:
    found = scene("dask_workers")
    assert len(found) == 5
    assert not too_many(found)
