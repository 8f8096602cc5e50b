"""What the dry run foretells is what a deploy then does, on a real server."""

import os
import subprocess
import sys
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import pytest
import yaml
from contracts.servers import serving
from prefect.client.orchestration import get_client
from prefect.settings import PREFECT_API_URL, temporary_settings

from restock.infra.deployment_changes import Change, Field, changes, text
from restock.infra.deployments import check
from restock.infra.prefect_env import environment
from restock.infra.prefect_server import ask
from restock.infra.settings import Settings, load_settings

POOL = "dry-run"
RENAMED = {  # what the server's answers call it
    "concurrency_limit": "global_concurrency_limit",
    "collision_strategy": "concurrency_options",
    "work_pool": "work_pool_name",
}
COMMIT = {"SHA": "a" * 40, "REF_NAME": "main", "REPOSITORY": "shop/restock"}
VOLATILE = {"id", "created", "updated", "created_by", "updated_by", "status"}
VOLATILE |= {"last_polled", "work_queue_id", "version_id", "flow_id", "active_slots"}


def deployment(name: str, **more: Any) -> dict[str, Any]:
    """A flow that runs without parameters."""
    return {
        "name": name,
        "description": "A flow to try deploying with.",
        "entrypoint": "restock.flows.monitor.monitor",
        "work_pool": {"name": POOL},
        **more,
    }


def yearly(slug: str, cron: str = "0 0 1 1 *") -> dict[str, Any]:
    """A schedule whose runs are far away."""
    return {"slug": slug, "cron": cron, "timezone": "UTC"}


def automation(name: str, target: str) -> dict[str, Any]:
    """Starts a deployment on an event that nobody emits."""
    action = {"type": "run-deployment", "deployment": target, "parameters": {}}
    events = [f"{name}-{at}" for at in range(6)]  # sets to the server: in any order
    trigger = {"type": "event", "posture": "Reactive", "expect": events, "threshold": 1}
    return {"name": name, "trigger": {**trigger, "within": 0}, "actions": [action]}


LIMIT = {"limit": 1, "collision_strategy": "ENQUEUE"}
BEFORE = [
    deployment("try-same", schedules=[yearly("yearly")], tags=["b", "a"], concurrency_limit=LIMIT),
    deployment("try-times", schedules=[yearly("yearly")]),
    deployment("try-slug", schedules=[yearly("yearly")]),
    deployment("try-limit", concurrency_limit=LIMIT, tags=["a"]),
    deployment("try-limits", concurrency_limit=LIMIT),
    deployment("try-values", parameters={"as_of": "2011-06-01"}),
    deployment("try-unscheduled", schedules=[yearly("yearly")]),
    deployment("try-gone"),
]
AFTER = [
    BEFORE[0],
    deployment("try-times", schedules=[yearly("yearly", "0 0 2 1 *")]),
    deployment("try-slug", schedules=[yearly("once")]),
    deployment("try-limit"),
    deployment("try-limits", concurrency_limit={"limit": 3, "collision_strategy": "CANCEL_NEW"}),
    deployment("try-values", parameters={"as_of": "2011-07-01"}, description="Another one."),
    deployment("try-unscheduled"),
    deployment("try-new", schedules=[yearly("yearly")]),
]


@pytest.fixture(scope="module")
def own_settings(tmp_path_factory: pytest.TempPathFactory) -> Settings:
    """A home of its own: everything that is on the server is compared."""
    return load_settings(home=tmp_path_factory.mktemp("home"), cores=2)


@pytest.fixture(scope="module")
def own_server(own_settings: Settings) -> Iterator[str]:
    """Address of a server that no other test deploys to; prefect in this process talks to it."""
    with serving(own_settings) as started:
        url = f"{started.url}/api"
        with temporary_settings({PREFECT_API_URL: url}):
            yield url


class Server:
    """The command that CI runs, and what the server says of itself."""

    def __init__(self, api: str, settings: Settings, folder: Path) -> None:
        self.api, self.folder = api, folder
        self.settings = environment(settings) | {"PREFECT_API_URL": api}
        (folder / "automations").mkdir(parents=True)

    def declare(self, deployments: list[dict[str, Any]], *automations: dict[str, Any]) -> None:
        """Write the folder that is deployed."""
        whole = {"name": "try", "build": [], "push": [], "pull": [], "deployments": deployments}
        (self.folder / "prefect.yaml").write_text(yaml.safe_dump(whole))
        for about in automations:
            path = self.folder / "automations" / f"{about['name']}.yaml"
            path.write_text(yaml.safe_dump(about))

    def deploy(self, *more: str) -> str:
        """Run it; its output."""
        command = [sys.executable, "-m", "restock.infra.deploy", "--other-flows"]
        done = subprocess.run(
            [*command, "--folder", str(self.folder), *more],
            env=os.environ | self.settings,
            capture_output=True,
            text=True,
            timeout=180,
        )
        assert done.returncode == 0, done.stderr
        return done.stdout

    def foretold(self) -> list[Change]:
        """What the dry run knows."""
        with get_client(sync_client=True) as client:
            return changes(client, self.folder, check(self.folder, None))

    def state(self) -> dict[str, dict[str, Any]]:
        """Everything that a deploy can change, without what changes by itself."""
        flows = {one["id"]: one["name"] for one in ask(self.api, "/flows/filter")}
        found: dict[str, dict[str, Any]] = {}
        for one in ask(self.api, "/deployments/filter"):
            found[f"deployment {flows[one['flow_id']]}/{one['name']}"] = plain(one)
        for one in ask(self.api, "/automations/filter"):
            found[f"automation {one['name']}"] = plain(one)
        for one in ask(self.api, "/work_pools/filter"):
            found[f"pool {one['name']}"] = {}
        return found


