"""What ``restock submit`` refuses before it asks anybody."""

import os
import subprocess
import sys
from pathlib import Path
from types import SimpleNamespace
from typing import Any

import pytest
from typer.testing import CliRunner

from restock.cli.main import app
from restock.cli.output import BadUsage
from restock.cli.submit_azureml import _start
from restock.infra.processes import free_port
from restock.infra.work_pools import Pool

unit = pytest.mark.unit


@unit
@pytest.mark.parametrize(
    ("arguments", "said"),
    [
        (["monitor"], "'monitor' is no flow that runs on Azure ML: use retrain, search, backtest"),
        (["retrain", "-p", "markets"], "--parameter 'markets': write it as name=value"),
        (["retrain", "--job", "=3"], "--job '=3': write it as name=value"),
        (["retrain", "--markets", "france"], "'france' is no market code"),
    ],
)
def test_wrong_usage_is_told_at_once(arguments: list[str], said: str) -> None:
    done = CliRunner().invoke(app, ["submit", "azureml", *arguments])
    assert isinstance(done.exception, BadUsage)
    assert said in str(done.exception)


@pytest.mark.platform
def test_a_server_that_is_away_is_named(tmp_path: Path) -> None:
    url = f"http://127.0.0.1:{free_port()}/api"
    done = subprocess.run(
        [sys.executable, "-m", "restock.cli", "submit", "azureml", "retrain"],
        env={**os.environ, "RESTOCK_PREFECT__API_URL": url, "RESTOCK_HOME": str(tmp_path)},
        capture_output=True,
        text=True,
    )
    assert done.returncode == 1
    assert f"the Prefect server {url} does not answer" in done.stderr


class Server:
    """Has one deployment, and starts nothing."""

    def read_deployment_by_name(self, name: str) -> Any:
        takes = {"properties": {"orders": {}, "markets": {}}}
        said = {"instance_count": 3}
        return SimpleNamespace(
            work_pool_name="azureml", parameter_openapi_schema=takes, job_variables=said
        )

    def read_work_pool(self, name: str) -> Any:
        pool = Pool(
            type="azure-ml", defaults={"compute": "restock-cpu", "environment": "azureml:x"}
        )
        return SimpleNamespace(name=name, base_job_template=pool.template(), status="READY")


@unit
@pytest.mark.parametrize(
    ("parameters", "job", "said"),
    [
        ({"marktes": ["FR"]}, {}, "takes no marktes: it has orders, markets"),
        (
            {},
            {"instance_cuont": 3},
            "'instance_cuont': did you mean instance_count?",
        ),
        ({}, {"instance_count": "many"}, "instance_count 'many': Input should be a valid integer"),
        ({}, {"low_priority": True}, "restock-cpu is of low priority or not since it was made"),
        ({}, {"env": {"PREFECT_API_KEY": "x"}}, "PREFECT_API_KEY is a secret"),
    ],
)
def test_what_the_deployment_does_not_know_is_told_before_a_run_is_made(
    parameters: dict[str, Any], job: dict[str, Any], said: str
) -> None:
    with pytest.raises(BadUsage, match=said):
        _start(Server(), "retrain/azureml", parameters, job)
