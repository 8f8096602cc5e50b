"""Trials that fail are told and the others go on; who runs beside whom."""

import re
import time
from collections.abc import Callable, Iterator
from threading import Barrier, Lock
from typing import Any, ClassVar

import numpy as np
import pytest
from contracts.running import go, setting, step
from numpy.typing import NDArray

from restock.dataset import Interactions
from restock.models import Candidate, CannotFit, FitContext
from restock.models.base import Config, Recommender, State
from restock.models.registry import MODELS
from restock.models.slate import FIRST_INCUMBENT
from restock.tuning.failures import TrialFailed
from restock.tuning.trials import ALL, Outcome

pytestmark = pytest.mark.unit


class OddConfig(Config):
    """What goes wrong."""

    way: str = ""


class Odd(Recommender[OddConfig]):
    """A model that fails in the way that it is told to."""

    name = "odd"
    config_class = OddConfig
    space: ClassVar[Any] = {}
    raises: ClassVar[dict[str, Exception]] = {
        "error": ZeroDivisionError("division by zero"),
        "memory": MemoryError("Unable to allocate 9 TB"),
        "java": RuntimeError("java.lang.OutOfMemoryError: Java heap space"),
        "cannot": CannotFit("no card here"),
        "extra": ImportError("pip install 'restock[spark]'"),
    }
    before: ClassVar[Callable[[FitContext], None] | None] = None

    def _fit(self, interactions: Interactions, context: FitContext) -> None:
        if Odd.before:
            Odd.before(context)
        if self.config.way in self.raises:
            raise self.raises[self.config.way]
        if self.config.way == "slow":
            time.sleep(0.6)

    def _score(self, customers: NDArray[np.int32]) -> NDArray[np.float32]:
        value = {"infinite": np.inf, "nan": np.nan, "silent": -np.inf}
        found = value.get(self.config.way, 1.0)
        return np.full((customers.size, self.past.n_items), found, dtype=np.float32)

    def _state(self) -> State:
        return {}

    def _restore(self, state: State) -> None:
        pass


@pytest.fixture
def odd() -> Iterator[Callable[..., Candidate]]:
    MODELS["odd"] = f"{__name__}:Odd"
    yield lambda way="": Candidate(name="odd", config={"way": way})
    Odd.before = None
    del MODELS["odd"]


@pytest.mark.parametrize(
    ("way", "failure", "reason"),
    [
        ("error", "error", "ZeroDivisionError: division by zero"),
        ("memory", "memory", "MemoryError: Unable to allocate 9 TB"),
        ("java", "memory", "RuntimeError: java.lang.OutOfMemoryError: Java heap space"),
        ("cannot", "skipped", "CannotFit: no card here"),
        ("extra", "skipped", "ImportError: pip install 'restock[spark]'"),
        ("infinite", "diverged", "a score is not a finite number"),
        ("nan", "diverged", "no list has an item of the model's own"),
        ("silent", "diverged", "no list has an item of the model's own"),
        ("slow", "time", "took N s, 0.5 s are allowed"),
    ],
)
def test_a_failure_is_told_and_the_others_go_on(
    odd: Callable[..., Candidate], way: str, failure: str, reason: str
) -> None:
    work = [step("FR", odd(way), odd()), step("FR", FIRST_INCUMBENT)]
    of = setting(trial_seconds=0.5) if way == "slow" else setting()
    failed, good, other = go(work, of=of)
    assert (failed.failure, failed.lift) == (failure, None)
    assert re.sub(r"took \d+\.\d ", "took N ", failed.reason) == reason
    assert good.failure == other.failure == ""
    assert Outcome.model_validate_json(failed.model_dump_json()) == failed


@pytest.mark.parametrize("threads", [1, 3])
def test_the_search_stops_at_the_first_failure_where_that_is_the_policy(
    odd: Callable[..., Candidate], threads: int
) -> None:
    told: list[Outcome] = []
    work = [step("FR", odd(), odd("cannot"), odd("error"), odd("memory"))]
    with pytest.raises(TrialFailed, match="FR/odd/2: ZeroDivisionError"):
        go(work, threads=threads, of=setting(on_failure="stop"), done=told.append)
    assert [one.failure for one in told] == ["", "skipped"]


def test_after_the_deadline_nothing_starts(odd: Callable[..., Candidate]) -> None:
    fits: list[FitContext] = []
    Odd.before = fits.append
    outcomes = go([step("FR", odd("slow"), odd("slow"))], deadline=time.time() - 1)
    assert [one.failure for one in outcomes] == ["skipped", "skipped"]
    assert {one.reason for one in outcomes} == {"the budget was spent"}
    assert not fits


def test_a_place_without_customers_and_the_wrong_place_say_so() -> None:
    late = step("FR", FIRST_INCUMBENT).model_copy(update={"windows": (900,)})
    wrong = step(ALL, FIRST_INCUMBENT)
    nobody, misplaced = go([late, wrong])
    assert (nobody.failure, misplaced.failure) == ("skipped", "error")
    assert "no customer to judge" in nobody.reason
    assert "cannot be tried in the place all" in misplaced.reason


# threads --------------------------------------------------------------------------------------
def test_trials_on_a_cpu_go_side_by_side_with_a_thread_each(
    odd: Callable[..., Candidate],
) -> None:
    meet, threads = Barrier(2, timeout=20), []

    def before(context: FitContext) -> None:
        meet.wait()  # two fits must be there at once, or this breaks
        threads.append(context.threads)

    Odd.before = before
    assert [one.failure for one in go([step("FR", odd("a"), odd("b"))], threads=2)] == ["", ""]
    assert set(threads) == {1}


def test_trials_of_other_machines_go_one_by_one_with_all_threads(
    odd: Callable[..., Candidate], monkeypatch: pytest.MonkeyPatch
) -> None:
    alone, threads = Lock(), []

    def before(context: FitContext) -> None:
        assert alone.acquire(blocking=False)
        time.sleep(0.01)
        alone.release()
        threads.append(context.threads)

    Odd.before = before
    monkeypatch.setattr(Odd, "compute", "gpu")
    around = Candidate(name="market_prior", config={"member": {"name": "odd"}}, scope="pooled")
    outcomes = go([step("FR", odd("a"), odd("b")), step(ALL, around)], threads=2)
    assert [one.failure for one in outcomes] == ["", "", ""]
    assert threads == [2] * 6
