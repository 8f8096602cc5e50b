"""How candidates stand in a place, and what was cut short there."""

import pytest

from restock.models import Candidate
from restock.tuning.policy import SearchPolicy
from restock.tuning.standing import cut_short
from restock.tuning.study import Study
from restock.tuning.trials import ALL, Lift, Outcome, StudyKey, Trial

pytestmark = pytest.mark.unit


def studied(family: str, *reached: tuple[int, float]) -> tuple[StudyKey, Study]:
    """A study whose one trial had these lifts at these rungs."""
    key = StudyKey(where=ALL, family=family)
    study = Study(key, (0, 1, 2), (3, 4, 5), SearchPolicy(), 0)
    trial = Trial(study=key, index=0, origin="default", candidate=Candidate(name=family))
    for rung, lift in reached:
        told = Lift(value=lift, error=0.01, customers=500)
        study.tell([Outcome(trial=trial, rung=rung, windows=(3, 4, 5), lift=told)])
    return key, study


def test_what_promised_more_than_all_that_reached_the_top_was_cut_short() -> None:
    studies = dict([studied("ease", (0, 0.05), (2, 0.02)), studied("reorder", (2, 0.0))])
    assert cut_short(studies, ALL) == []
    studies |= [studied("als", (0, 0.01))]
    assert cut_short(studies, ALL) == []  # it promised less
    studies |= [studied("rerank", (0, 0.05), (1, 0.04))]
    assert [(one.trial.study.family, one.rung) for one in cut_short(studies, ALL)] == [
        ("rerank", 1)
    ]
    assert cut_short(studies, "FR") == []
