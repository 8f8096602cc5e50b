"""Definitions of cloud endpoints, held against the clouds' own readers: no account is needed."""

import inspect
import json
import re
from importlib import import_module
from pathlib import Path
from typing import Any

import pytest
import yaml

from restock.infra.settings import Settings, known_keys
from restock.infra.store import open_store

pytestmark = pytest.mark.unit

ROOT = Path(__file__).parents[2]
ONLINE = ROOT / "deployments" / "azureml" / "online"
SERVING = ROOT / "deployments" / "databricks" / "serving.json"
KEPT_IN_A_VAULT = re.compile(r"\$\{\{keyvault:https://VAULT\.vault\.azure\.net/secrets/[a-z-]+\}\}")


def azureml() -> Any:
    """The package, imported where it is used: that takes two seconds."""
    return import_module("azure.ai.ml")


def test_azure_ml_reads_the_endpoint_and_its_deployment() -> None:
    endpoint = azureml().load_online_endpoint(source=ONLINE / "endpoint.yml")
    deployment = azureml().load_online_deployment(source=ONLINE / "deployment.yml")
    assert deployment.endpoint_name == endpoint.name == "restock-fr"
    assert endpoint.auth_mode == "aad_token"  # no key that could be lost
    assert endpoint.identity.type == "system_assigned"
    body = deployment._to_rest_object(location="westeurope").as_dict()
    assert body["properties"]["environmentVariables"]["MODEL_URI"] == "models:/restock-FR@champion"
    assert body["sku"]["capacity"] == 1


@pytest.mark.parametrize(
    ("change", "words"),
    [({"instance_tipe": "small"}, "Unknown field"), ({"instance_count": "many"}, "valid integer")],
)
def test_azure_ml_refuses_what_it_does_not_know(change: dict[str, str], words: str) -> None:
    with pytest.raises(Exception, match=words):
        azureml().load_online_deployment(source=ONLINE / "deployment.yml", params_override=[change])


def test_the_image_answers_where_the_endpoint_asks() -> None:
    deployment = yaml.safe_load((ONLINE / "deployment.yml").read_text())
    routes = deployment["environment"]["inference_config"]
    assert {route["port"] for route in routes.values()} == {5001}
    assert routes["scoring_route"]["path"] == "/invocations"  # MLflow's
    recipe = (ONLINE / "Dockerfile").read_text()
    assert "EXPOSE 5001" in recipe and "--port 5001 --env-manager local" in recipe
    assert deployment["environment_variables"]["MODEL_URI"] in recipe
    assert (ROOT / "docker" / "targets.py").read_text().count('"cpu": Target') == 1
    assert re.search(r"ARG IMAGE=restock:cpu\n", recipe)


def test_what_the_endpoint_sets_are_settings_and_no_secrets() -> None:
    given = yaml.safe_load((ONLINE / "deployment.yml").read_text())["environment_variables"]
    ours = {name for name in given if name.startswith("RESTOCK_")}
    known = {"RESTOCK_" + key.replace(".", "__").upper() for key in known_keys()}
    assert ours == {"RESTOCK_STORAGE"} and ours <= known
    assert "azure" in given["RESTOCK_STORAGE"]
    open_store(settings=Settings(storage=given["RESTOCK_STORAGE"].replace("ACCOUNT", "account")))
    assert KEPT_IN_A_VAULT.fullmatch(given["MLFLOW_TRACKING_TOKEN"])


def test_databricks_reads_its_endpoint_and_refuses_what_it_does_not_know() -> None:
    serving = import_module("databricks.sdk.service.serving")
    body = json.loads(SERVING.read_text())
    taken = set(inspect.signature(serving.ServingEndpointsAPI.create).parameters) - {"self"}
    assert set(body) <= taken

    def read(config: dict[str, Any]) -> dict[str, Any]:
        return dict(serving.EndpointCoreConfigInput.from_dict(config).as_dict())

    assert read(body["config"]) == body["config"]  # what it does not know, it would leave out
    (entity,) = body["config"]["served_entities"]
    assert read({**body["config"], "served_entities": [{**entity, "sise": 1}]}) != {
        **body["config"],
        "served_entities": [{**entity, "sise": 1}],
    }
    with pytest.raises(ValueError, match="TPU"):
        serving.ServingModelWorkloadType("TPU")
    assert serving.ServingModelWorkloadType(entity["workload_type"])
    (route,) = body["config"]["traffic_config"]["routes"]
    assert route == {"served_model_name": entity["name"], "traffic_percentage": 100}
    assert serving.EndpointTag.from_dict(body["tags"][0]).as_dict() == body["tags"][0]
