"""An MLflow server on the loopback address: the pages of what the nights have written."""

from collections.abc import Mapping
from pathlib import Path

from restock.infra.processes import LOOPBACK, Service, python, start, wait_until_healthy

STARTUP_SECONDS = 90


def serve(home: Path, port: int, *, environment: Mapping[str, str]) -> Service:
    """Start a server over the tracking database of a home folder."""
    return start(
        "mlflow",
        python(
            *("mlflow", "server", "--host", LOOPBACK, "--port", str(port), "--workers", "1"),
            *("--backend-store-uri", f"sqlite:///{home / 'mlflow.db'}"),
            *("--artifacts-destination", (home / "mlartifacts").as_uri()),
        ),
        log=home / "logs" / "mlflow.log",
        environment={
            **environment,
            "MLFLOW_SERVER_ENABLE_JOB_EXECUTION": "false",  # a job runner of 2 GB
            "MLFLOW_DISABLE_TELEMETRY": "true",
        },
        url=f"http://{LOOPBACK}:{port}",
    )


def wait_for(server: Service, timeout: float = STARTUP_SECONDS) -> None:
    """Wait until the server answers. Raises ProcessError with the end of its log."""
    wait_until_healthy(server, "/health", timeout)
