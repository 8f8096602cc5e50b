"""From judgements to choices: what is skipped, what fails, what is held, what is chosen."""

import datetime as dt
from pathlib import Path

import numpy as np
import pytest
from contracts.judged import of_quality

from restock.evaluation.contest import Judgement, Unit
from restock.infra.deciding import Decided, decide
from restock.infra.ingestion import Ingested, MarketSize
from restock.infra.local_store import LocalStore
from restock.infra.markets import load_markets
from restock.infra.programme import Programme, plan_night
from restock.infra.snapshots import SnapshotRef
from restock.models.slate import FALLBACK, FIRST_INCUMBENT

pytestmark = pytest.mark.unit
N = 400


@pytest.fixture
def programme(tmp_path: Path) -> Programme:
    ingested = Ingested(
        snapshot=SnapshotRef(store="file:///nowhere", hash="a" * 64),
        as_of=dt.date(2024, 1, 1),
        markets={m: MarketSize(lines=9, orders=9, customers=9, items=9) for m in ("DE", "FR")},
        lines_read=1,
        lines_kept=1,
        set_aside={},
        quarantine="",
    )
    return plan_night(LocalStore(tmp_path), ingested, load_markets(), None)


def judgements(
    programme: Programme, quality: dict[str, float], noise: float = 0.01
) -> list[Judgement]:
    """Every candidate on two folds of both markets, at a quality by name of model."""
    found = []
    for market in programme.fold_plans:
        for window in range(2):
            rng = np.random.default_rng(window)
            base = rng.uniform(-0.05, 0.05, N)
            cards = {}
            for at, candidate in enumerate(programme.candidates):
                own = noise * np.random.default_rng(at).normal(size=N)
                values = np.clip(quality.get(candidate.name, 0.3) + base + own, 0, 1)
                cards[candidate.key] = of_quality(values, np.ones(N), window=window, market=market)
            found.append(Judgement(market, cards[FALLBACK.key].cutoff, cards))
    return found


def run(programme: Programme, judged: list[Judgement], failures: list = []) -> Decided:  # noqa: B006
    return decide(programme, judged, load_markets(), failures)


def test_a_better_candidate_is_chosen_and_the_leaderboard_starts_with_it(
    programme: Programme,
) -> None:
    decided = run(programme, judgements(programme, {"popular": 0.2, "blend": 0.4}))
    for market in ("DE", "FR"):
        choice = decided.markets[market]
        assert choice.replaced and decided.chosen[market].name == "blend"
        assert choice.leaderboard[0].role == "champion"
        assert "replaces reorder (market)" in choice.verdict
        assert "blend-" not in choice.reason  # labels, not keys


@pytest.mark.parametrize(
    ("quality", "replaced", "champion", "verdict"),
    [(0.31, True, "search-1", "replaces reorder"), (0.2, False, "", "kept; item_knn")],
)
def test_what_a_search_chose_is_named_as_its_own_where_it_wins_and_where_it_does_not(
    programme: Programme, quality: float, replaced: bool, champion: str, verdict: str
) -> None:
    (key,) = [c.key for c in programme.candidates if c.name == "item_knn"]
    programme = programme.model_copy(
        update={
            "searched": {"FR": {key: "search-1"}},
            "rivals": dict.fromkeys(programme.rivals, (key,)),
        }
    )
    choices = run(programme, judgements(programme, {"popular": 0.1, "item_knn": quality})).markets
    french = choices["FR"]
    assert (french.replaced, french.search) == (replaced, champion)
    assert {row.candidate: row.search for row in french.leaderboard if row.search} == {
        key: "search-1"
    }
    assert french.verdict.startswith(verdict)
    assert ("from the search search-1" in french.verdict) is not replaced
    assert choices["DE"].search == "" and "search" not in choices["DE"].verdict


def test_equal_candidates_change_nothing(programme: Programme) -> None:
    decided = run(programme, judgements(programme, {"popular": 0.2}))
    assert all(plan == FIRST_INCUMBENT for plan in decided.chosen.values())


def test_a_challenger_that_failed_on_one_fold_is_skipped_with_its_reason(
    programme: Programme,
) -> None:
    judged = judgements(programme, {"popular": 0.2, "item_knn": 0.5})
    (key,) = [c.key for c in programme.candidates if c.name == "item_knn"]
    del judged[0].scorecards[key]
    judged[0].skipped[key] = "MemoryError: too large"
    choice = run(programme, judged).markets[judged[0].market]
    (row,) = [row for row in choice.leaderboard if row.candidate == key]
    assert row.role == "skipped" and row.note == "MemoryError: too large"
    assert not choice.error


def test_a_plan_in_service_that_cannot_be_judged_fails_its_market_alone(
    programme: Programme,
) -> None:
    judged = judgements(programme, {"popular": 0.2})
    (at,) = [at for at, one in enumerate(judged[:2]) if one.market == "DE"][:1]
    judged[at].skipped[FIRST_INCUMBENT.key] = "ValueError: no"
    del judged[at].scorecards[FIRST_INCUMBENT.key]
    decided = run(programme, judged)
    assert "ValueError: no" in decided.markets["DE"].error
    assert set(decided.chosen) == {"FR"}


def test_a_lost_unit_fails_the_markets_whose_plan_it_held(programme: Programme) -> None:
    lost = Unit(scope="market", markets=("FR",), windows=(0, 1), candidates=(FIRST_INCUMBENT,))
    judged = [one for one in judgements(programme, {"popular": 0.2}) if one.market == "DE"]
    decided = run(programme, judged, [(lost, "KilledWorker: gone")])
    assert "KilledWorker" in decided.markets["FR"].error
    assert set(decided.chosen) == {"DE"}


def test_a_plan_that_may_be_worse_than_popularity_is_held(programme: Programme) -> None:
    """Not surely worse, so nothing replaces it; not surely as good either."""
    decided = run(programme, judgements(programme, {"reorder": 0.48, "popular": 0.5}, noise=0.2))
    for choice in decided.markets.values():
        assert not choice.replaced and "not as good as popularity" in choice.held
    assert not decided.chosen


def test_markets_that_judged_a_plan_on_fewer_windows_do_not_speak_for_it(
    programme: Programme,
) -> None:
    """A pooled plan that is in service in France only is judged in Germany by the way."""
    plan = next(candidate for candidate in programme.candidates if candidate.pooled)
    judged = judgements(programme, {FALLBACK.name: 0.2})
    for one in judged:
        if one.market == "DE" and one.cutoff == judged[0].cutoff:
            del one.scorecards[plan.key]
    planned = programme.model_copy(
        update={
            "incumbents": {**programme.incumbents, "FR": plan},
            "contenders": {**programme.contenders, "FR": (plan.key, FALLBACK.key)},
            "rivals": {**programme.rivals, "FR": ()},
            "said": {"FR": "a search says so"},
        }
    )
    choice = run(planned, judged).markets["FR"]
    assert choice.candidate == plan and choice.replaced and not choice.held
    assert choice.verdict == "a search says so"
    assert {row.candidate for row in choice.leaderboard} == {plan.key, FALLBACK.key}
