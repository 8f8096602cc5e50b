"""``python -m restock.infra.deploy``: apply ``deployments/`` to a Prefect server.

Checks everything first; then makes the work pools, runs ``prefect deploy --all``, installs the
automations and waits until the server has scheduled a run. Running it again changes nothing.
``--dry-run`` says what that would change, and changes nothing.
"""

import argparse
import os
import subprocess
import sys
import time
from collections.abc import Mapping
from pathlib import Path
from typing import Any
from uuid import UUID

from restock.infra.deployment_changes import changes, text
from restock.infra.deployments import (
    PREFECT_FILE,
    DeploymentsError,
    PrefectFile,
    automation_files,
    check,
    packaged,
    read_automation,
)
from restock.infra.markets import load_markets
from restock.infra.prefect_client import connected, deployments, pages
from restock.infra.prefect_env import configure
from restock.infra.processes import python
from restock.infra.settings import SettingsError, load_settings
from restock.infra.work_pools import make_pools, pools_of

SCHEDULED_SECONDS = 90.0
OTHER_FLOWS = "a folder that is not about every market is applied with --other-flows"


def deploy(client: Any, folder: Path, declared: PrefectFile) -> list[str]:
    """Apply what was checked. Returns the names of the deployments, ``FLOW/NAME``.

    Raises DeploymentsError when Prefect refuses, or schedules nothing.
    """
    make_pools(client, pools_of(folder, declared))
    command = python(
        *("prefect", "--no-prompt", "deploy", "--all"),
        *("--prefect-file", str(folder / PREFECT_FILE)),
    )
    done = subprocess.run(command, capture_output=True, text=True, env=os.environ, check=False)
    if done.returncode:
        raise DeploymentsError(f"prefect deploy failed:\n{done.stdout}{done.stderr}")
    ids = {name: str(one.id) for name, one in deployments(client).items()}
    for path in automation_files(folder):
        _install(client, read_automation(path, ids))
    return _wait_for_runs(client, declared)


def _install(client: Any, about: dict[str, Any]) -> None:
    """One automation of each name, with what the file says now; a switch by hand stays."""
    from prefect.automations import Automation
    from prefect.events.schemas.automations import AutomationCore

    wanted = AutomationCore.model_validate(about)
    found = client.request(
        "POST",
        "/automations/filter",
        json={"automations": {"name": {"any_": [wanted.name]}}},
    ).json()
    if not found:
        Automation.model_validate(about).create()
        return
    before = found[0]
    for extra in found[1:]:
        client.request("DELETE", f"/automations/{extra['id']}")
    client.request(
        "PUT",
        f"/automations/{before['id']}",
        json={
            **wanted.model_dump(mode="json", exclude={"owner_resource"}),
            "enabled": before["enabled"],
        },
    )


def _wait_for_runs(client: Any, declared: PrefectFile) -> list[str]:
    """A server can be healthy and schedule nothing: wait for a run of every schedule.

    One that somebody has switched off in the pages is not waited for.
    """
    scheduled = {one.name for one in declared.scheduled}
    there = deployments(client)
    missing = {
        one.id: name
        for name, one in there.items()
        if one.name in scheduled and not one.paused and any(s.active for s in one.schedules)
    }
    until = time.monotonic() + SCHEDULED_SECONDS
    while missing := _without_runs(client, missing):
        if time.monotonic() > until:
            late = sorted(missing.values())
            raise DeploymentsError(
                f"the server has scheduled no run of {', '.join(late)}: look into its "
                "log, and try `restock doctor` (sqlalchemy 2.1 is one known cause)"
            )
        time.sleep(0.5)
    ours = {one.name for one in declared.deployments}
    return sorted(name for name, one in there.items() if one.name in ours)


def _without_runs(client: Any, names: Mapping[UUID, str]) -> dict[UUID, str]:
    """Those of some deployments that no run is scheduled of."""
    from prefect.client.schemas.filters import DeploymentFilter, FlowRunFilter

    runs = pages(
        client.read_flow_runs,
        deployment_filter=DeploymentFilter.model_validate({"id": {"any_": list(names)}}),
        flow_run_filter=FlowRunFilter.model_validate({"state": {"type": {"any_": ["SCHEDULED"]}}}),
    )
    scheduled = {run.deployment_id for run in runs}
    return {id: name for id, name in names.items() if id not in scheduled}


def main() -> int:
    """Exit 0 when everything is applied, 1 when Prefect did not take it, 2 when it is wrong or
    there is no server."""
    parser = argparse.ArgumentParser(prog="python -m restock.infra.deploy")
    parser.add_argument("--check", action="store_true", help="check only, needs no server")
    parser.add_argument(
        "--dry-run", action="store_true", help="say what would change on the server"
    )
    parser.add_argument(
        "--folder", type=Path, default=None, help="default: the packaged one; azureml: its part"
    )
    parser.add_argument("--other-flows", action="store_true", help="do not expect every market")
    arguments = parser.parse_args()
    folder = (arguments.folder or packaged()).absolute()
    if not folder.exists():
        folder = packaged() / arguments.folder
    unexpected = folder.is_dir() and folder != packaged() and not arguments.other_flows
    try:
        settings = load_settings()
        url = configure(settings, console="WARNING")
        declared = check(folder, None if arguments.other_flows else load_markets(settings))
    except DeploymentsError as error:
        print(error, *([OTHER_FLOWS] if unexpected else []), sep="\n", file=sys.stderr)
        return 2
    except (SettingsError, ValueError) as error:
        print(error, file=sys.stderr)
        return 2
    if arguments.check:
        print(f"{len(declared.deployments)} deployments are right")
        return 0
    if url is None:
        print("there is no server: name it in RESTOCK_PREFECT__API_URL", file=sys.stderr)
        return 2
    try:
        with connected(url) as client:
            if arguments.dry_run:
                print(text(changes(client, folder, declared)))
            else:
                print(*deploy(client, folder, declared), sep="\n")
    except (DeploymentsError, ConnectionError) as error:
        print(error, file=sys.stderr)
        return 1 if isinstance(error, DeploymentsError) else 2
    return 0


if __name__ == "__main__":
    sys.exit(main())
