"""Work pools: of which type they are, and what all jobs of one have in common.

``pools.yaml`` beside ``prefect.yaml`` says so; a pool that it does not name has the type
``process`` and nothing to declare.
"""

from collections.abc import Iterable
from difflib import get_close_matches
from pathlib import Path
from typing import TYPE_CHECKING, Any, Literal

import yaml
from pydantic import BaseModel, ConfigDict, TypeAdapter, ValidationError

if TYPE_CHECKING:
    from restock.infra.deployments import PrefectFile

POOLS_FILE = "pools.yaml"


class Pool(BaseModel):
    """A work pool. defaults: of its jobs' variables, which a deployment or a run may change."""

    model_config = ConfigDict(frozen=True, extra="forbid")

    type: Literal["process", "azure-ml"] = "process"
    defaults: dict[str, Any] = {}

    def template(self) -> dict[str, Any]:
        """Prefect's base job template: that of the type, with these defaults. Empty: Prefect's."""
        if self.type == "process":
            return {}
        from restock.infra.azureml.worker import AzureMLWorker

        template = AzureMLWorker.get_default_base_job_template()
        for name, value in self.defaults.items():
            template["variables"]["properties"][name]["default"] = value
        return template


def read_pools(folder: Path) -> dict[str, Pool]:
    """Name → pool, of ``pools.yaml``; none where there is no such file. ValueError."""
    path = folder / POOLS_FILE
    if not path.is_file():
        return {}
    try:
        return TypeAdapter(dict[str, Pool]).validate_python(
            yaml.safe_load(path.read_text(encoding="utf-8"))
        )
    except (yaml.YAMLError, ValidationError) as error:
        raise ValueError(f"{path}: {error}") from None


def pools_of(folder: Path, declared: "PrefectFile") -> dict[str, Pool]:
    """Every pool that a deployment of the folder names. ValueError."""
    said = read_pools(folder)
    names = sorted({one.work_pool.name for one in declared.deployments})
    return {name: said.get(name, Pool()) for name in names}


def wrong_pools(folder: Path, declared: "PrefectFile") -> Iterable[str]:
    """What is wrong with pools, and with what deployments say of their jobs: a line each."""
    try:
        pools = pools_of(folder, declared)
        unused = read_pools(folder).keys() - pools.keys()
    except ValueError as error:
        yield str(error)
        return
    for name in sorted(unused):
        yield f"{POOLS_FILE}: no deployment has the pool {name}"
    for name, pool in pools.items():
        yield from _wrong(f"{POOLS_FILE}: {name}", pool, pool.defaults)
    for one in declared.deployments:
        said = one.work_pool.job_variables
        yield from _wrong(one.name, pools[one.work_pool.name], said)


def _wrong(where: str, pool: Pool, said: dict[str, Any]) -> Iterable[str]:
    if pool.type == "process":  # prefect's own, which knows what it takes
        return
    try:
        check_variables({**pool.defaults, **said})
    except ValidationError as error:
        for found in error.errors():
            about = "".join(f"{part} " for part in found["loc"])
            yield f"{where}: {about}{found['msg'].removeprefix('Value error, ')}"
    except ValueError as error:
        yield f"{where}: {error}"


def check_variables(said: dict[str, Any]) -> None:
    """ValueError for what no job of Azure ML can be told, or not together."""
    from restock.infra.azureml.jobs import Options, check_environment
    from restock.infra.azureml.worker import Variables

    for name in said:
        if name not in Variables.model_fields:
            raise ValueError(no_variable(name, Variables.model_fields))
    check_environment(said.get("env") or {})
    Options(**{name: said[name] for name in Options.model_fields if said.get(name) is not None})


def no_variable(name: str, known: Iterable[str]) -> str:
    """Says that jobs have no such variable, and which they have."""
    near = get_close_matches(name, list(known), n=1)
    hint = f"did you mean {near[0]}?" if near else f"there are {', '.join(known)}"
    return f"there is no job variable {name!r}: {hint}"


def make_pools(client: Any, pools: dict[str, Pool]) -> None:
    """Make the pools that are not there, and give the others what is declared now."""
    from prefect.client.schemas.actions import WorkPoolCreate, WorkPoolUpdate
    from prefect.exceptions import ObjectAlreadyExists

    for name, pool in pools.items():
        template = pool.template()
        try:
            client.create_work_pool(
                WorkPoolCreate(name=name, type=pool.type, base_job_template=template)
            )
        except ObjectAlreadyExists:
            if template and client.read_work_pool(name).base_job_template != template:
                client.update_work_pool(name, WorkPoolUpdate(base_job_template=template))
