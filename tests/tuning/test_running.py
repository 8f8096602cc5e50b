"""Running trials: what they are fitted and judged on, what is shared, and how they fail."""

import time
from collections.abc import Callable, Iterator, Sequence
from threading import Barrier, Lock
from typing import Any, ClassVar

import numpy as np
import pytest
from contracts.orders import many
from numpy.typing import NDArray

from restock.dataset import Interactions, load_sample
from restock.evaluation import Objective, compare, evaluate
from restock.evaluation.contest import FoldPlan, Unit, judge
from restock.models import Candidate, CannotFit, FitContext
from restock.models.base import Config
from restock.models.registry import MODELS
from restock.models.reorder import Reorder
from restock.models.slate import FIRST_INCUMBENT
from restock.tuning.attempt import model_at
from restock.tuning.failures import TrialFailed
from restock.tuning.policy import SearchPolicy
from restock.tuning.running import drawn, run
from restock.tuning.sampling import sampled
from restock.tuning.setting import Kept, Setting
from restock.tuning.space import point_of
from restock.tuning.trials import ALL, Ask, Outcome, Rung, Step, StudyKey, Told, Trial

pytestmark = pytest.mark.unit

ORDERS = many()
PLAN = FoldPlan(windows=3, k=5)
TOP = 1


def setting(orders: Interactions = ORDERS, **policy: Any) -> Setting:
    markets = orders.catalogue.markets
    rungs = (Rung(customers=0.5, effort=0.25), Rung(customers=1.0))
    return Setting(
        fold_plans=dict.fromkeys(markets, PLAN),
        objectives=dict.fromkeys(markets, Objective.at(5)),
        policy=SearchPolicy(rungs=rungs, **{"least_customers": 10, **policy}),
    )


def step(where: str, *candidates: Candidate, rung: int = TOP, **rest: Any) -> Step:
    study = StudyKey(where=where, family=candidates[0].name)
    trials = tuple(
        Trial(study=study, index=at, origin="default", candidate=candidate)
        for at, candidate in enumerate(candidates)
    )
    return Step(study=study, rung=rung, windows=(0, 2), trials=trials, **rest)


def asked(where: str, family: str, count: int = 3, rung: int = TOP) -> Step:
    study, ask = StudyKey(where=where, family=family), Ask(count=count, first=0, seed=5)
    return Step(study=study, rung=rung, windows=(0, 2), ask=ask)


def nowhere(trial: Trial, kept: Kept) -> str:
    raise AssertionError("nothing was to be kept")


def go(steps: Sequence[Step], threads: int = 1, **rest: Any) -> list[Outcome]:
    of, orders = rest.pop("of", setting()), rest.pop("orders", ORDERS)
    return run(orders, steps, of, FitContext(threads=threads), keep=nowhere, **rest)


def results(outcomes: Sequence[Outcome]) -> list[dict[str, Any]]:
    """All that an outcome says but for how long it took."""
    return [outcome.model_dump(exclude={"seconds"}) for outcome in outcomes]


# what is judged -------------------------------------------------------------------------------
@pytest.mark.parametrize("scope", ["market", "pooled", "prior"])
def test_a_lift_is_that_of_a_comparison_on_the_same_folds(scope: str) -> None:
    candidate = Candidate(name="item_knn", scope=scope)
    where = ALL if candidate.pooled else "FR"
    (found,) = go([step(where, candidate)])
    markets = ("FR", "GB") if candidate.pooled else ("FR",)
    units = [
        Unit(scope=kind, markets=markets, windows=(0, 2), candidates=(one,))
        for kind, one in (("pooled" if candidate.pooled else "market", candidate),)
    ]
    units.append(
        Unit(scope="market", markets=markets, windows=(0, 2), candidates=(FIRST_INCUMBENT,))
    )
    judged = [judge(ORDERS, unit, dict.fromkeys(markets, PLAN), FitContext()) for unit in units]
    mine, theirs = ([card for one in side for card in one.scorecards.values()] for side in judged)
    verdict = compare(mine, theirs, Objective.at(5), resamples=0)
    assert found.failure == ""
    assert found.lift is not None
    assert found.lift.value == pytest.approx(np.log1p(verdict.lift), abs=1e-12)
    assert found.lift.customers == verdict.n_customers
    ndcg = verdict.metrics["ndcg_at_5"].challenger
    assert found.metrics["ndcg_at_5"] == pytest.approx(ndcg, abs=1e-12)
    assert set(found.markets) == ({"FR", "GB"} if candidate.pooled else set())


