"""A job's definition is exactly the one on file; what cannot be is refused before anybody asks."""

import json
from pathlib import Path
from typing import Any

import pytest
import yaml
from pydantic import ValidationError

from restock.infra.azureml.jobs import SECRETS, Options, command_job
from restock.infra.cloud_jobs import JobSpec
from restock.infra.deployments import DeploymentsError, check, packaged

pytestmark = pytest.mark.unit
DATA = Path(__file__).parents[1] / "data" / "azureml"
COMMAND = ("python", "-m", "restock.infra.azureml", "--", "prefect", "flow-run", "execute")
SPEC = JobSpec("retrain", COMMAND, {"RESTOCK_STORAGE": "azure://shop/restock"})
IMAGE = "shop.azurecr.io/restock-cpu:prod"
CLUSTER: dict[str, Any] = {"compute": "restock-cpu", "environment": "azureml:restock-cpu:1"}
SPOT: dict[str, Any] = {"instance_type": "Standard_D4s_v5", "environment": IMAGE}
KEY = "ssh-ed25519 AAAAC3NzaC1lZDI1NTE5AAAAI me@home"
JOBS: dict[str, tuple[dict[str, Any], int]] = {
    "cluster": (CLUSTER, 1),
    "three-nodes": ({**CLUSTER, "identity": "user", "experiment": "nights"}, 3),
    "spot": ({**SPOT, "low_priority": True}, 4),
    "to-debug": (
        {**CLUSTER, "services": ["ssh", "vs_code", "jupyter"], "ssh_public_key": KEY},
        1,
    ),
}


def body(options: dict[str, Any], spec: JobSpec) -> Any:
    """What the SDK would send."""
    from azure.ai.ml.entities._job.to_rest_functions import to_rest_job_object

    job = command_job(spec, Options(**options), "retrain-1")
    if not isinstance(job.environment, str):
        assert job.environment.image == IMAGE
        job.environment = IMAGE  # the service gives it a number
    return to_rest_job_object(job).as_dict()


@pytest.mark.thorough
@pytest.mark.parametrize("name", JOBS)
def test_the_body_that_is_sent_is_the_one_on_file(name: str) -> None:
    options, nodes = JOBS[name]
    stored = json.loads((DATA / f"{name}.json").read_text())
    assert body(options, SPEC._replace(nodes=nodes)) == stored


def test_no_secret_can_be_in_a_definition() -> None:
    for name in sorted(SECRETS):
        assert any(word in name for word in ("KEY", "TOKEN", "PASS", "AUTH", "SECRET", "STRING"))
        with pytest.raises(ValueError, match=f"{name} is a secret.* put it into the vault"):
            command_job(SPEC._replace(environment={name: "x"}), Options(**CLUSTER), "retrain-1")
    texts = "".join(path.read_text() for path in DATA.glob("*.json"))
    assert "RESTOCK_STORAGE" in texts
    assert not [name for name in SECRETS if name in texts]


WRONG = [
    ({"computer": "x"}, "computer"),
    ({"instance_count": 0}, "greater than or equal to 1"),
    ({"instance_count": "many"}, "valid integer"),
    ({"compute": "a cluster"}, "'a cluster' is no name"),
    ({"compute": None}, "give compute, or instance_type"),
    ({"low_priority": True}, "since it was made"),
    ({"environment": None}, "no environment is named"),
    ({"environment": "restock"}, "'restock' is no environment: write azureml:NAME@latest"),
    ({"identity": "nobody"}, "'managed' or 'user'"),
    ({"services": ["telnet"]}, "'ssh', 'vs_code' or 'jupyter'"),
    ({"services": ["ssh"]}, "needs ssh_public_key"),
    ({"ssh_public_key": "-----BEGIN OPENSSH PRIVATE KEY-----"}, "this is no public key"),
]


@pytest.mark.parametrize(("options", "said"), WRONG, ids=[said for _, said in WRONG])
def test_what_cannot_be_is_refused(options: dict[str, Any], said: str) -> None:
    with pytest.raises(ValidationError, match=said):
        Options(**{**CLUSTER, **options})


