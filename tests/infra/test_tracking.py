"""Nights in a real MLflow: each thing once, whatever fails and whenever it is repeated."""

import datetime as dt
import os
import shutil
import subprocess
import sys
from collections.abc import Callable, Iterator
from pathlib import Path
from types import SimpleNamespace
from typing import Any

import pytest
from mlflow import MlflowClient
from mlflow.entities import Run

from restock.infra import mlflow_writer, tracking
from restock.infra.mlflow_server import serve, wait_for
from restock.infra.mlflow_writer import Writer
from restock.infra.processes import Service, free_port, stop
from restock.infra.settings import Settings, load_settings
from restock.infra.store import Store, open_store
from restock.infra.tracking_records import MarketRecord, NightRecord, VersionRecord

pytestmark = pytest.mark.platform
MADE = dt.datetime(2011, 12, 10, 1, 0, tzinfo=dt.UTC)


def night(
    token: str = "night-1", day: int = 0, config: str = "90", **market: object
) -> NightRecord:
    """Two markets that share a pooled model, the second of which failed."""
    made = MADE + dt.timedelta(days=day)
    versions = (
        VersionRecord(role="champion", identity=token, plan="reorder", model="a1" * 32),
        VersionRecord(role="challenger", identity="sar-market-1a2b3c4d", plan="sar (market)"),
    )
    france = MarketRecord(
        market="FR",
        params={"model": "reorder", "config.half_life_days": config},
        metrics={"ndcg_at_10": 0.25 + day, "recall_at_10": float("nan")},
        tags={"plan": "reorder (pooled)", "verdict": "kept", "cause": ""},
        files={"scorecard.json": "[1, 2]"},
        versions=versions,
    )
    germany = france.model_copy(update={"market": "DE", "failed": True, "versions": ()})
    ireland = france.model_copy(update={"market": "IE", "versions": versions[:1]})
    return NightRecord(
        run_token=token,
        as_of=made.date(),
        made=made,
        seconds=60.0,
        failed=True,
        markets=(france, germany, ireland),
    )


