"""A search in MLflow: a run for each study, every trial in a table, once, whatever happens."""

import csv
import io
from pathlib import Path

import pytest
from contracts.searched import SAR, searched
from contracts.searching import brief_of
from mlflow import MlflowClient

from restock.infra import tracking
from restock.infra.night import Because
from restock.infra.search_batches import Clock
from restock.infra.search_report import read_result
from restock.infra.search_tracking import COLUMNS, search_record, table
from restock.infra.settings import load_settings
from restock.infra.store import open_store
from restock.infra.tracking_records import NightRecord, SearchRecord, TrackedJob
from restock.tasks import search as tasks
from restock.tuning.search import Search
from restock.tuning.trials import Lift, Outcome, StudyKey, Trial

STUDY = StudyKey(where="all", family="sar")


def outcome(index: int, rung: int = 0, **more: object) -> Outcome:
    trial = Trial(study=STUDY, index=index, origin="asked", candidate=SAR)
    return Outcome.model_validate({"trial": trial, "rung": rung, "windows": (3, 4, 5), **more})


OUTCOMES = (
    outcome(0, lift=Lift(value=0.04, error=0.01, customers=300), seconds=1.5),
    outcome(1, failure="memory", reason='too large, "really"'),
)


@pytest.mark.unit
def test_every_trial_has_its_line_and_a_failure_its_reason() -> None:
    rows = list(csv.DictReader(io.StringIO(table(OUTCOMES[::-1]))))
    assert tuple(rows[0]) == COLUMNS
    assert [row["trial"] for row in rows] == ["all/sar/0", "all/sar/1"]
    assert float(rows[0]["lift"]) == 0.04 and rows[1]["lift"] == ""
    assert rows[1]["reason"] == 'too large, "really"'


@pytest.mark.unit
def test_a_record_waits_in_the_spool_as_what_it_is() -> None:
    record = search_record(searched(), OUTCOMES)
    assert TrackedJob.validate_json(record.model_dump_json()) == record
    assert "because" not in record.tags
    asked = Because(id="FR-2011-12-10-stale", cause="stale", evidence="three nights")
    tags = search_record(searched(because=asked), OUTCOMES).tags
    assert (tags["because"], tags["because_of"]) == ("FR-2011-12-10-stale", "three nights")
    night = NightRecord(run_token="night", as_of=record.as_of, made=record.made)
    assert isinstance(TrackedJob.validate_json(night.model_dump_json()), NightRecord)
    assert isinstance(record, SearchRecord)


@pytest.mark.unit
def test_a_search_that_is_killed_once_its_record_is_there_is_tracked_and_tidied_all_the_same(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    """Nobody works on it again: the next job finds every trial in the spool, each one once."""
    monkeypatch.setenv("RESTOCK_HOME", str(tmp_path))
    store, result = open_store(), searched()
    store.put(f"searches/{result.token}/kept/a.npz", b"scorecards")
    with monkeypatch.context() as patched:
        patched.setattr(tasks.search_store, "clear_kept", _killed)
        with pytest.raises(KeyboardInterrupt):
            search = Search(brief_of(trials=3), reported=list(OUTCOMES))
            tasks.report.fn(result, tasks.Searched(search, [], Clock(0.0)))

    assert read_result(store, result.token) is not None
    (waiting,) = store.list(tracking.FOLDER)
    record = TrackedJob.validate_json(store.get(waiting.key).data)
    assert record.run_token == result.token and record.tags["report"].endswith(".html")
    assert record.files["trials.csv"] == table(OUTCOMES)
    tasks.clear(result)  # what a resumed search does when there is nothing left to do
    assert not store.list(f"searches/{result.token}/kept")


def _killed(*_: object) -> None:
    raise KeyboardInterrupt


@pytest.mark.platform
def test_a_search_is_a_parent_with_a_child_for_each_study_and_twice_is_once(
    tmp_path: Path,
) -> None:
    settings = load_settings(home=tmp_path)
    tracking.prepare(settings)
    for _ in range(2):
        assert tracking.track(search_record(searched(), OUTCOMES), settings).run_id
    client = MlflowClient(settings.tracking_uri, settings.tracking_uri)
    found = client.search_runs(
        [client.get_experiment_by_name("restock").experiment_id]  # type: ignore[union-attr]
    )
    runs = {run.info.run_name: run for run in found}
    assert len(found) == 2 and set(runs) == {"search 2011-12-10", "all sar"}
    study = runs["all sar"]
    assert study.data.tags["mlflow.parentRunId"] == runs["search 2011-12-10"].info.run_id
    assert study.data.tags["family"] == "sar" and study.data.tags["market"] == "all"
    assert study.data.metrics["best1.lift"] == pytest.approx(0.04)
    assert study.data.metrics["importance.half_life_days"] == 0.7
    file = client.download_artifacts(study.info.run_id, "trials.csv", str(tmp_path))
    assert len(Path(file).read_text().splitlines()) == 1 + len(OUTCOMES)
    assert not client.search_registered_models()


@pytest.mark.platform
def test_while_mlflow_is_away_a_search_waits_and_the_next_job_writes_it(tmp_path: Path) -> None:
    away = load_settings(home=tmp_path, mlflow={"tracking_uri": "http://127.0.0.1:9"})
    store = open_store(settings=away)
    assert tracking.track(search_record(searched(), OUTCOMES), away).run_id is None
    assert len(store.list("spool/tracking")) == 1
    here = load_settings(home=tmp_path)
    assert tracking.catch_up(here, store) == 1
    assert not store.list("spool/tracking")
