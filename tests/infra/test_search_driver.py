"""Driving a search: whatever happens to batches on their way, the choices are the same."""

import concurrent.futures
import time
from collections.abc import Callable, Mapping
from typing import Any

import pytest
from contracts.searching import brief_of, come
from distributed.scheduler import KilledWorker
from hypothesis import given, settings
from hypothesis import strategies as st

from restock.infra import search_driver
from restock.infra.placement import Offers, Placements
from restock.infra.search_batches import Batch, Clock, OtherStore
from restock.infra.search_driver import Driver, NoWorkers
from restock.infra.search_store import Done, Finished, work_id
from restock.tuning.brief import Brief
from restock.tuning.failures import TrialFailed
from restock.tuning.search import Search
from restock.tuning.trials import Mixture, Outcome, Step

pytestmark = pytest.mark.unit

Future = concurrent.futures.Future[Finished]
TWO = Offers(slots={"CPU": 2})


class Cluster:
    """Does batches when asked, in an order of its own; ``disturb`` may fail one instead."""

    def __init__(
        self,
        brief: Brief,
        pick: Callable[[int], int] = lambda waiting: 0,
        disturb: Callable[[Batch], BaseException | None] = lambda batch: None,
    ) -> None:
        self.brief, self.pick, self.disturb = brief, pick, disturb
        self.waiting: list[tuple[Batch, Future]] = []
        self.batches: list[Batch] = []

    def submit(self, batch: Batch) -> Future:
        future: Future = concurrent.futures.Future()
        self.waiting.append((batch, future))
        cluster = self

        class Now(concurrent.futures.Future[Finished]):
            """Whoever looks whether something is done lets one batch run."""

            def done(self) -> bool:
                if not future.done() and cluster.waiting:
                    cluster.work()
                return future.done()

            def cancel(self) -> bool:
                return future.cancel()

            def result(self, timeout: float | None = None) -> Finished:
                return future.result(timeout)

        return Now()

    def work(self) -> None:
        batch, future = self.waiting.pop(self.pick(len(self.waiting)) % len(self.waiting))
        self.batches.append(batch)
        if (error := self.disturb(batch)) is not None:
            future.set_exception(error)
        else:
            future.set_result(finished(batch, self.brief, spent=float(len(self.batches))))


def finished(batch: Batch, brief: Brief, spent: float = 0.0) -> Finished:
    done = []
    for work in batch.works:
        came = come(work, brief)
        done.append(
            Done(
                work=work_id(work),
                outcomes=tuple(one for one in came if isinstance(one, Outcome)),
                mixtures=tuple(one for one in came if isinstance(one, Mixture)),
            )
        )
    return Finished(resource=batch.resource, worker="w", seconds=0.1, spent=spent, done=tuple(done))


def drive(brief: Brief, cluster: Cluster, offers: Offers = TWO, **more: Any) -> Search:
    search = Search(brief)
    driver = Driver(
        search,
        more.pop("placements", Placements(where={})),
        lambda: offers,
        Clock(time.time(), budget=brief.seconds),
        cluster.submit,
        **more,
    )
    driver.drive()
    return search


def plans(search: Search) -> dict[str, str]:
    assert search.choices is not None
    return {market: one.candidate.key for market, one in search.choices.markets.items()}


@pytest.fixture(scope="module")
def expected() -> dict[str, str]:
    brief = brief_of(trials=60)
    return plans(drive(brief, Cluster(brief)))


@settings(max_examples=8, deadline=None)
@given(slots=st.integers(1, 4), picks=st.lists(st.integers(0, 7), min_size=1, max_size=9))
def test_neither_the_order_nor_the_number_of_workers_changes_a_plan(
    expected: dict[str, str], slots: int, picks: list[int]
) -> None:
    brief, turn = brief_of(trials=60), iter(range(10**6))
    cluster = Cluster(brief, pick=lambda waiting: picks[next(turn) % len(picks)])
    assert plans(drive(brief, cluster, Offers(slots={"CPU": slots}))) == expected


def test_what_was_finished_is_not_run_again(expected: dict[str, str]) -> None:
    brief = brief_of(trials=60)
    whole = Cluster(brief)
    drive(brief, whole)
    for stop in (1, 5, len(whole.batches) - 1):
        before = Cluster(brief)

        class Killed(Exception):
            pass

        def kill(batch: Batch, stop: int = stop, before: Cluster = before) -> None:
            if len(before.batches) > stop:
                raise Killed

        before.disturb = kill  # type: ignore[assignment]
        with pytest.raises(Killed):
            drive(brief, before)
        journal = [
            finished(batch, brief, spent=float(at)) for at, batch in enumerate(before.batches[:-1])
        ]
        after = Cluster(brief)
        assert plans(drive(brief, after, journal=journal)) == expected
        again = {work_id(work) for batch in after.batches for work in batch.works}
        assert not again & {done.work for one in journal for done in one.done}


def test_a_worker_that_is_lost_once_changes_nothing(expected: dict[str, str]) -> None:
    brief, lost = brief_of(trials=60), set()

    def lose_each_once(batch: Batch) -> BaseException | None:
        if batch.name in lost:
            return None
        lost.add(batch.name)
        return KilledWorker("task", None, 1)

    assert plans(drive(brief, Cluster(brief, disturb=lose_each_once))) == expected


