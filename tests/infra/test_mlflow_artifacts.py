"""MLflow with its artifacts in blob storage: models are logged through the server and come back."""

import os
from collections.abc import Iterator
from pathlib import Path

import mlflow
import numpy as np
import pandas as pd
import pytest
from azure.storage.blob import BlobServiceClient
from contracts.azurite import ACCOUNT
from contracts.orders import many

from restock.infra.mlflow_model import log_recommender
from restock.infra.mlflow_server import wait_for
from restock.infra.processes import free_port, python, start, stop
from restock.models import create

CONTAINER = "mlflow"


@pytest.fixture
def server(azurite: str, tmp_path: Path) -> Iterator[str]:
    """A server that alone reaches the storage; its clients know no key."""
    BlobServiceClient.from_connection_string(azurite).create_container(CONTAINER)
    port = free_port()
    root = f"wasbs://{CONTAINER}@{ACCOUNT}.blob.core.windows.net/root"
    service = start(
        "mlflow",
        python(
            *("mlflow", "server", "--host", "127.0.0.1", "--port", str(port), "--workers", "1"),
            *("--backend-store-uri", f"sqlite:///{tmp_path / 'mlflow.db'}"),
            *("--artifacts-destination", root),
        ),
        log=tmp_path / "mlflow.log",
        environment={
            **os.environ,
            "AZURE_STORAGE_CONNECTION_STRING": azurite,
            "MLFLOW_SERVER_ENABLE_JOB_EXECUTION": "false",
        },
        url=f"http://127.0.0.1:{port}",
    )
    before = mlflow.get_tracking_uri()
    try:
        wait_for(service)
        mlflow.set_tracking_uri(service.url)
        yield azurite
    finally:
        mlflow.set_tracking_uri(before)
        stop([service])


@pytest.mark.platform
def test_a_model_is_logged_into_blob_storage_and_loaded_from_there(
    server: str, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setenv("MLFLOW_ALLOW_PICKLE_DESERIALIZATION", "false")
    orders = many()
    model = create("reorder").fit(orders)
    log_recommender(model, orders, registered_model_name="restock-FR")
    container = BlobServiceClient.from_connection_string(server).get_container_client(CONTAINER)
    names = [blob.name for blob in container.list_blobs()]
    assert any(name.startswith("root/") and name.endswith("MLmodel") for name in names), names
    again = mlflow.pyfunc.load_model("models:/restock-FR/1")
    customers = orders.catalogue.customers["id"].to_pylist()
    found = again.predict(pd.DataFrame({"customer_id": customers}), params={"k": 4})
    wanted = model.recommend(np.arange(len(customers), dtype=np.int32), 4)
    assert found["item_id"].tolist() == wanted.frame(orders.catalogue)["item_id"].tolist()