def test_the_yardstick_has_no_lift_over_itself() -> None:
    (found,) = go([step("GB", FIRST_INCUMBENT)])
    assert found.lift is not None
    assert (found.lift.value, found.lift.error) == (0.0, 0.0)


def test_a_low_rung_is_a_search_among_its_customers_alone() -> None:
    chosen = setting()
    few = sampled(ORDERS, chosen.policy.rungs[0], chosen)
    candidate = Candidate(name="item_knn", scope="pooled")
    (low,) = go([step(ALL, candidate, rung=0)])
    (whole,) = go([step(ALL, candidate)], orders=few)
    assert low.lift == whole.lift
    assert low.metrics == whole.metrics
    assert not low.markets  # market by market at the top only


def test_effort_is_a_share_of_the_epochs_that_were_asked_for() -> None:
    candidate = Candidate(name="als", config={"iterations": 12})
    assert model_at(candidate, 0.25).config.iterations == 3
    assert model_at(candidate, 0.01).config.iterations == 1
    assert model_at(candidate, 1.0).config.iterations == 12
    usual = Candidate(name="als").create().config.iterations
    assert model_at(Candidate(name="als"), 0.5).config.iterations == round(usual / 2)
    assert model_at(Candidate(name="sar"), 0.5).config == Candidate(name="sar").create().config


def test_what_is_kept_is_the_judged_lists_and_more_of_them() -> None:
    orders = many(customers=300, n=900)  # some buy for the first time in a window
    candidate, stored = Candidate(name="reorder", scope="pooled"), {}

    def keep(trial: Trial, kept: Kept) -> str:
        stored[trial.key] = kept
        return f"kept/{trial.key}"

    work = step(ALL, candidate, keep=True)
    of = setting(ballots=12)
    (found,) = run(orders, [work], of, FitContext(), keep=keep)
    assert found.kept == "kept/all/reorder/0"
    assert results([found.model_copy(update={"kept": ""})]) == results(
        go([step(ALL, candidate)], of=of, orders=orders)
    )
    (kept,) = stored.values()
    assert [(one.market, one.cutoff) for one in kept.ballots] == [
        (one.market, one.cutoff) for one in kept.judgements
    ]
    assert len(kept.ballots) == 4
    for ballot, judgement in zip(kept.ballots, kept.judgements, strict=True):
        lists = orders.of_market(ballot.market)
        fold = next(f for f in PLAN.folds(lists) if f.cutoff == ballot.cutoff)
        model = candidate.create().fit(orders.before(fold.cutoff))
        expected = model.recommend(fold.customers, 12, allowed=fold.candidates)
        own = ~expected.fallback & (expected.items >= 0)
        assert not own.all()  # what is not the model's own is no vote
        np.testing.assert_array_equal(ballot.customer, fold.customers)
        np.testing.assert_array_equal(ballot.items, np.where(own, expected.items, -1))
        np.testing.assert_array_equal(ballot.scores[own], expected.scores[own])
        card = judgement.scorecards[candidate.key]
        assert card.cold.sum() == fold.cold.size > 0
        judged = evaluate(expected, fold, k=5)
        np.testing.assert_array_equal(card.lists[~card.cold], judged.lists)


