"""What the worker of the pool makes of a run: a job that knows our servers and no secret."""

import asyncio
import json
import logging
import subprocess
import sys
import uuid
from pathlib import Path
from typing import Any

import pytest

from restock.infra.azureml.worker import AzureMLWorker, Configuration, tell
from restock.infra.work_pools import Pool

pytestmark = pytest.mark.unit
SECRETS = {
    "PREFECT_API_KEY": "key-of-prefect",
    "PREFECT_API_AUTH_STRING": "user:pass-of-prefect",
    "RESTOCK_PREFECT__AUTH_STRING": "user:pass-of-restock",
    "RESTOCK_AZURE__SAS_TOKEN": "sig-of-azure",
}
PUBLIC = {
    "RESTOCK_STORAGE": "azure://shop/restock",
    "RESTOCK_AZURE__KEY_VAULT": "https://shop.vault.azure.net",
    "RESTOCK_DASK__TLS_KEY": "/here/alone/key.pem",
}


def configuration(**said: Any) -> Configuration:
    """As the worker makes it from the pool's template and what a run says."""
    pool = Pool(
        type="azure-ml",
        defaults={"compute": "restock-cpu", "environment": "azureml:restock-cpu:1"},
    )
    made = Configuration.from_template_and_values(pool.template(), said, client=object())
    return asyncio.run(made)


def prepared(monkeypatch: pytest.MonkeyPatch, home: Path, url: str, **said: Any) -> Configuration:
    """As it is submitted, by a worker that knows secrets."""
    from prefect.client.schemas.objects import FlowRun
    from prefect.settings import (
        PREFECT_API_AUTH_STRING,
        PREFECT_API_KEY,
        PREFECT_API_URL,
        temporary_settings,
    )

    for name, value in {**PUBLIC, **SECRETS, "RESTOCK_HOME": str(home)}.items():
        if name.startswith("RESTOCK_"):
            monkeypatch.setenv(name, value)
    made = configuration(**said)
    known = {
        PREFECT_API_URL: url,
        PREFECT_API_KEY: SECRETS["PREFECT_API_KEY"],
        PREFECT_API_AUTH_STRING: SECRETS["PREFECT_API_AUTH_STRING"],
    }
    with temporary_settings(known):
        made.prepare_for_flow_run(FlowRun(flow_id=uuid.uuid4(), name="retrain FR +2"))
    return made


def test_a_job_knows_our_servers_and_no_secret(
    monkeypatch: pytest.MonkeyPatch, tmp_path: Path
) -> None:
    url = "https://prefect.example/api"
    spec = prepared(monkeypatch, tmp_path, url, instance_count=3, env={"RESTOCK_CORES": "2"}).spec()
    assert spec.name == "retrain-FR-2"
    assert spec.nodes == 3
    command = "python -m restock.infra.azureml -- python -m prefect flow-run execute"
    assert list(spec.command) == command.split()
    told = dict(spec.environment)
    ids = {name: told.pop(name) for name in list(told) if name.startswith("PREFECT__")}
    assert uuid.UUID(ids["PREFECT__FLOW_RUN_ID"])
    assert told == {
        "PREFECT_API_URL": url,
        "RESTOCK_STORAGE": PUBLIC["RESTOCK_STORAGE"],
        "RESTOCK_AZURE__KEY_VAULT": PUBLIC["RESTOCK_AZURE__KEY_VAULT"],
        "RESTOCK_CORES": "2",
    }
    text = json.dumps(spec)
    assert not [value for value in SECRETS.values() if value in text]


def test_what_a_node_could_not_reach_is_refused(
    monkeypatch: pytest.MonkeyPatch, tmp_path: Path
) -> None:
    with pytest.raises(ValueError, match="cannot reach the Prefect server at http://127.0.0.1"):
        prepared(monkeypatch, tmp_path, "http://127.0.0.1:4200/api")
    monkeypatch.setitem(PUBLIC, "RESTOCK_STORAGE", str(tmp_path))
    with pytest.raises(ValueError, match="is a folder of this machine"):
        prepared(monkeypatch, tmp_path, "https://prefect.example/api")


def test_a_file_of_the_worker_is_refused_unless_the_image_or_the_run_has_one(
    monkeypatch: pytest.MonkeyPatch, tmp_path: Path
) -> None:
    url, own = "https://prefect.example/api", {"RESTOCK_MARKETS": "/mnt/markets.toml"}
    monkeypatch.setitem(PUBLIC, "RESTOCK_MARKETS", str(tmp_path / "markets.toml"))
    with pytest.raises(ValueError, match="RESTOCK_MARKETS is .*: put it into the image"):
        prepared(monkeypatch, tmp_path, url)
    told = prepared(monkeypatch, tmp_path, url, env=own).env
    assert told["RESTOCK_MARKETS"] == "/mnt/markets.toml"
    assert prepared(monkeypatch, tmp_path, url, compute="local").env  # sees what the worker sees
    monkeypatch.setitem(PUBLIC, "RESTOCK_MARKETS", "/opt/restock/markets.toml")
    told = prepared(monkeypatch, tmp_path, url).env
    assert told["RESTOCK_MARKETS"] == "/opt/restock/markets.toml"


def test_a_run_that_says_a_secret_or_an_unknown_variable_is_refused(
    monkeypatch: pytest.MonkeyPatch, tmp_path: Path
) -> None:
    with pytest.raises(ValueError, match="PREFECT_API_KEY is a secret"):
        prepared(monkeypatch, tmp_path, "https://x/api", env={"PREFECT_API_KEY": "mine"})
    with pytest.raises(ValueError, match="no job variable 'nodes'"):
        configuration(nodes=3)
    with pytest.raises(ValueError, match="instance_count"):
        configuration(instance_count="many")


def test_what_dask_logs_on_a_node_keeps_its_level(caplog: pytest.LogCaptureFixture) -> None:
    logger = logging.getLogger("test of a worker")
    logger.setLevel(logging.INFO)
    tell(logger, "2026-11-27 20:54:58,890 - distributed.scheduler - ERROR - Task f - 1 is lost")
    tell(logger, "scheduler on tls://10.0.0.4:6105, for 3 nodes - at %s")
    assert [(one.levelno, one.getMessage()) for one in caplog.records] == [
        (logging.ERROR, "distributed.scheduler: Task f - 1 is lost"),
        (logging.INFO, "scheduler on tls://10.0.0.4:6105, for 3 nodes - at %s"),
    ]


def test_prefect_finds_the_worker_by_the_type_of_its_pool() -> None:
    from prefect.workers.base import BaseWorker

    assert BaseWorker.get_worker_class_from_type("azure-ml") is AzureMLWorker


@pytest.mark.thorough
def test_prefects_own_processes_load_no_models_for_it() -> None:
    """Its server and its commands load every collection: theirs to pay for, each time."""
    code = "import prefect, sys, restock.infra.azureml.worker; print(*sys.modules)"
    loaded = subprocess.run([sys.executable, "-c", code], capture_output=True, text=True)
    assert loaded.returncode == 0, loaded.stderr
    found = set(loaded.stdout.split())
    assert "restock.infra.azureml.worker" in found
    assert not found & {"restock.models", "restock.dataset", "numba", "pandas", "scipy"}