def plain(value: Any) -> Any:
    """Without ids and times; schedules and tags in order."""
    if isinstance(value, dict):
        return {key: plain(inner) for key, inner in value.items() if key not in VOLATILE}
    if isinstance(value, list):
        return sorted((plain(inner) for inner in value), key=str)
    return value


@pytest.mark.platform
def test_a_deploy_does_what_the_dry_run_foretold(
    own_server: str, own_settings: Settings, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    for name, value in COMMIT.items():
        monkeypatch.setenv(f"GITHUB_{name}", value)
    server = Server(own_server, own_settings, tmp_path / "deployments")
    server.declare(BEFORE, automation("try-event", "monitor/try-same"))
    nothing = server.state()
    created = {f"{one.kind} {one.name}" for one in server.foretold() if one.state == "created"}
    assert server.state() == nothing
    server.deploy()
    there = server.state()
    assert created == there.keys() - nothing.keys()

    # switched off in the server's pages: that stays, and is no difference
    switch_off(own_server, "try-same", "try-event")
    there = server.state()
    server.declare(
        AFTER,
        automation("try-event", "monitor/try-new"),
        automation("try-other", "monitor/try-new"),
    )
    foretold = server.foretold()
    assert server.deploy("--dry-run").strip() == text(foretold)
    assert server.state() == there
    server.deploy()
    now = server.state()
    assert now.keys() == {f"{one.kind} {one.name}" for one in foretold}  # nothing is removed
    for one in foretold:
        if one.state == "created":
            assert f"{one.kind} {one.name}" not in there
            continue
        before, after = there[f"{one.kind} {one.name}"], now[f"{one.kind} {one.name}"]
        changed = {key for key in before.keys() | after.keys() if before.get(key) != after.get(key)}
        fields = {field.name.split(".")[0] for field in one.fields}
        assert {RENAMED.get(name, name) for name in fields} == changed, one
        assert (one.state == "changed") == bool(changed), one
    states = {one.name.rpartition("/")[2]: one.state for one in foretold}
    assert states["try-same"] == states["try-unscheduled"] == "unchanged"
    assert states["try-gone"] == "only on the server"
    assert states["try-new"] == states["try-other"] == "created"
    # it is as foretold, value by value: nothing is left to change
    assert {one.state for one in server.foretold()} == {"unchanged", "only on the server"}
    monkeypatch.setenv("GITHUB_SHA", "b" * 40)  # another commit is another version of each
    fields = {one.fields for one in server.foretold() if one.kind == "deployment" and one.fields}
    assert fields == {(Field("version", f'"{"a" * 8}"', f'"{"b" * 8}"'),)}


@pytest.mark.unit
def test_the_text_says_from_what_to_what() -> None:
    found = [
        Change("pool", "restock", "unchanged"),
        Change(
            "deployment",
            "retrain/gulf",
            "changed",
            (Field("schedules.nightly.cron", '"10 4 * * *"', '"10 5 * * *"'),),
        ),
        Change("deployment", "retrain/old", "only on the server"),
    ]
    assert text(found).splitlines() == [
        "pool restock: unchanged",
        "deployment retrain/gulf: changed",
        '  schedules.nightly.cron: "10 4 * * *" → "10 5 * * *"',
        "deployment retrain/old: only on the server",
        "1 unchanged, 1 changed, 1 only on the server",
    ]


@pytest.mark.platform
def test_what_is_wrong_is_said_before_anything_is_changed(
    own_server: str, own_settings: Settings, tmp_path: Path
) -> None:
    server = Server(own_server, own_settings, tmp_path / "deployments")
    server.declare(
        [
            deployment("try-right"),
            deployment("try-wrong", parameters={"as_off": "2011-06-01"}),
        ]
    )
    there = server.state()
    with pytest.raises(AssertionError, match="as_off"):
        server.deploy()
    assert server.state() == there


def switch_off(api: str, deployment: str, automation: str) -> None:
    """As a person does in the pages."""
    named = {"name": {"any_": [deployment]}}
    [one] = ask(api, "/deployments/filter", deployments=named)
    [other] = ask(api, "/automations/filter", automations={"name": {"any_": [automation]}})
    off = {"active": False}
    with get_client(sync_client=True) as client:
        schedule = f"/deployments/{one['id']}/schedules/{one['schedules'][0]['id']}"
        client.request("PATCH", schedule, json=off).raise_for_status()
        enabled = {"enabled": False}
        client.request("PATCH", f"/automations/{other['id']}", json=enabled).raise_for_status()
