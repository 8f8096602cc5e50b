"""The local platform for real: up, used, damaged, up again, down."""

import datetime as dt
import os
import signal
import sys
import time
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import psutil
import pytest
from contracts.servers import standing_platform

from restock.infra import platform
from restock.infra.catch_up import TAG, due
from restock.infra.deployments import DeploymentsError, read_prefect_file
from restock.infra.platform_state import SERVER, WORKER, PlatformState, read_state, write_state
from restock.infra.prefect_server import ask
from restock.infra.processes import Service, python, start, stop
from restock.infra.settings import Settings, load_settings

PREFECT_FILE = """
name: toy
build: []
push: []
pull: []
deployments:
  - name: nightly
    description: A flow that says where it ran.
    entrypoint: restock_toy_flow.say
    parameters: {{word: {word}}}
    schedules: [{{cron: "10 4 * * *", timezone: Europe/London}}]
    concurrency_limit: {{limit: 1, collision_strategy: ENQUEUE}}
    work_pool: {{name: toy}}
"""
FLOW = """
import os
from pathlib import Path
from prefect import flow
from prefect.runtime import flow_run

@flow
def say(word: str) -> None:
    Path(os.environ["RESTOCK_HOME"], "said").write_text(word)
    Path(os.environ["RESTOCK_HOME"], "about").write_text(flow_run.scheduled_start_time.isoformat())
"""


def post(at: PlatformState, path: str, **body: Any) -> Any:
    """Ask the Prefect server of the platform."""
    return ask(f"{at.services[SERVER].url}/api", path, **body)


def ended(at: PlatformState, run: str) -> str:
    """The state that a run ends in."""
    until = time.monotonic() + 90
    while True:
        found = post(at, "/flow_runs/filter", flow_runs={"id": {"any_": [run]}})[0]
        state = str(found["state_type"])
        if state in ("COMPLETED", "FAILED", "CRASHED") or time.monotonic() > until:
            return state
        time.sleep(0.5)


@pytest.fixture(scope="module")
def settings(tmp_path_factory: pytest.TempPathFactory) -> Settings:
    return load_settings(home=tmp_path_factory.mktemp("home"))


@pytest.fixture(scope="module")
def folder(tmp_path_factory: pytest.TempPathFactory) -> Path:
    folder = tmp_path_factory.mktemp("deployments")
    (folder / "prefect.yaml").write_text(PREFECT_FILE.format(word="hello"))
    (folder / "restock_toy_flow.py").write_text(FLOW)
    return folder


@pytest.fixture(scope="module")
def state(settings: Settings, folder: Path) -> Iterator[PlatformState]:
    before = os.environ.get("PYTHONPATH")
    os.environ["PYTHONPATH"] = str(folder)
    try:
        options = {"folder": folder, "every_market": False}
        with standing_platform(settings, **options) as state:
            yield state
    finally:
        os.environ.pop("PYTHONPATH")
        if before is not None:
            os.environ["PYTHONPATH"] = before


@pytest.mark.platform
def test_everything_answers_and_a_run_is_scheduled(
    state: PlatformState, settings: Settings
) -> None:
    assert all(platform.status(settings).values())
    runs = post(state, "/flow_runs/filter")
    assert {run["state_type"] for run in runs} == {"SCHEDULED"}


@pytest.mark.platform
def test_nothing_listens_beyond_the_loopback_address(state: PlatformState) -> None:
    heard = set()
    for service in state.services.values():
        process = psutil.Process(service.pid)
        for one in [process, *process.children(recursive=True)]:
            sockets = one.net_connections("inet")
            heard |= {found.laddr.ip for found in sockets if found.status == psutil.CONN_LISTEN}
    assert heard == {"127.0.0.1"}


@pytest.mark.platform
def test_the_worker_runs_a_deployment(state: PlatformState, settings: Settings) -> None:
    deployment = post(state, "/deployments/filter")[0]
    run = post(
        state,
        f"/deployments/{deployment['id']}/create_flow_run",
        parameters={"word": "bonjour"},
        state={"type": "SCHEDULED"},
    )
    assert ended(state, run["id"]) == "COMPLETED", settings.home
    assert (settings.home / "said").read_text() == "bonjour"


@pytest.mark.platform
def test_up_again_starts_only_what_has_stopped(
    state: PlatformState, settings: Settings, folder: Path
) -> None:
    again = platform.up(settings, folder=folder, every_market=False)
    assert again.services == state.services

    os.kill(state.services[WORKER].pid, signal.SIGKILL)
    while state.services[WORKER].alive():
        time.sleep(0.05)
    healed = platform.up(settings, folder=folder, every_market=False)
    assert healed.services[WORKER].pid != state.services[WORKER].pid
    assert healed.services[SERVER] == state.services[SERVER]


