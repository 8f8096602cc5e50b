"""Azure ML's own SDK against a stand-in of the service: jobs, logs, errors; and the vault."""

import json
import os
import signal
import stat
import subprocess
import sys
from collections.abc import Iterator
from pathlib import Path

import psutil
import pytest
from contracts.azureml import AzureML, serving

from restock.infra.azureml import vault
from restock.infra.azureml.jobs import Options
from restock.infra.azureml.service import PHASES, AzureMLJobs, connect
from restock.infra.cloud_jobs import JobNotFound, JobRefused, JobSpec, Phase
from restock.infra.settings import SettingsError, load_settings

pytestmark = pytest.mark.platform
SPEC = JobSpec("retrain", ["python", "-m", "restock.infra.azureml"], {"RESTOCK_CORES": "2"}, 3)
OPTIONS = Options(compute="restock-cpu", environment="azureml:restock-cpu:1")


@pytest.fixture
def azure(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Iterator[AzureML]:
    with serving(AzureML(), tmp_path) as found:
        for name, value in found.environment().items():
            monkeypatch.setenv(name, value)
        yield found


@pytest.fixture
def jobs(azure: AzureML) -> AzureMLJobs:
    return connect(load_settings(), OPTIONS)


def test_a_job_is_started_looked_at_read_and_cancelled(azure: AzureML, jobs: AzureMLJobs) -> None:
    job = jobs.start(SPEC)
    sent = azure.jobs[job]["properties"]
    assert sent["command"] == "python -m restock.infra.azureml"
    assert sent["resources"]["instanceCount"] == 3
    assert sent["environmentVariables"] == {"RESTOCK_CORES": "2"}
    assert sent["computeId"].endswith("/workspaces/shop/computes/restock-cpu")
    assert sent["environmentId"].endswith("/environments/restock-cpu/versions/1")

    assert jobs.state(job) == (Phase.WAITING, "", f"https://ml.example/{job}")
    assert jobs.log(job, 0) == ""
    azure.logs[job] = "für alle\nfertig\n".encode()
    assert jobs.log(job, 9) == "fertig\n"
    for status, phase in PHASES.items():
        azure.status[job] = status
        assert jobs.state(job).phase is phase
    azure.status[job] = "Running"
    jobs.cancel(job)
    assert azure.status[job] == "CancelRequested"

    azure.status[job], azure.errors[job] = "Failed", "the node was preempted"
    assert jobs.state(job).reason == "the node was preempted"
    jobs.cancel(job)
    assert azure.status[job] == "Failed"  # nothing happens to one that has ended


def test_a_service_that_is_busy_is_asked_again(azure: AzureML, jobs: AzureMLJobs) -> None:
    azure.refuse = [503, 429, 500]
    job = jobs.start(SPEC)
    assert list(azure.jobs) == [job]  # of one name, so that no second one can be
    assert jobs.state(job).phase is Phase.WAITING


def test_what_does_not_help_to_repeat_is_said(azure: AzureML, jobs: AzureMLJobs) -> None:
    with pytest.raises(JobNotFound, match="no job other"):
        jobs.state("other")
    azure.refuse = [403]
    with pytest.raises(JobRefused, match="the role AzureML Data Scientist"):
        jobs.start(SPEC)
    azure.refuse = [400]
    with pytest.raises(JobRefused, match="workspace shop refuses"):
        jobs.start(SPEC)


def test_a_workspace_has_to_be_named(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("RESTOCK_AZUREML__WORKSPACE", "shop")
    with pytest.raises(SettingsError, match="set RESTOCK_AZUREML__SUBSCRIPTION, RESTOCK_AZUREML__"):
        connect(load_settings(), OPTIONS)


TELL = """
import json, os, pathlib
names = ["RESTOCK_PREFECT__AUTH_STRING", "RESTOCK_MLFLOW__TOKEN"]
key = pathlib.Path(os.environ["RESTOCK_DASK__TLS_KEY"])
found = {name: os.environ.get(name) for name in names}
print(json.dumps({**found, "key": key.read_text(), "file": str(key), "mode": key.stat().st_mode}))
raise SystemExit(7)
"""


def test_a_node_gets_its_secrets_from_the_vault_and_leaves_none(azure: AzureML) -> None:
    azure.secrets = {"RESTOCK-PREFECT--AUTH-STRING": "night:pass", "RESTOCK-DASK--TLS-KEY": "a key"}
    done = subprocess.run(
        [sys.executable, "-m", "restock.infra.azureml.vault", "--", sys.executable, "-c", TELL],
        env={**os.environ, vault.VAULT: azure.url, "RESTOCK_MLFLOW__TOKEN": "mine"},
        capture_output=True,
        text=True,
    )
    assert done.returncode == 7, done.stderr
    told = json.loads(done.stdout)
    assert told["RESTOCK_PREFECT__AUTH_STRING"] == "night:pass"
    assert told["RESTOCK_MLFLOW__TOKEN"] == "mine"  # what is there stays
    assert told["key"] == "a key"
    assert stat.S_IMODE(told["mode"]) == 0o600
    assert not Path(told["file"]).exists()


INTERRUPTED = """
import os, signal, subprocess, sys
from types import SimpleNamespace
from restock.infra.azureml import vault

class Popen(subprocess.Popen):
    def __init__(self, *arguments, **more):
        print(os.environ["RESTOCK_DASK__TLS_KEY"], flush=True)
        if before:
            signal.raise_signal(signal.SIGTERM)
        super().__init__(*arguments, **more)
        print(self.pid, flush=True)
        signal.raise_signal(signal.SIGTERM)

before = sys.argv.pop(1) == "before"
vault.subprocess = SimpleNamespace(Popen=Popen)  # others start processes, too
sys.exit(vault.main())
"""


@pytest.mark.parametrize("when", ["before", "after"])
def test_a_node_that_is_ended_while_its_command_starts_leaves_neither_command_nor_secrets(
    azure: AzureML, tmp_path: Path, when: str
) -> None:
    azure.secrets = {"RESTOCK-DASK--TLS-KEY": "a key"}
    done = subprocess.run(
        [sys.executable, "-c", INTERRUPTED, when, "--", "sleep", "30"],
        env={**os.environ, vault.VAULT: azure.url, "TMPDIR": str(tmp_path)},
        capture_output=True,
        text=True,
        timeout=120,
    )
    assert done.returncode == 128 + signal.SIGTERM, done.stderr
    key, *started = done.stdout.split()
    assert not Path(key).exists() and not Path(key).parent.exists()
    assert not any(psutil.pid_exists(int(pid)) for pid in started)


def test_a_program_that_is_not_there_is_named(
    monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    monkeypatch.setattr(sys, "argv", ["vault", "--", "restok", "retrain"])
    assert vault.main() == 2
    assert capsys.readouterr().err == (
        "restok cannot be started (No such file or directory): write behind -- a program of this "
        "image, or its path\n"
    )


def test_a_vault_that_is_closed_to_us_says_the_remedy(azure: AzureML) -> None:
    azure.refuse = [403]
    with (
        pytest.raises(vault.VaultError, match="the role Key Vault Secrets User.*403"),
        vault.opened({vault.VAULT: azure.url}),
    ):
        pass
