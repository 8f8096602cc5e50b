"""What a job elsewhere is told: what it needs to reach the same servers, and no secret."""

import json
from pathlib import Path
from typing import Any

import pytest

from restock.infra.job_environment import check_files_of_databricks, job_environment
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


@pytest.mark.parametrize(
    ("setting", "name"),
    [
        ({"markets": "/tmp/markets.toml"}, "RESTOCK_MARKETS"),
        ({"prefect": {"tls_ca_file": "/tmp/ca.pem"}}, "RESTOCK_PREFECT__TLS_CA_FILE"),
        ({"mlflow": {"tls_ca_file": "/tmp/ca.pem"}}, "RESTOCK_MLFLOW__TLS_CA_FILE"),
        ({"dask": {"tls_key": "/Volumesque/key.pem"}}, "RESTOCK_DASK__TLS_KEY"),
    ],
)
def test_a_file_that_no_cluster_sees_is_refused(setting: dict[str, Any], name: str) -> None:
    with pytest.raises(SettingsError, match=f"{name} is /.* of this machine, .* into a volume"):
        check_files_of_databricks(load_settings(**setting))


def test_a_file_that_every_cluster_sees_may_be_named(tmp_path: Path) -> None:
    there = {"tls_ca_file": "/Volumes/main/restock/ca.pem"}
    settings = load_settings(home=tmp_path, markets="/dbfs/markets.toml", prefect=there)
    check_files_of_databricks(settings)
