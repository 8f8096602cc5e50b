"""What may be declared of an experiment, and how it stands on a day."""

import datetime as dt
from typing import Any

import pytest

from restock.evaluation.experiments.record import Experiment
from restock.models import Candidate

pytestmark = pytest.mark.unit

BARE: dict[str, Any] = {
    "name": "a-test",
    "markets": ("FR",),
    "arms": {"control": 0.5, "treatment": 0.5},
    "control": "control",
}
FIXED = {"start": dt.date(2026, 1, 5), "end": dt.date(2026, 2, 2), "slots": (0, 999)}


def test_states() -> None:
    assert Experiment(**BARE).state(dt.date(2026, 1, 1)) == "draft"
    fixed = Experiment(**BARE, **FIXED)
    states = [fixed.state(dt.date(2026, month, 5)) for month in (1, 2)]
    assert states == ["planned", "finished"]
    assert fixed.state(dt.date(2026, 1, 6)) == "running"
    assert fixed.state(dt.date(2026, 2, 2)) == "finished"


def test_it_is_read_back_as_it_was_written() -> None:
    plans = {"control": Candidate(name="popular"), "treatment": Candidate(name="reorder")}
    one = Experiment(**BARE, **FIXED, plans=plans, guardrails={"orders": 0.02})
    assert Experiment.model_validate_json(one.model_dump_json()) == one
    assert [metric.role for metric in one.metrics][:2] == ["primary", "guardrail"]


@pytest.mark.parametrize(
    ("change", "says"),
    [
        ({"name": "../a"}, "name"),
        ({"name": "A"}, "name"),
        ({"markets": ("fr",)}, "market code"),
        ({"metric": "clicks"}, "no metric 'clicks'"),
        ({"guardrails": {"clicks": 0.1}}, "no metric 'clicks'"),
        ({"arms": {"control": 0.5, "<b>": 0.5}}, "no name of an arm"),
        ({"control": "other"}, "none of the arms"),
        ({"plans": {"control": Candidate(name="popular")}}, "every arm its plan"),
        ({"start": dt.date(2026, 1, 5)}, "fixed together"),
        (FIXED | {"end": dt.date(2026, 1, 5)}, "not after its start"),
    ],
)
def test_what_cannot_be_declared(change: dict[str, Any], says: str) -> None:
    with pytest.raises(ValueError, match=says):
        Experiment(**BARE | change)


def test_a_draft_has_no_days_and_says_how_it_gets_them() -> None:
    with pytest.raises(ValueError, match="restock experiment assign a-test"):
        _ = Experiment(**BARE).period
