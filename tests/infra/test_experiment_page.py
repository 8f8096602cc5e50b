"""The page of an experiment says what was decided, draws what is known, and escapes the rest."""

import datetime as dt
from pathlib import Path

import pandas as pd
import pytest

from restock.evaluation.experiments import Analysis, Effect
from restock.evaluation.experiments.record import Experiment
from restock.infra.experiment_analysis import shown_to
from restock.infra.experiment_page import effect, keep, render
from restock.infra.experiment_result import ExperimentResult, Look
from restock.infra.local_store import LocalStore
from restock.models import Candidate

pytestmark = pytest.mark.unit

START = dt.date(2026, 3, 2)
EXPERIMENT = Experiment(
    name="a-test",
    markets=("FR",),
    arms={"control": 0.5, "treatment": 0.5},
    control="control",
    start=START,
    end=START + dt.timedelta(days=28),
    slots=(0, 999),
)
SURE = Effect(
    metric="revenue", role="primary", arm="treatment", control=10, treatment=11, relative=0.1,
    low=0.02, high=0.19, anytime_low=-0.05, anytime_high=0.27, n_control=50, n_treatment=50,
    good=True,
)  # fmt: skip
UNKNOWN = Effect(
    metric="orders", role="secondary", arm="treatment", control=None, treatment=None,
    n_control=1, n_treatment=50,
)  # fmt: skip


def result(*notes: str) -> ExperimentResult:
    looks = [
        Look(day=START + dt.timedelta(days=at), arm="treatment", relative=0.1, low=-3.0, high=900.0)
        for at in range(28)
    ]
    return ExperimentResult(
        experiment=EXPERIMENT,
        as_of=EXPERIMENT.period[1],
        state="finished",
        unit="EUR",
        analysis=Analysis(
            looks="fixed",
            counts={"control": 50, "treatment": 50},
            sample_ratio_p=0.4,
            effects=(SURE, UNKNOWN),
            decision="launch",
            winner="treatment",
            reasons=("treatment: revenue is better",),
        ),
        looks=tuple(looks),
        notes=notes,
    )


def test_the_decision_and_both_drawings(tmp_path: Path) -> None:
    page = Path(keep(LocalStore(tmp_path), result())).read_text()
    assert "a-test" in page and "Launch treatment" in page
    assert page.count("<svg") == 2
    assert "+10.0 % (+2.0 % to +19.0 %)" in page and "+10.0 % (-5.0 % to +27.0 %)" in page
    assert "nan" not in page


def test_what_is_not_known_says_so() -> None:
    assert effect(UNKNOWN) == "unknown"


def test_text_is_escaped() -> None:
    page = render(result("<script>alert(1)</script>"))
    assert "<script>" not in page and "&lt;script&gt;" in page


def test_lists_of_another_arm_are_counted() -> None:
    who = ["a", "b", "c", "d"]
    assignment = pd.DataFrame({"customer_id": who, "market": "FR"})
    assignment["arm"] = ["control", "control", "treatment", "treatment"]
    log = pd.DataFrame({"customer_id": [*who, "z", "a"], "market": "FR"})
    log["policy"] = ["control", "treatment", "treatment", "popular", "control", "treatment"]
    log["timestamp"] = pd.Timestamp("2026-03-05 10:00")
    log.loc[5, "timestamp"] = pd.Timestamp("2026-03-01 10:00")  # before the start
    log["outcome"] = ["click", "none", "order", "order", "none", "none"]
    control, treatment = shown_to(EXPERIMENT, assignment, log, EXPERIMENT.period[1])
    assert (control.customers, control.others, control.clicks, control.orders) == (2, 1, 1, 0)
    assert (treatment.customers, treatment.others, treatment.orders) == (2, 0, 2)
    before, after = (shown_to(EXPERIMENT, assignment, log, dt.date(2026, 3, day)) for day in (5, 6))
    assert [one.items for one in before] == [0, 0] and [one.items for one in after] == [2, 2]


def test_arms_of_one_plan_show_nothing_astray() -> None:
    plan = Candidate(name="popular")
    same = EXPERIMENT.model_copy(update={"plans": {"control": plan, "treatment": plan}})
    assignment = pd.DataFrame({"customer_id": ["a", "b"], "market": "FR"})
    assignment["arm"] = ["control", "treatment"]
    log = assignment.drop(columns="arm").assign(policy=plan.key, outcome="none")
    log["timestamp"] = pd.Timestamp("2026-03-05 10:00")
    assert [one.others for one in shown_to(same, assignment, log, same.period[1])] == [0, 0]
