"""What is declared is checked before anything changes, and does what it says on a real server."""

import os
import shutil
import signal
import subprocess
import sys
import time
from collections.abc import Callable
from datetime import UTC, datetime
from pathlib import Path
from typing import Any
from zoneinfo import ZoneInfo

import pytest
import yaml
from prefect.client.orchestration import get_client

from restock.infra.deployments import (
    OFTEN,
    Deployment,
    DeploymentsError,
    check,
    packaged,
    read_prefect_file,
)
from restock.infra.markets import load_markets
from restock.infra.prefect_env import environment
from restock.infra.prefect_server import ask
from restock.infra.processes import free_port
from restock.infra.settings import Settings

Edit = Callable[[dict[str, Any]], object]


@pytest.mark.unit
@pytest.mark.parametrize("often", OFTEN)
def test_every_market_is_retrained_and_looked_at_every_day_searched_and_tested_every_week(
    often: str,
) -> None:
    markets = load_markets()
    scheduled = [one for one in read_prefect_file(packaged()).scheduled if often in one.tags]
    covered = [code for one in scheduled for code in markets.in_group(one.parameters["group"])]
    assert sorted(covered) == sorted(markets)
    for one in scheduled:
        assert one.parameters["as_of"] == "scheduled"
        assert one.concurrency_limit is not None and one.concurrency_limit.limit == 1
        zone = ZoneInfo(markets.schedule_groups[one.parameters["group"]])
        assert [schedule.timezone for schedule in one.schedules] == [zone.key]


@pytest.mark.unit
def test_no_schedule_falls_into_a_change_of_the_clocks() -> None:
    """The time exists, once, on every day: two years of every zone."""
    for one in _of_groups():
        minute, hour = one.schedules[0].cron.split()[:2]
        zone = ZoneInfo(one.schedules[0].timezone)
        for day in range(731):
            morning = datetime.fromordinal(datetime(2026, 1, 1).toordinal() + day)
            local = morning.replace(hour=int(hour), minute=int(minute), tzinfo=zone)
            there_and_back = local.astimezone(UTC).astimezone(zone)
            assert there_and_back.replace(tzinfo=None) == local.replace(tzinfo=None)
            assert local.replace(fold=1).utcoffset() == local.utcoffset()


@pytest.mark.unit
def test_the_packaged_deployments_are_right() -> None:
    assert check(packaged(), load_markets()).deployments


@pytest.mark.unit
def test_a_search_begins_after_the_night_of_its_group_and_ends_before_the_next() -> None:
    begins: dict[tuple[str, str], int] = {}
    for one in _of_groups():
        minute, hour, _, _, day = one.schedules[0].cron.split()
        often = next(tag for tag in one.tags if tag in OFTEN)
        begins[one.parameters["group"], often] = 60 * int(hour) + int(minute)
        assert day == ("0" if often in ("weekly", "backtest") else "*")
        if often == "weekly":
            hours = one.parameters["budget_seconds"] / 3600
            assert hours + begins[one.parameters["group"], often] / 60 < 24
    for group in load_markets().schedule_groups:
        assert begins[group, "weekly"] >= begins[group, "nightly"] + 60
        # the search has ended: its budget is an hour
        assert begins[group, "backtest"] >= begins[group, "weekly"] + 60
        assert begins[group, "daily"] >= begins[group, "nightly"] + 60  # the night is done


def _of_groups() -> list[Deployment]:
    """What is scheduled for a group, in its zone."""
    scheduled = read_prefect_file(packaged()).scheduled
    return [one for one in scheduled if "group" in one.parameters]


def _first(declared: dict[str, Any]) -> dict[str, Any]:
    one: dict[str, Any] = declared["deployments"][0]
    return one