@pytest.mark.thorough
def test_what_azure_ml_would_fill_in_is_refused() -> None:
    with pytest.raises(ValueError, match=r"would fill in what stands between"):
        command_job(SPEC._replace(command=["echo", "${{inputs.x}}"]), Options(**CLUSTER), "x")
    with pytest.raises(ValueError, match="'a/b' is no name of a job"):
        command_job(SPEC, Options(**CLUSTER), "a/b")
    with pytest.raises(ValueError, match="'A B' is no name of an environment variable"):
        command_job(SPEC._replace(environment={"A B": "x"}), Options(**CLUSTER), "x")


# the pool in deployments/azureml ---------------------------------------------------------------
def test_the_deployments_for_azure_ml_are_right() -> None:
    declared = check(packaged() / "azureml", None)
    assert {one.work_pool.name for one in declared.deployments} == {"azureml"}


@pytest.mark.parametrize(
    ("variables", "said"),
    [
        ({"instance_cuont": 2}, "no job variable 'instance_cuont': did you mean instance_count"),
        ({"instance_count": "two"}, "retrain-here: instance_count Input should be a valid integer"),
        ({"low_priority": True}, "restock-cpu is of low priority or not since it was made"),
        ({"env": {"RESTOCK_AZURE__SAS_TOKEN": "x"}}, "RESTOCK_AZURE__SAS_TOKEN is a secret"),
    ],
)
def test_a_wrong_job_variable_is_found_before_anything_is_deployed(
    tmp_path: Path, variables: dict[str, Any], said: str
) -> None:
    folder = packaged() / "azureml"
    (tmp_path / "pools.yaml").write_text((folder / "pools.yaml").read_text())
    declared = yaml.safe_load((folder / "prefect.yaml").read_text())
    pool = {"name": "azureml", "job_variables": variables}
    declared["deployments"] = [
        {**declared["deployments"][0], "name": "retrain-here", "work_pool": pool}
    ]
    (tmp_path / "prefect.yaml").write_text(yaml.safe_dump(declared))
    with pytest.raises(DeploymentsError, match=said):
        check(tmp_path, None)


def test_a_wrong_pool_is_found(tmp_path: Path) -> None:
    folder = packaged() / "azureml"
    (tmp_path / "prefect.yaml").write_text((folder / "prefect.yaml").read_text())
    pools = {"azureml": {"type": "azure-ml", "defaults": {"computer": "x"}}, "other": {}}
    (tmp_path / "pools.yaml").write_text(yaml.safe_dump(pools))
    with pytest.raises(DeploymentsError) as found:
        check(tmp_path, None)
    assert "no deployment has the pool other" in str(found.value)
    assert "there is no job variable 'computer': did you mean compute" in str(found.value)


# what is made once in a workspace ----------------------------------------------------------------
RESOURCES = packaged() / "azureml" / "resources"


def load(path: Path) -> Any:
    """What the SDK makes of a file, by which it checks it."""
    from azure.ai.ml import load_compute, load_environment, load_job

    kinds = {"environment": load_environment, "session": load_job}
    return kinds.get(path.stem, load_compute)(path)


def test_what_a_workspace_needs_is_as_the_pool_names_it() -> None:
    made = {path.stem: load(path) for path in RESOURCES.glob("*.yml")}
    assert sorted(made) == ["compute", "compute-gpu-low", "environment", "session"]
    pool = yaml.safe_load((packaged() / "azureml" / "pools.yaml").read_text())["azureml"]
    assert pool["defaults"]["compute"] == made["compute"].name
    assert pool["defaults"]["environment"] == f"azureml:{made['environment'].name}@latest"
    assert made["session"].environment.endswith(pool["defaults"]["environment"].split(":")[1])
    assert made["compute-gpu-low"].tier == "low_priority"
    assert sorted(made["session"].services) == ["jupyter", "ssh", "vs_code"]


@pytest.mark.thorough
@pytest.mark.parametrize(
    ("name", "wrong"),
    [
        ("compute", {"max_instances": "many"}),
        ("compute", {"tier": "cheap"}),
        ("session", {"comand": "sleep"}),
        ("environment", {"imgae": "x"}),
    ],
)
def test_the_sdk_refuses_what_is_wrong_in_such_a_file(
    tmp_path: Path, name: str, wrong: dict[str, Any]
) -> None:
    declared = yaml.safe_load((RESOURCES / f"{name}.yml").read_text())
    (tmp_path / f"{name}.yml").write_text(yaml.safe_dump({**declared, **wrong}))
    with pytest.raises(Exception, match=f"Validation|{next(iter(wrong))}"):
        load(tmp_path / f"{name}.yml")
