"""Workers on Databricks beside others: each piece of work goes where its resource is."""

import os
import time
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import pytest
from contracts.databricks import TOKEN, Workspace, workspace
from contracts.spark import spark  # noqa: F401
from distributed import Client, LocalCluster

from restock.infra.cloud_jobs import JobSpec, Phase
from restock.infra.databricks.jobs import databricks_jobs
from restock.infra.settings import load_settings

PATIENCE = 180.0


@pytest.fixture
def at(tmp_path: Path, monkeypatch: pytest.MonkeyPatch, spark: Any) -> Iterator[Workspace]:  # noqa: F811
    """Its clusters have a Spark: that of the tests."""
    with workspace(tmp_path) as at:
        java = spark.sparkContext._gateway.gateway_parameters
        at.environment = {
            "PYSPARK_GATEWAY_PORT": str(java.port),
            "PYSPARK_GATEWAY_SECRET": java.auth_token,
        }
        monkeypatch.setenv("DATABRICKS_HOST", at.host)
        monkeypatch.setenv("DATABRICKS_TOKEN", TOKEN)
        yield at


@pytest.mark.platform
def test_spark_work_goes_to_databricks_and_gpu_work_does_not(
    at: Workspace,
    spark: Any,  # noqa: F811
) -> None:
    def fit_on_spark() -> tuple[int, str]:
        """Where a model would be fitted on Spark: process and Spark application."""
        from restock.infra import placement

        return os.getpid(), placement.spark("SPARK", 1).sparkContext.applicationId

    service = databricks_jobs(load_settings(databricks={"image": "registry/restock:1"}))
    # the scheduler here has a worker with a card, in this process
    local = {"host": "127.0.0.1", "protocol": "tcp://", "dashboard_address": None}
    cluster = LocalCluster(n_workers=1, processes=False, resources={"GPU": 1}, **local)
    with cluster, Client(cluster, set_as_default=False) as client:
        runner = cluster.scheduler_address.replace("tcp", "dask")
        command = ["restock", "workers", "--runner", runner, "--offers", "SPARK"]
        limit = {"RESTOCK_DASK__WORKERS_MAX": "1", "RESTOCK_STORAGE": "azure://a/b"}
        job = service.start(JobSpec("restock-spark", command, limit))
        als = client.submit(fit_on_spark, resources={"SPARK": 1})
        wide_deep = client.submit(os.getpid, resources={"GPU": 1})
        assert wide_deep.result(PATIENCE) == os.getpid()
        until = time.monotonic() + PATIENCE
        while service.state(job).phase is Phase.WAITING:  # a cluster that starts
            assert time.monotonic() < until
            time.sleep(0.1)
        process, application = als.result(PATIENCE)
        assert process != os.getpid()
        assert application == spark.sparkContext.applicationId
        service.cancel(job)
        while not service.state(job).phase.ended or len(client.scheduler_info()["workers"]) > 1:
            assert time.monotonic() < until + PATIENCE
            time.sleep(0.1)
        assert service.state(job).phase is Phase.CANCELLED
    assert spark.range(3).count() == 3  # its cluster's Spark is nobody's to stop