@pytest.mark.thorough
@pytest.mark.unit
@pytest.mark.parametrize(
    ("edit", "reason"),
    [
        (lambda d: _first(d).update(schedulse=[]), "schedulse"),
        (lambda d: _first(d).update(parameters={"groop": "gulf"}), "no parameter groop"),
        (lambda d: _first(d)["parameters"].update(markets=7), "markets"),
        (lambda d: _first(d)["schedules"][0].update(cron="10 25 * * *"), "10 25"),
        (lambda d: _first(d)["schedules"][0].update(timezone="Europe/Paradise"), "Paradise"),
        (lambda d: _first(d).update(entrypoint="restock.flows.retrain.retain"), "retain"),
        (lambda d: _first(d)["schedules"][0].update(timezone="Asia/Seoul"), "east-asia is Asia"),
        (lambda d: d["deployments"].pop(6), "americas: 0 nightly deployments"),
        (lambda d: d["deployments"].pop(13), "americas: 0 weekly deployments"),
        (lambda d: d["deployments"].pop(20), "americas: 0 daily deployments"),
        (lambda d: d["deployments"].pop(27), "americas: 0 backtest deployments"),
        (lambda d: d["deployments"].pop(29), "no deployment 'respond/respond'"),
        (lambda d: d["deployments"].append(_first(d)), "east-asia: declared 2 times"),
        (lambda d: _first(d)["schedules"][0].update(active=False), "east-asia: 0 nightly"),
    ],
)
def test_a_mistake_is_named_before_anything_is_changed(
    tmp_path: Path, edit: Edit, reason: str
) -> None:
    declared = yaml.safe_load((packaged() / "prefect.yaml").read_text())
    declared = yaml.safe_load(yaml.safe_dump(declared))  # without the anchors
    for one in declared["deployments"]:
        one["schedules"] = [dict(schedule) for schedule in one.get("schedules", [])]
        one["parameters"] = dict(one.get("parameters", {}))
    edit(declared)
    (tmp_path / "prefect.yaml").write_text(yaml.safe_dump(declared))
    shutil.copytree(packaged() / "automations", tmp_path / "automations")
    with pytest.raises(DeploymentsError, match=reason):
        check(tmp_path, load_markets())


@pytest.mark.unit
def test_a_misspelt_automation_is_named(tmp_path: Path) -> None:
    (tmp_path / "prefect.yaml").write_text((packaged() / "prefect.yaml").read_text())
    (tmp_path / "automations").mkdir()
    about = yaml.safe_load((packaged() / "automations" / "zombies.yaml").read_text())
    about["triger"] = about.pop("trigger")
    (tmp_path / "automations" / "zombies.yaml").write_text(yaml.safe_dump(about))
    with pytest.raises(DeploymentsError, match="triger"):
        check(tmp_path, load_markets())


def deploy(api: str, settings: Settings, *arguments: str) -> None:
    """The command that CI runs."""
    subprocess.run(
        [sys.executable, "-m", "restock.infra.deploy", *arguments],
        env={**os.environ, **environment(settings), "PREFECT_API_URL": api},
        check=True,
        timeout=180,
    )


@pytest.mark.platform
@pytest.mark.parametrize("module", ["deploy", "catch_up"])
def test_a_server_that_is_away_is_named(module: str, tmp_path: Path) -> None:
    url = f"http://127.0.0.1:{free_port()}/api"
    done = subprocess.run(
        [sys.executable, "-m", f"restock.infra.{module}"],
        env={**os.environ, "RESTOCK_PREFECT__API_URL": url, "RESTOCK_HOME": str(tmp_path)},
        capture_output=True,
        text=True,
        timeout=180,
    )
    assert done.returncode == 2, done.stderr
    assert f"the Prefect server {url} does not answer" in done.stderr
    assert "Traceback" not in done.stderr