@pytest.fixture(scope="module")
def empty_database(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """A tracking database without a run: making one takes seconds."""
    path = tmp_path_factory.mktemp("empty") / "mlflow.db"
    MlflowClient(f"sqlite:///{path}").search_experiments()
    return path


@pytest.fixture
def settings(tmp_path: Path, empty_database: Path) -> Settings:
    shutil.copy(empty_database, tmp_path / "mlflow.db")
    return load_settings(home=tmp_path)


@pytest.fixture
def store(settings: Settings) -> Store:
    return open_store(settings=settings)


@pytest.fixture
def client(settings: Settings) -> MlflowClient:
    return MlflowClient(settings.tracking_uri, settings.tracking_uri)


def runs(client: MlflowClient) -> dict[str, list[Run]]:
    """Active runs by name."""
    experiment = client.get_experiment_by_name("restock")
    found: dict[str, list[Run]] = {}
    for run in client.search_runs([experiment.experiment_id]) if experiment else []:
        found.setdefault(run.info.run_name, []).append(run)
    return found


def champion(client: MlflowClient, market: str = "FR") -> str:
    """What the alias points to: the token of the publication."""
    return client.get_model_version_by_alias(f"restock-{market}", "champion").tags["identity"]


def test_a_night_is_a_parent_with_a_child_for_each_market(
    settings: Settings, client: MlflowClient, tmp_path: Path
) -> None:
    tracking.prepare(settings)
    tracked = tracking.track(night(), settings)

    found = runs(client)
    assert {name: len(same) for name, same in found.items()} == {
        "night 2011-12-10": 1,
        "FR": 1,
        "DE": 1,
        "IE": 1,
    }
    parent, child = found["night 2011-12-10"][0], found["FR"][0]
    assert tracked == (parent.info.run_id, 0)
    assert parent.info.status == "FAILED" and child.info.status == "FINISHED"
    assert found["DE"][0].info.status == "FAILED"
    assert child.data.tags["mlflow.parentRunId"] == parent.info.run_id
    assert child.data.tags["verdict"] == "kept"
    assert child.data.params["config.half_life_days"] == "90"
    assert child.data.metrics == {"ndcg_at_10": 0.25}  # NaN is no metric
    assert parent.info.end_time - parent.info.start_time == 60_000
    file = client.download_artifacts(child.info.run_id, "scorecard.json", str(tmp_path))
    assert Path(file).read_text() == "[1, 2]"


def test_one_pooled_artifact_stands_behind_many_versions(
    settings: Settings, client: MlflowClient
) -> None:
    tracking.track(night(), settings)
    france = client.get_model_version_by_alias("restock-FR", "champion")
    ireland = client.get_model_version_by_alias("restock-IE", "champion")
    assert france.source == ireland.source
    assert str(france.source).endswith(f"models/{'a1' * 32}")
    challenger = client.get_model_version_by_alias("restock-FR", "challenger")
    assert challenger.version != france.version
    assert challenger.tags["plan"] == "sar (market)"
    assert [model.name for model in client.search_registered_models()] == [
        "restock-FR",
        "restock-IE",
    ]


def test_the_same_night_twice_is_one_night(settings: Settings, client: MlflowClient) -> None:
    first = tracking.track(night(), settings)
    assert tracking.track(night(), settings) == first
    assert all(len(same) == 1 for same in runs(client).values())
    assert len(client.search_model_versions("name = 'restock-FR'")) == 2
    run = runs(client)["FR"][0].info.run_id
    assert len(client.get_metric_history(run, "ndcg_at_10")) == 1


def test_what_is_decided_differently_replaces_the_run(
    settings: Settings, client: MlflowClient
) -> None:
    """Params of a run cannot be changed, so that the old one has to go."""
    tracking.track(night(config="90"), settings)
    assert tracking.track(night(config="30"), settings).run_id
    found = runs(client)
    assert all(len(same) == 1 for same in found.values())
    assert found["FR"][0].data.params["config.half_life_days"] == "30"


def test_a_challenger_is_registered_once_however_many_nights_it_waits(
    settings: Settings, client: MlflowClient
) -> None:
    tracking.track(night("night-1", 0), settings)
    tracking.track(night("night-2", 1), settings)
    versions = client.search_model_versions("name = 'restock-FR'")
    assert sorted(version.tags["identity"] for version in versions) == [
        "night-1",
        "night-2",
        "sar-market-1a2b3c4d",
    ]
    assert champion(client) == "night-2"


def test_an_older_night_that_is_caught_up_moves_no_alias_back(
    settings: Settings, client: MlflowClient
) -> None:
    tracking.track(night("night-2", 1), settings)
    tracking.track(night("night-1", 0), settings)
    assert champion(client) == "night-2"


def test_the_alias_follows_a_rollback(settings: Settings, client: MlflowClient) -> None:
    tracking.track(night("night-1", 0), settings)
    tracking.track(night("night-2", 1), settings)
    assert tracking.point_champion(settings, "FR", "night-1")
    assert champion(client) == "night-1"
    assert not tracking.point_champion(settings, "FR", "unknown")


def test_runs_made_twice_by_a_lost_answer_become_one(
    settings: Settings, client: MlflowClient, store: Store, monkeypatch: pytest.MonkeyPatch
) -> None:
    """The server made the run, the answer was lost, the client asked again: no answer."""
    once = client.create_run
    lost = ["FR"]

    def twice(_: MlflowClient, experiment: str, start: int, tags: dict[str, Any], name: str) -> Run:
        made = once(experiment, start, tags, name)
        if name in lost:
            lost.clear()
            once(experiment, start, tags, name)
            raise ConnectionError("the answer was lost")
        return made

    monkeypatch.setattr(MlflowClient, "create_run", twice)
    assert tracking.track(night(), settings).run_id is None
    assert [entry.key for entry in store.list("spool/tracking")] == [
        "spool/tracking/20111210T010000-night-1.json"
    ]
    assert tracking.catch_up(settings) == 1
    assert all(len(same) == 1 for same in runs(client).values())
    assert not store.list("spool/tracking")


def test_what_else_is_different_is_written_into_the_run(
    settings: Settings, client: MlflowClient, tmp_path: Path
) -> None:
    """Only what is whole already is passed over, not what has the same name and time."""
    before = night()
    tracking.track(before, settings)
    france = before.markets[0].model_copy(update={"files": {"scorecard.json": "[3]"}})
    tracking.track(before.model_copy(update={"markets": (france, *before.markets[1:])}), settings)
    (run,) = runs(client)["FR"]
    file = client.download_artifacts(run.info.run_id, "scorecard.json", str(tmp_path))
    assert Path(file).read_text() == "[3]"


def test_a_run_of_any_size_is_written_whole(settings: Settings, client: MlflowClient) -> None:
    """MLflow takes so many metrics, params and tags at once."""
    many = {f"n{at}": str(at) for at in range(250)}
    metrics = {f"m{at}": float(at) for at in range(2100)}
    market = MarketRecord(market="FR", params=many, tags=many, metrics=metrics)
    assert tracking.track(night().model_copy(update={"markets": (market,)}), settings).run_id
    (run,) = runs(client)["FR"]
    assert run.data.params == many and run.data.metrics == metrics
    assert many.items() <= run.data.tags.items()


@pytest.mark.parametrize(
    "fault", [{"metrics": {"ndcg@10;": 1.0}}, {"files": {"a": "a file", "a/b": "and a folder"}}]
)
def test_a_record_that_cannot_be_written_does_not_hold_up_the_others(
    settings: Settings, client: MlflowClient, store: Store, fault: dict[str, Any]
) -> None:
    bad = night("night-1").model_copy(update=fault)
    assert tracking.track(bad, settings).run_id is None
    assert tracking.track(night("night-2", 1), settings).run_id
    assert champion(client) == "night-2"
    assert len(store.list("spool/tracking")) == 1


def test_two_processes_do_not_write_one_record_twice(
    settings: Settings, store: Store, monkeypatch: pytest.MonkeyPatch
) -> None:
    others: list[str] = []
    write = Writer.write
    other = (
        "from restock.infra import tracking; from restock.infra.settings import load_settings;"
        "print(tracking.catch_up(load_settings()))"
    )

    def meanwhile(self: Writer, record: NightRecord) -> str:
        done = subprocess.run(
            [sys.executable, "-c", other],
            env={**os.environ, "RESTOCK_HOME": str(settings.home)},
            capture_output=True,
            text=True,
            check=True,
        )
        others.append(done.stdout.strip())
        return write(self, record)

    monkeypatch.setattr(Writer, "write", meanwhile)
    assert tracking.track(night(), settings).run_id
    assert others == ["0"]


def test_a_server_that_is_away_is_not_asked_for_every_record(
    tmp_path: Path, caplog: pytest.LogCaptureFixture, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setitem(tracking._LIMITS, "MLFLOW_HTTP_REQUEST_MAX_RETRIES", "0")
    away = load_settings(home=tmp_path, mlflow={"tracking_uri": "http://127.0.0.1:9"})
    for day in range(3):
        tracking.spool(open_store(settings=away), night(f"night-{day}", day))
    assert tracking.catch_up(away) == 0
    said = [one.getMessage() for one in caplog.records if one.name == tracking.__name__]
    assert [text.startswith("MLflow at") for text in said] == [True, False]
    assert all(f"night-{day}" in said[1] for day in range(3))  # what waits


def test_a_night_that_takes_mlflow_too_long_is_finished_in_the_end(
    settings: Settings, client: MlflowClient, store: Store, monkeypatch: pytest.MonkeyPatch
) -> None:
    """Each turn has time for two runs or versions; the next goes on, then newer nights come."""
    clock = SimpleNamespace(now=0.0)
    patient = SimpleNamespace(monotonic=lambda: clock.now)
    monkeypatch.setattr(mlflow_writer, "time", patient)
    monkeypatch.setattr(tracking, "time", patient)
    for name in ("log_batch", "create_model_version"):
        monkeypatch.setattr(MlflowClient, name, _slow(getattr(MlflowClient, name), clock))
    tracking.spool(store, night("night-1", 0))
    tracking.spool(store, night("night-2", 1))
    turns = [tracking.catch_up(settings) for _ in range(8)]
    # four runs and three versions, then four runs and two: the challenger is there already
    assert turns == [0, 0, 0, 1, 0, 0, 1, 0]
    found = runs(client)
    assert {name: len(same) for name, same in found.items() if "night" in name} == {
        "night 2011-12-10": 1,
        "night 2011-12-11": 1,
    }
    assert all(run.info.status != "RUNNING" for same in found.values() for run in same)
    assert len(client.search_model_versions("name = 'restock-FR'")) == 3
    assert champion(client) == "night-2"
    for run in found["FR"]:
        assert len(client.get_metric_history(run.info.run_id, "ndcg_at_10")) == 1


def _slow(call: Callable[..., Any], clock: SimpleNamespace) -> Callable[..., Any]:
    """The same, after which more than half of a turn is over."""

    def slow(*arguments: Any, **options: Any) -> Any:
        clock.now += 0.6 * tracking.SECONDS
        return call(*arguments, **options)

    return slow


def test_slow_answers_end_in_the_spool(settings: Settings, store: Store) -> None:
    assert tracking.track(night(), settings, seconds=0.0).run_id is None
    assert len(store.list("spool/tracking")) == 1
    assert tracking.catch_up(settings) == 1


@pytest.fixture
def server(tmp_path: Path, empty_database: Path) -> Iterator["Server"]:
    made = Server(tmp_path / "server")
    shutil.copy(empty_database, made.folder / "mlflow.db")
    yield made
    made.kill()


class Server:
    """A real MLflow server that can be killed and started again on its port."""

    def __init__(self, folder: Path) -> None:
        folder.mkdir()
        self.folder, self.port = folder, free_port()
        self.url = f"http://127.0.0.1:{self.port}"
        self.service: Service | None = None

    def start(self) -> None:
        self.service = serve(self.folder, self.port, environment={})
        wait_for(self.service)

    def kill(self) -> None:
        if self.service:
            stop([self.service], grace=0.0)


def test_a_server_that_is_away_gets_every_night_when_it_is_back(
    server: Server, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    """Away before, killed in the middle of a night, back: all nights are there, each once."""
    settings = load_settings(home=tmp_path / "home", mlflow={"tracking_uri": server.url})
    store = open_store(settings=settings)
    monkeypatch.setitem(tracking._LIMITS, "MLFLOW_HTTP_REQUEST_MAX_RETRIES", "1")
    assert tracking.track(night("night-1", 0), settings) == (None, 0)
    tracking.prepare(settings)  # says so in the log, and goes on

    server.start()
    began = Writer._run

    def kill(self: Writer, place: Any, name: str, known: list[Run], about: Any) -> Run:
        if name == "DE" and server.service:
            server.kill()
            server.service = None
        return began(self, place, name, known, about)

    monkeypatch.setattr(Writer, "_run", kill)
    assert tracking.track(night("night-2", 1), settings) == (None, 0)
    assert len(store.list("spool/tracking")) == 2

    monkeypatch.undo()
    server.start()
    tracked = tracking.track(night("night-3", 2), settings)
    assert tracked.run_id and tracked.caught_up == 2
    assert not store.list("spool/tracking")
    client = MlflowClient(server.url, server.url)
    assert all(len(same) == (3 if len(name) == 2 else 1) for name, same in runs(client).items())
    assert len(client.search_model_versions("name = 'restock-FR'")) == 4
    assert champion(client) == "night-3"
    file = client.download_artifacts(runs(client)["FR"][0].info.run_id, "scorecard.json")
    assert Path(file).read_text() == "[1, 2]"