def test_a_trial_that_kills_its_worker_is_an_outcome_and_the_others_have_theirs() -> None:
    brief, kept = brief_of(trials=40), []

    def poisoned(batch: Batch) -> BaseException | None:
        for work in batch.works:
            if isinstance(work, Step) and work.study.title == "all sar" and work.rung == 0:
                for outcome in come(work, brief):
                    if isinstance(outcome, Outcome) and outcome.trial.index == 2:
                        return KilledWorker("task", None, 1)
        return None

    brief = brief.model_copy(update={"families": ("reorder", "sar")})
    cluster = Cluster(brief, disturb=poisoned)
    search = drive(brief, cluster, keep=kept.append)
    (killed,) = [one for one in search.outcomes if one.failure]
    assert (killed.trial.key, killed.failure) == ("all/sar/2", "memory")
    assert "out of memory" in killed.reason
    family = [one for one in search.outcomes if one.trial.study.title == "all sar"]
    assert {one.trial.index for one in family} > {0, 1, 2, 3}
    # it is in the journal, so that a resumed search does not try it again
    journal = [finished(batch, brief) for batch in cluster.batches if not poisoned(batch)]
    resumed = Cluster(brief, disturb=poisoned)
    again = drive(brief, resumed, journal=[*journal, *kept])
    assert plans(again) == plans(search) and not resumed.batches


def test_an_error_around_the_work_is_told_with_its_trials() -> None:
    brief = brief_of(trials=30)

    def no_disk(batch: Batch) -> BaseException | None:
        steps = [work for work in batch.works if isinstance(work, Step)]
        hit = any(step.study.family == "popular" for step in steps)
        return OSError("no space left") if hit else None

    search = drive(brief, Cluster(brief, disturb=no_disk))
    failed = [one for one in search.outcomes if one.trial.study.family == "popular"]
    assert failed and {one.failure for one in failed} == {"error"}
    assert {one.reason for one in failed} == {"OSError: no space left"}
    assert all(not one.failure for one in search.outcomes if one not in failed)


@pytest.mark.parametrize("error", [TrialFailed("all/sar/3"), OtherStore("worker w")])
def test_what_makes_all_further_work_vain_ends_the_search(error: Exception) -> None:
    brief = brief_of(trials=30)
    with pytest.raises(type(error), match=str(error)):
        drive(brief, Cluster(brief, disturb=lambda batch: error))


def test_what_nobody_offers_is_skipped_with_the_reason() -> None:
    brief = brief_of(trials=30)
    on_spark = Placements(where={"popular": "SPARK"})
    search = drive(brief, Cluster(brief), placements=on_spark)
    skipped = [one for one in search.outcomes if one.failure]
    assert {one.trial.study.family for one in skipped} == {"popular"}
    assert {(one.failure, one.reason) for one in skipped} == {("skipped", "no worker offers SPARK")}


class Silent(Cluster):
    """A cluster that does only work of the CPU."""

    def submit(self, batch: Batch) -> Future:
        if batch.resource == "CPU":
            return super().submit(batch)
        return concurrent.futures.Future()


@pytest.fixture
def impatient(monkeypatch: pytest.MonkeyPatch) -> None:
    from restock.infra import gather

    monkeypatch.setattr(gather, "SECONDS_OF_HOPE", 0.01)
    monkeypatch.setattr(search_driver, "PATIENCE_SECONDS", 0.05)


@pytest.mark.usefixtures("impatient")
def test_a_resource_that_goes_away_is_not_waited_for() -> None:
    brief = brief_of(trials=30)
    offers = iter([Offers(slots={"CPU": 2, "SPARK": 1})])
    search = Search(brief)
    Driver(
        search,
        Placements(where={"popular": "SPARK"}),
        lambda: next(offers, TWO),
        Clock(time.time()),
        Silent(brief).submit,
    ).drive()
    reasons = {one.reason for one in search.outcomes if one.failure}
    assert "no worker offers SPARK any more" in reasons


@pytest.mark.usefixtures("impatient")
def test_without_any_worker_the_search_ends_and_says_how_to_go_on() -> None:
    brief = brief_of(trials=30)
    offers = iter([TWO])
    with pytest.raises(NoWorkers, match="--resume"):
        Driver(
            Search(brief),
            Placements(where={}),
            lambda: next(offers, Offers(slots={})),
            Clock(time.time()),
            lambda batch: concurrent.futures.Future(),
        ).drive()


@pytest.mark.usefixtures("impatient")
def test_when_the_budget_is_spent_nothing_starts_and_nothing_is_waited_for(
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    monkeypatch.setattr(search_driver, "SECONDS_TO_FINISH", 0.0)
    monkeypatch.setattr(search_driver, "GRACE_SECONDS", 0.1)
    brief = brief_of(seconds=100)
    search = Search(brief)
    statuses: list[Mapping[str, Any]] = []
    Driver(
        search,
        Placements(where={}),
        lambda: TWO,
        Clock(time.time(), before=99.5, budget=100),
        lambda batch: concurrent.futures.Future(),
        say=statuses.append,
    ).drive()
    assert search.done
    assert {one.reason for one in search.outcomes} <= {"the budget was spent"}
    assert statuses[-1]["phase"] == "done" and statuses[-1]["left"] < 0