# the same everywhere --------------------------------------------------------------------------
def test_points_are_drawn_alike_anywhere_and_learn_from_the_history() -> None:
    study = StudyKey(where=ALL, family="sar")
    told = tuple(
        Told(point=point_of(study, trial.candidate), value=-float(trial.index))
        for trial in drawn(asked(ALL, "sar", 20), setting())
    )
    work = step(ALL, Candidate(name="sar", scope="pooled")).model_copy(
        update={"ask": Ask(count=3, first=7, seed=1, history=told)}
    )
    found = drawn(Step.model_validate_json(work.model_dump_json()), setting())
    assert found == drawn(work, setting())
    assert [trial.index for trial in found] == [0, 7, 8, 9]
    assert [trial.origin for trial in found] == ["default", "asked", "asked", "asked"]
    reversed_ = [Told(point=one.point, value=-(one.value or 0.0)) for one in told]
    other = work.ask.model_copy(update={"history": tuple(reversed_)}) if work.ask else None
    assert drawn(work.model_copy(update={"ask": other}), setting())[1:] != found[1:]


def test_threads_neighbours_and_batches_change_no_outcome() -> None:
    work = [
        asked("FR", "sar", 4, rung=0),
        asked(ALL, "item_knn"),
        asked("FR", "reorder"),
        asked("FR", "sar", 4),
        step(ALL, Candidate(name="market_prior", scope="pooled")),
    ]
    alone = [outcome for one in work for outcome in go([one])]
    told: list[Outcome] = []
    together = go(work, threads=3, done=told.append)
    assert told == together
    assert results(together) == results(alone)
    assert [one.trial.study for one in together] == [w.study for w in work for _ in range(w.size)]


REAL = ("BE", "CH", "FR", "PT")


@pytest.fixture(scope="module")
def real() -> Interactions:
    """Real orders of a few small markets."""
    return Interactions.from_frame(load_sample().orders).of_markets(list(REAL))


@pytest.mark.parametrize("family", ["sar", "tifu_knn", "up_cf", "market_prior"])
def test_sharing_gives_the_same_metrics_as_refitting_digit_by_digit(
    family: str, real: Interactions
) -> None:
    of = setting(real).model_copy(update={"fold_plans": dict.fromkeys(REAL, PLAN)})
    where = "FR" if family != "market_prior" else ALL
    work = [asked(where, family, 2), asked(where, family, 2, rung=0)]
    shared, refitted = (go(work, of=of, orders=real, share=share) for share in (True, False))
    assert not any(one.failure for one in shared)
    assert results(shared) == results(refitted)


# failures -------------------------------------------------------------------------------------
class OddConfig(Config):
    """What goes wrong."""

    way: str = ""


class Odd(Reorder):
    """A model that fails in the way that it is told to."""

    name = "odd"
    config_class = OddConfig  # type: ignore[assignment]
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
        if self.config.way in self.raises:  # type: ignore[attr-defined]
            raise self.raises[self.config.way]  # type: ignore[attr-defined]
        if self.config.way == "slow":  # type: ignore[attr-defined]
            time.sleep(0.05)

    def _score(self, customers: NDArray[np.int32]) -> NDArray[np.float32]:
        value = {"infinite": np.inf, "nan": np.nan, "silent": -np.inf}
        found = value.get(self.config.way, 1.0)  # type: ignore[attr-defined]
        return np.full((customers.size, self.past.n_items), found, dtype=np.float32)


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
        ("slow", "time", "took 0.1 s, 0.02 s are allowed"),
    ],
)
def test_a_failure_is_told_and_the_others_go_on(
    odd: Callable[..., Candidate], way: str, failure: str, reason: str
) -> None:
    work = [step("FR", odd(way), odd()), step("FR", FIRST_INCUMBENT)]
    of = setting(trial_seconds=0.02) if way == "slow" else setting()
    failed, good, other = go(work, of=of)
    assert (failed.failure, failed.reason, failed.lift) == (failure, reason, None)
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
    outcomes = go([step("FR", odd("slow"), odd("slow"))], deadline=time.time() - 1)
    assert [one.failure for one in outcomes] == ["skipped", "skipped"]
    assert {one.reason for one in outcomes} == {"the budget was spent"}
    assert all(one.seconds < 0.05 for one in outcomes)


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