@pytest.mark.platform
def test_a_real_server_schedules_every_group_and_twice_is_once(
    prefect_api: str, server_settings: Settings
) -> None:
    deploy(prefect_api, server_settings)
    zombies = {"name": {"any_": ["restock-zombies"]}}
    automation = ask(prefect_api, "/automations/filter", automations=zombies)[0]
    with get_client(sync_client=True) as client:
        off = {"enabled": False}
        client.request("PATCH", f"/automations/{automation['id']}", json=off).raise_for_status()
    deploy(prefect_api, server_settings)

    groups = load_markets().schedule_groups
    deployments = {one["id"]: one for one in ask(prefect_api, "/deployments/filter")}
    names = [
        f"{often}{group}" for group in groups for often in ("", "search-", "drift-", "backtest-")
    ]
    names += ["monitor", "respond", "alert", "alert"]
    assert sorted(one["name"] for one in deployments.values()) == sorted(names)
    started = {id for id, one in deployments.items() if one["name"] in ("respond", "alert")}
    due_runs = {"state": {"type": {"any_": ["SCHEDULED"]}}}
    found = ask(prefect_api, "/flow_runs/filter", flow_runs=due_runs)
    # alerts of other tests reach this server too, and its automations answer them
    runs = [run for run in found if run["auto_scheduled"]]
    assert {run["deployment_id"] for run in runs} == deployments.keys() - started
    for one in deployments.values():
        if "group" not in one["parameters"]:
            continue
        assert one["global_concurrency_limit"]["limit"] == 1
        assert one["schedules"][0]["schedule"]["timezone"] == groups[one["parameters"]["group"]]
    for run in runs:
        one = deployments[run["deployment_id"]]
        if "group" not in one["parameters"]:
            continue
        zone = ZoneInfo(groups[one["parameters"]["group"]])
        due = datetime.fromisoformat(run["expected_start_time"]).astimezone(zone)
        often = next(tag for tag in one["tags"] if tag in OFTEN)
        hour = {"nightly": 4, "daily": 5, "weekly": 7, "backtest": 9}[often]
        assert (due.hour, due.minute) == (hour, 10)
        assert due.weekday() == 6 or often not in ("weekly", "backtest")
    automations = ask(prefect_api, "/automations/filter", automations=zombies)
    assert [one["enabled"] for one in automations] == [False]  # switched off by hand: stays off
    drift = ask(
        prefect_api, "/automations/filter", automations={"name": {"any_": ["restock-drift"]}}
    )
    answers = [action["deployment_id"] for one in drift for action in one["actions"]]
    assert [deployments[id]["name"] for id in answers] == ["respond"]


KILLED = """
import os, signal, time
from prefect import flow

@flow
def sleeper() -> None:
    print(os.getpid(), flush=True)
    time.sleep(600)

sleeper()
"""


@pytest.mark.platform
def test_a_flow_that_is_killed_does_not_run_for_ever(
    prefect_api: str, server_settings: Settings
) -> None:
    """The shipped automation, with ten seconds of patience instead of ninety."""
    about = yaml.safe_load((packaged() / "automations" / "zombies.yaml").read_text())
    impatient = {**about, "name": "impatient", "trigger": {**about["trigger"], "within": 10}}
    ask(prefect_api, "/automations/", **impatient)
    flow = subprocess.Popen(
        [sys.executable, "-c", KILLED],
        env={**os.environ, **environment(server_settings), "PREFECT_API_URL": prefect_api},
        stdout=subprocess.PIPE,
    )
    try:
        assert flow.stdout is not None
        flow.stdout.readline()
        time.sleep(3)  # its first heartbeat reaches the server
        os.kill(flow.pid, signal.SIGKILL)
        until = time.monotonic() + 60
        state = None
        while state != "CRASHED" and time.monotonic() < until:
            runs = ask(prefect_api, "/flow_runs/filter", flows={"name": {"any_": ["sleeper"]}})
            state = runs[0]["state_type"]
            time.sleep(0.5)
        assert state == "CRASHED"
        assert "heartbeat" in runs[0]["state"]["message"]
    finally:
        flow.kill()
        flow.wait()