@pytest.mark.platform
def test_what_was_due_while_the_worker_was_away_runs_once_about_its_own_time(
    state: PlatformState, settings: Settings, folder: Path
) -> None:
    nightly = post(state, "/deployments/filter")[0]["id"]
    now = dt.datetime.now(dt.UTC)
    schedules = read_prefect_file(folder).deployments[0].schedules
    *_, before, missed = due(schedules, now - dt.timedelta(days=4), now)
    stop([read_state(settings.home).services[WORKER]])
    ran = post(
        state,
        f"/deployments/{nightly}/create_flow_run",
        state={"type": "SCHEDULED", "state_details": {"scheduled_time": before.isoformat()}},
        tags=[TAG],
    )
    post(state, f"/flow_runs/{ran['id']}/set_state", state={"type": "COMPLETED"}, force=True)
    after = {"expected_start_time": {"after_": before.isoformat(), "before_": now.isoformat()}}
    for _ in range(2):
        stop([read_state(settings.home).services[WORKER]])
        platform.up(settings, folder=folder, every_market=False)
        runs = post(state, "/flow_runs/filter", flow_runs={**after, "tags": {"all_": [TAG]}})
        (found,) = [run for run in runs if run["id"] != ran["id"]]
        assert ended(state, found["id"]) == "COMPLETED"
    about = dt.datetime.fromisoformat((settings.home / "about").read_text())
    assert about == missed


@pytest.mark.platform
def test_a_wrong_deployment_changes_nothing(
    state: PlatformState, settings: Settings, folder: Path
) -> None:
    path = folder / "prefect.yaml"
    try:
        path.write_text(PREFECT_FILE.format(word="[no, word]"))
        with pytest.raises(DeploymentsError, match="nightly"):
            platform.up(settings, folder=folder, every_market=False)
    finally:
        path.write_text(PREFECT_FILE.format(word="hello"))
    assert platform.status(settings)[SERVER]
    assert post(state, "/deployments/filter")[0]["parameters"] == {"word": "hello"}


@pytest.mark.platform
def test_down_stops_everything_and_twice_is_harmless(
    state: PlatformState, settings: Settings, folder: Path
) -> None:
    platform.up(settings, folder=folder, every_market=False)  # whatever ran before
    pids = [service.pid for service in read_state(settings.home).services.values()]
    family = [child for pid in pids for child in psutil.Process(pid).children(recursive=True)]
    assert platform.down(settings) == ["mlflow", "prefect-server", "prefect-worker"]
    assert not any(psutil.pid_exists(pid) for pid in pids)
    assert not any(child.is_running() for child in family)
    assert platform.down(settings) == []
    assert read_state(settings.home).ports == state.ports


@pytest.mark.platform
def test_what_was_started_is_stopped_when_it_fails(
    folder: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    settings = load_settings(home=tmp_path, mlflow={"tracking_uri": "http://127.0.0.1:1"})
    seen: list[Service] = []

    def refuse(folder: Path, variables: object, every_market: bool) -> None:
        seen.extend(read_state(tmp_path).running().values())
        raise DeploymentsError("no")

    monkeypatch.setattr(platform, "_deploy", refuse)
    with pytest.raises(DeploymentsError):
        platform.up(settings, folder=folder, every_market=False)
    assert [service.name for service in seen] == [SERVER]
    assert not seen[0].alive() and not read_state(tmp_path).services


@pytest.mark.unit
def test_a_server_elsewhere_is_not_started_here(tmp_path: Path) -> None:
    settings = load_settings(home=tmp_path, prefect={"api_url": "https://prefect.example/api"})
    with pytest.raises(platform.NotOurs, match=r"prefect\.example"):
        platform.up(settings)


@pytest.mark.platform
def test_a_state_from_before_a_reboot_is_not_believed(tmp_path: Path) -> None:
    """The pid is taken by another process: ours is not running, and theirs is not stopped."""
    other = start("other", (sys.executable, "-c", "input()"), log=tmp_path / "log", environment={})
    sleeper = start("x", ("sleep", "60"), log=tmp_path / "log", environment={})
    try:
        stale = sleeper.model_copy(update={"name": SERVER, "started": sleeper.started - 3600})
        write_state(tmp_path, PlatformState(services={SERVER: stale}))
        assert read_state(tmp_path).running() == {}
        assert platform.down(load_settings(home=tmp_path)) == []
        assert sleeper.alive()
    finally:
        stop([other, sleeper], grace=1)
    assert not sleeper.alive()


@pytest.mark.unit
def test_a_damaged_state_file_means_that_nothing_runs(tmp_path: Path) -> None:
    (tmp_path / "platform.json").write_text('{"services": ')
    assert read_state(tmp_path) == PlatformState()


@pytest.mark.unit
def test_commands_run_by_module_of_this_interpreter() -> None:
    assert python("prefect", "version")[:2] == (sys.executable, "-m")
