"""A search in MLflow's words: a run for each study with its best trials, and every trial."""

import csv
import datetime as dt
import io
import json
from collections import defaultdict
from collections.abc import Iterable, Sequence

from restock.infra.search_result import SearchResult, Standing, StudyResult
from restock.infra.tracking_records import SearchRecord, StudyRecord
from restock.tuning.trials import Outcome, StudyKey

COLUMNS = (
    "trial",
    "origin",
    "rung",
    "windows",
    "candidate",
    "scope",
    "config",
    "lift",
    "error",
    "customers",
    "seconds",
    "failure",
    "reason",
)
TABLE = "trials.csv"


def search_record(result: SearchResult, outcomes: Sequence[Outcome]) -> SearchRecord:
    """The record of a search, made now. outcomes: every trial at every rung."""
    by_study: dict[StudyKey, list[Outcome]] = defaultdict(list)
    for outcome in outcomes:
        by_study[outcome.trial.study].append(outcome)
    states = [one.state for one in result.markets]
    budget = result.budget
    return SearchRecord(
        run_token=result.token,
        as_of=result.as_of,
        made=dt.datetime.now(dt.UTC),
        seconds=result.seconds,
        failed=bool(result.failed),
        params={
            "snapshot": result.snapshot,
            "as_of": result.as_of.isoformat(),
            "seed": str(result.seed),
            "budget": f"{budget.seconds:.0f} s" if budget.seconds else f"{budget.trials} trials",
        },
        metrics={
            "trials": result.trials,
            "seconds": result.seconds,
            **{f"markets_{state}": states.count(state) for state in sorted(set(states))},
            **{f"log_lift_{gain.part}": gain.log_lift for gain in result.gains},
        },
        tags=_tags(result) | {"report": result.report, "failed_markets": " ".join(result.failed)},
        files={
            TABLE: table(outcomes),
            "plans.json": json.dumps(
                [one.model_dump(mode="json") for one in result.markets], indent=1
            ),
        },
        studies=tuple(
            _study(result, study, by_study[StudyKey(where=study.where, family=study.family)])
            for study in result.studies
        ),
    )


def table(outcomes: Iterable[Outcome]) -> str:
    """Trials as CSV, one line for each rung that a trial reached."""
    text = io.StringIO()
    writer = csv.writer(text, lineterminator="\n")
    writer.writerow(COLUMNS)
    for one in sorted(outcomes, key=lambda one: (one.trial.key, one.rung, one.windows)):
        candidate, lift = one.trial.candidate, one.lift
        numbers = (lift.value, lift.error, lift.customers) if lift else ("", "", "")
        writer.writerow(
            (
                one.trial.key,
                one.trial.origin,
                one.rung,
                " ".join(map(str, one.windows)),
                candidate.key,
                candidate.scope,
                json.dumps(candidate.config, sort_keys=True),
                *numbers,
                round(one.seconds, 3),
                one.failure,
                one.reason,
            )
        )
    return text.getvalue()


def _tags(result: SearchResult) -> dict[str, str]:
    about = {"as_of": result.as_of.isoformat(), "snapshot": result.snapshot, "job": "search"}
    return about | (result.because.tags if result.because else {})


def _study(result: SearchResult, study: StudyResult, outcomes: Sequence[Outcome]) -> StudyRecord:
    metrics = {"trials": float(study.trials), "failed": study.failed, "seconds": study.seconds}
    params: dict[str, str] = {}
    for place, one in enumerate(study.best, start=1):
        params[f"best{place}"] = one.label
        params[f"best{place}.key"] = one.candidate
        metrics |= _metrics(place, one)
    return StudyRecord(
        where=study.where,
        family=study.family,
        params=params,
        metrics=metrics | {f"importance.{name}": v for name, v in study.importance.items()},
        tags=_tags(result),
        files={TABLE: table(outcomes)},
    )


def _metrics(place: int, one: Standing) -> dict[str, float]:
    """The lift of a study's best trials; of the very best also what reports show."""
    selection = one.selection
    ends = (("", selection.value), ("_low", selection.low), ("_high", selection.high))
    lifts = {f"best{place}.lift{end}": value for end, value in ends if value is not None}
    return lifts | {f"best{place}.{name}": value for name, value in one.metrics.items()}
