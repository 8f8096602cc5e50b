"""The asset bundle, by Databricks' own types: what it would deploy is what the code would start."""

import copy
import re
import tomllib
from pathlib import Path
from typing import Any

import pytest
import yaml
from databricks.bundles.jobs import ClusterSpec, Job

from restock.cli.elsewhere import check
from restock.infra.connections import DatabricksSettings
from restock.infra.databricks.clusters import new_cluster
from restock.infra.databricks.jobs import ENTRY_POINT, PACKAGE
from restock.infra.settings import known_keys, variable

pytestmark = pytest.mark.unit
ROOT = Path(__file__).parents[3]
FOLDER = ROOT / "deployments" / "databricks"
BUNDLE: dict[str, Any] = yaml.safe_load((FOLDER / "databricks.yml").read_text())
FILES = sorted((FOLDER / "resources").glob("*.yml"))
JOBS: dict[str, dict[str, Any]] = {
    name: job
    for path in FILES
    for name, job in yaml.safe_load(path.read_text())["resources"]["jobs"].items()
}
CLUSTER: dict[str, Any] = BUNDLE["variables"]["cluster"]["default"]
SECRETS = [name for name, secret in known_keys().items() if secret]


def words_of(job: dict[str, Any]) -> tuple[dict[str, str], list[str]]:
    """The variables and the command of a job's task."""
    words = job["tasks"][0]["python_wheel_task"]["parameters"]
    at = words.index("restock")
    return dict(word.split("=", 1) for word in words[:at]), words[at:]


def test_the_bundle_is_made_of_what_databricks_knows() -> None:
    assert BUNDLE.keys() == {"bundle", "include", "variables", "targets"}
    assert BUNDLE["include"] == ["resources/*.yml"] and JOBS.keys() == {"retrain", "search"}
    assert {one["mode"] for one in BUNDLE["targets"].values()} == {"development", "production"}
    for declared in BUNDLE["variables"].values():
        assert declared.keys() <= {"description", "default", "type"}
    for path in FILES:
        assert yaml.safe_load(path.read_text()).keys() == {"resources"}
    for job in JOBS.values():
        Job.from_dict(job)  # type: ignore[arg-type]
    ClusterSpec.from_dict(CLUSTER)  # type: ignore[arg-type]


@pytest.mark.parametrize(
    ("at", "value"),
    [
        (["nmae"], "x"),
        (["timeout_seconds"], "soon"),
        (["schedule", "crontab"], "x"),
        (["tasks", 0, "new_clutser"], "x"),
        (["tasks", 0, "python_wheel_task", "package"], "x"),
        (["tasks"], "retrain"),
    ],
)
def test_a_mistake_is_refused(at: list[Any], value: str) -> None:
    job = copy.deepcopy(JOBS["retrain"])
    part: Any = job
    for key in at[:-1]:
        part = part[key]
    part[at[-1]] = value
    with pytest.raises((ValueError, TypeError)):
        Job.from_dict(job)  # type: ignore[arg-type]


def test_a_mistake_in_the_cluster_is_refused() -> None:
    with pytest.raises(ValueError, match="nodes"):
        ClusterSpec.from_dict({**CLUSTER, "nodes": 1})  # type: ignore[arg-type]
    with pytest.raises(ValueError):
        ClusterSpec.from_dict({**CLUSTER, "num_workers": "none"})


def test_the_cluster_is_the_one_that_submit_starts() -> None:
    secrets = CLUSTER["spark_env_vars"]
    started = new_cluster(DatabricksSettings(image="${var.image}"), secrets)
    assert started.as_dict() == CLUSTER
    assert {name for name in secrets if name.startswith("RESTOCK_")} <= set(map(variable, SECRETS))


@pytest.mark.parametrize("name", JOBS)
def test_a_job_is_a_command_that_exists_and_is_told_settings_that_exist(name: str) -> None:
    variables, (program, *command) = words_of(JOBS[name])
    assert program == PACKAGE and command[0] == name
    check([word.replace("${var.orders}", "/Volumes/a/b/c") for word in command])
    public = {variable(key) for key, secret in known_keys().items() if not secret}
    assert variables.keys() <= public and "RESTOCK_STORAGE" in variables


def test_the_entry_point_is_the_packages() -> None:
    points = tomllib.loads((ROOT / "pyproject.toml").read_text())["project"]["entry-points"]
    module, function = points["packages"][ENTRY_POINT].split(":")
    assert (ROOT / Path(*module.split(".")[1:])).with_suffix(".py").exists() and function == "main"
    for job in JOBS.values():
        (task,) = job["tasks"]
        assert task["python_wheel_task"]["entry_point"] == ENTRY_POINT
        assert task["python_wheel_task"]["package_name"] == PACKAGE


def test_every_variable_that_is_used_is_declared_and_the_other_way_round() -> None:
    text = "".join(path.read_text() for path in [FOLDER / "databricks.yml", *FILES])
    assert set(re.findall(r"\$\{var\.(\w+)\}", text)) == BUNDLE["variables"].keys()
