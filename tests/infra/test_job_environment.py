"""What a job elsewhere is told: what it needs to reach the same servers, and no secret."""

import json
from pathlib import Path

import pytest

from restock.infra.job_environment import job_environment
from restock.infra.settings import SettingsError, load_settings, secret_variables

pytestmark = pytest.mark.unit
AWAY = {"storage": "azure://account/container"}


def test_a_job_reaches_what_we_reach(monkeypatch: pytest.MonkeyPatch, tmp_path: Path) -> None:
    settings = load_settings(
        **AWAY,
        home=tmp_path,
        cores=1,
        runner="tls://scheduler:8786",
        dask={"tls_ca_file": "/Volumes/main/restock/tls/ca.pem", "workers_min": 0},
        prefect={"api_url": "https://prefect.example/api", "auth_string": "me:hidden"},
        mlflow={"tracking_uri": "https://mlflow.example", "username": "me", "password": "hidden"},
        alerts={"blocks": ["slack-webhook/ops"]},
        databricks={"image": "registry/restock:1"},
    )
    told = job_environment(settings)
    assert "hidden" not in json.dumps(told)
    secrets = {"RESTOCK_MLFLOW__PASSWORD": "hidden", "RESTOCK_PREFECT__AUTH_STRING": "me:hidden"}
    assert secret_variables(settings) == list(secrets)
    for name, value in (secrets | told).items():
        monkeypatch.setenv(name, value)
    there = load_settings(home=tmp_path, cores=1, databricks={"image": "registry/restock:1"})
    assert there == settings


def test_what_is_on_this_machine_alone_is_refused() -> None:
    with pytest.raises(SettingsError, match="set RESTOCK_STORAGE, as in azure://ACCOUNT/CONT"):
        job_environment(load_settings())
    local = load_settings(**AWAY, mlflow={"tracking_uri": "http://127.0.0.1:5000"})
    with pytest.raises(SettingsError, match="MLFLOW__TRACKING_URI is .*, on this machine alone"):
        job_environment(local)


def test_defaults_are_not_told() -> None:
    told = job_environment(load_settings(**AWAY))
    assert told == {"RESTOCK_STORAGE": "azure://account/container"}
