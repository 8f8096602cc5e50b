"""What the report windows say: who was judged, who came too late, and where nobody is."""

import datetime as dt
from types import SimpleNamespace
from typing import Any

import pytest

from restock.evaluation.contest import Judgement
from restock.infra.search_ending import judged_later
from restock.models import Candidate
from restock.models.slate import FIRST_INCUMBENT
from restock.tuning.setting import Kept
from restock.tuning.trials import ALL, Outcome, StudyKey, Trial

pytestmark = pytest.mark.unit

DAY = dt.date(2024, 1, 1)
BLEND = Candidate(name="blend", scope="pooled")


def outcome(where: str, candidate: Candidate, **more: Any) -> Outcome:
    study = StudyKey(where=where, family=candidate.name)
    trial = Trial(study=study, index=0, origin="service", candidate=candidate)
    return Outcome(trial=trial, rung=2, windows=(0,), **more)


def load(key: str) -> Kept:
    """Both markets have a scorecard of the pooled candidate: AA of one customer."""
    card: Any = SimpleNamespace(fold_hash=key, cutoff=DAY)
    where, candidate = ("AA", "BB"), BLEND
    if key == "own":
        where, candidate = ("BB",), FIRST_INCUMBENT
    return Kept([Judgement(m, DAY, {candidate.key: card}) for m in where], [])


def test_a_market_where_nobody_can_be_judged_is_silent_and_not_late() -> None:
    reported = [
        outcome("AA", FIRST_INCUMBENT, failure="skipped", reason="too few", nobody=True),
        outcome("BB", FIRST_INCUMBENT, kept="own"),
        outcome(ALL, BLEND, kept="pooled"),
    ]
    cards, skipped, late = judged_later(reported, ["AA", "BB"], load)
    assert set(cards) == {"BB"}
    assert set(cards["BB"]) == {FIRST_INCUMBENT.key, BLEND.key}
    assert not skipped
    assert not late


def test_what_came_too_late_for_a_window_is_not_judged() -> None:
    reported = [
        outcome("BB", FIRST_INCUMBENT, kept="own"),
        outcome(ALL, BLEND, kept="pooled"),
        outcome(ALL, BLEND, failure="skipped", reason="the budget was spent"),
    ]
    cards, _, late = judged_later(reported, ["AA", "BB"], load)
    assert set(cards["BB"]) == {FIRST_INCUMBENT.key}
    assert late == {("AA", BLEND.key), ("BB", BLEND.key)}
