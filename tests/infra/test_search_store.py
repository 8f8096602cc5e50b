"""What a search leaves in the store comes back as it was; batches are packed as promised."""

import datetime as dt
from pathlib import Path

import numpy as np
import pytest
from contracts.searching import run_of

from restock.evaluation import Scorecard
from restock.evaluation.contest import Judgement
from restock.infra import search_store
from restock.infra.local_store import LocalStore
from restock.infra.search_batches import SHORTEST_SECONDS, Clock, Piece, pack
from restock.infra.search_store import Done, Finished
from restock.models import Candidate
from restock.tuning.setting import Ballot, Kept
from restock.tuning.trials import ALL, Ask, Outcome, Step, StudyKey, Told, Trial

pytestmark = pytest.mark.unit

STUDY = StudyKey(where="FR", family="sar")
TRIAL = Trial(study=STUDY, index=3, origin="asked", candidate=Candidate(name="sar"))


def test_a_run_comes_back_and_one_that_is_not_there_is_told_with_those_that_are(
    tmp_path: Path,
) -> None:
    store, run = LocalStore(tmp_path), run_of(tmp_path)
    search_store.put_run(store, run)
    assert search_store.get_run(store, run.token) == run
    done = [f"2011-12-10-done{n}" for n in range(6)]  # newer, and they do not hide it
    for token in done:
        search_store.put_run(store, run_of(tmp_path, token))
        store.put(f"{search_store.REPORTS}/{token}.json", b"{}")
    with pytest.raises(ValueError, match="there is no search 2011-12-10-zzzz") as told:
        search_store.get_run(store, "2011-12-10-zzzz")
    can_go_on, _, finished = str(told.value).partition("; finished: ")
    assert can_go_on.endswith("stopped before their end: 2011-12-10-abcd")
    assert len(finished.split(", ")) == 5 and set(finished.split(", ")) < set(done)


def test_work_is_named_by_what_it_is() -> None:
    step = Step(study=STUDY, rung=0, windows=(3, 4), trials=(TRIAL,))
    again = Step.model_validate_json(step.model_dump_json())
    assert search_store.work_id(step) == search_store.work_id(again)
    told = Told(point={"k": 3}, value=float("-inf"))
    ask = Ask(count=2, first=4, seed=1, history=(told,))
    others = [
        step.model_copy(update={"rung": 1}),
        step.model_copy(update={"windows": (3,)}),
        step.model_copy(update={"keep": True}),
        step.model_copy(update={"ask": ask}),
    ]
    assert len({search_store.work_id(one) for one in [step, *others]}) == 5


def test_the_journal_gives_every_batch_once_in_the_order_of_their_ends(tmp_path: Path) -> None:
    store = LocalStore(tmp_path)
    failed = Outcome(
        trial=TRIAL, rung=0, windows=(3,), failure="diverged", metrics={"x": float("nan")}
    )
    batches = [
        Finished(
            resource="CPU",
            worker="w",
            seconds=1.0,
            spent=spent,
            done=(Done(work=f"{spent}", outcomes=(failed,)),),
        )
        for spent in (5.0, 2.0, 9.0)
    ]
    for batch in [*batches, batches[0]]:
        search_store.put_finished(store, "t", batch)
    found = search_store.get_finished(store, "t")
    assert [one.spent for one in found] == [2.0, 5.0, 9.0]
    assert np.isnan(found[0].done[0].outcomes[0].metrics["x"])
    assert search_store.get_finished(store, "other") == []


def test_what_is_kept_of_a_trial_comes_back_array_by_array(tmp_path: Path) -> None:
    store, rng = LocalStore(tmp_path), np.random.default_rng(0)
    cutoff, n = dt.date(2011, 11, 1), 4
    card = Scorecard(
        fold_hash="f",
        k=10,
        cutoff=cutoff,
        horizon_days=28,
        market=np.full(n, "FR", dtype=object),
        n_candidates=(7,),
        customer=np.arange(n, dtype=np.int32),
        cold=np.zeros(n, dtype=bool),
        part=rng.random((n, 3)),
        lists=rng.integers(0, 9, (n, 10)).astype(np.int32),
        values=rng.random((n, 5)),
    )
    ballot = Ballot(
        "FR",
        cutoff,
        np.arange(n, dtype=np.int32),
        rng.integers(-1, 9, (n, 50)).astype(np.int32),
        rng.random((n, 50)).astype(np.float32),
    )
    kept = Kept([Judgement("FR", cutoff, {"sar-1": card}, {"als-2": "no"})], [ballot, ballot])
    key = search_store.put_kept(store, "t", TRIAL, kept)
    assert search_store.put_kept(store, "t", TRIAL, kept) == key
    found = search_store.get_kept(store, key)
    assert len(found.ballots) == 2
    for part in ("customer", "items", "scores"):
        mine, theirs = getattr(found.ballots[1], part), getattr(ballot, part)
        assert mine.dtype == theirs.dtype
        np.testing.assert_array_equal(mine, theirs)
    (judgement,) = found.judgements
    assert (judgement.market, judgement.skipped) == ("FR", {"als-2": "no"})
    np.testing.assert_array_equal(judgement.scorecards["sar-1"].values, card.values)
    search_store.clear_kept(store, "t")
    assert not store.list("searches/t/kept")


def test_the_next_search_starts_from_the_last_one_place_by_place(tmp_path: Path) -> None:
    store = LocalStore(tmp_path)
    assert search_store.get_warm(store) == {}
    first, second = Candidate(name="sar"), Candidate(name="reorder", scope="pooled")
    search_store.put_warm(store, {"FR": (first,), ALL: (second,)})
    search_store.put_warm(store, {"FR": (second,), "DE": (first,)})
    assert search_store.get_warm(store) == {"FR": (second,), ALL: (second,), "DE": (first,)}
    assert search_store.get_warm(store, ["DE", "ES"]) == {"DE": (first,)}
    store.put(search_store.WARM, b'{"FR": [{"name": "model_of_yesteryear"}]}')
    assert search_store.get_warm(store) == {}


def piece(name: str, seconds: float, where: str = "FR") -> Piece:
    study = StudyKey(where=where, family="sar")
    return Piece(Step(study=study, rung=0, windows=(0,), trials=(TRIAL,)), name, "CPU", seconds)


def names(batches: list[list[Piece]]) -> list[str]:
    return [" ".join(one.id for one in batch) for batch in batches]


def test_a_batch_takes_along_work_of_the_same_place() -> None:
    waiting = [piece("a", 0.3), piece("b", 0.3, "DE"), piece("c", 0.3), piece("d", 0.3, "DE")]
    assert names(pack(waiting, slots=2, idle=2, most=4)) == ["a c", "b d"]


def test_little_work_is_shared_out_and_much_work_comes_in_batches_that_end() -> None:
    little = [piece(f"{n}", 0.1) for n in range(8)]
    assert 1 < len(pack(little, slots=4, idle=4, most=8)) <= 4
    assert pack(little, slots=4, idle=0, most=8) == []  # everybody is busy: it can wait
    much = [piece(f"{n}", 1.0) for n in range(200)]
    batches = pack(much, slots=4, idle=4, most=8)
    assert len(batches) == 8
    assert all(SHORTEST_SECONDS <= len(batch) <= 15 for batch in batches)
    assert names(batches)[0].startswith("0 1 2")


def test_a_clock_counts_what_earlier_processes_spent() -> None:
    import time

    clock = Clock(started=time.time() - 10, before=30, budget=100)
    left = clock.left()
    assert left is not None and 59 < left < 60.1
    assert 40 <= clock.spent() < 41
    assert Clock(started=time.time()).left() is None
