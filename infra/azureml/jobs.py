"""A job of Azure ML: what may be declared of it, and its definition in the SDK's words."""

import re
import shlex
from collections.abc import Mapping, Sequence
from typing import TYPE_CHECKING, Any, Literal, Self

from pydantic import BaseModel, ConfigDict, Field, field_validator, model_validator

from restock.infra.azureml import vault
from restock.infra.cloud_jobs import JobSpec
from restock.infra.job_environment import check_files

if TYPE_CHECKING:
    from azure.ai.ml.entities import Command

OF_IMAGES = ("/opt", "/etc", "/usr")
"""Folders where an image may have what this machine has at the same path, too."""
LOCAL = "local"
"""The compute that is no compute: processes of the machine that starts the job."""
SECRETS = frozenset(
    {
        *vault.SECRETS,
        "PREFECT_API_KEY",
        "PREFECT_API_AUTH_STRING",
        "MLFLOW_TRACKING_TOKEN",
        "MLFLOW_TRACKING_PASSWORD",
        "AZURE_CLIENT_SECRET",
        "AZURE_STORAGE_CONNECTION_STRING",
    }
)
_NAME = re.compile(r"[A-Za-z0-9][A-Za-z0-9_-]{0,254}")
_VARIABLE = re.compile(r"[A-Za-z_][A-Za-z0-9_]*")
_ENVIRONMENT = re.compile(r"azureml:[\w.-]+([@:][\w.-]+)?|[a-z0-9.-]+(:\d+)?/[\w./@:-]+")
_KEY = re.compile(r"(ssh-|ecdsa-|sk-)\S+ [A-Za-z0-9+/=]+( .*)?")


class MissingSDK(ImportError):
    """Azure ML's package is not installed."""

    def __init__(self) -> None:
        super().__init__("Azure ML needs: pip install 'restock[azureml]'")


class Options(BaseModel):
    """Where and how a job runs."""

    model_config = ConfigDict(extra="forbid")

    compute: str | None = Field(
        default=None,
        title="Compute",
        description="A compute cluster of the workspace; local: processes of the worker's own "
        "machine; nothing: serverless compute, which needs an instance type.",
    )
    instance_type: str | None = Field(
        default=None,
        title="Instance type",
        description="Size of the machines, as in Standard_D4s_v5: for serverless compute.",
    )
    environment: str | None = Field(
        default=None,
        title="Environment",
        description="azureml:NAME@latest, azureml:NAME:VERSION or an image, "
        "REGISTRY/restock-cpu@sha256:…; its python has restock.",
    )
    instance_count: int = Field(
        default=1, ge=1, title="Nodes", description="Machines that run the job."
    )
    low_priority: bool = Field(
        default=False,
        title="Low priority",
        description="Spot machines, on serverless compute. A cluster is of low priority or not "
        "when it is made.",
    )
    experiment: str = Field(
        default="restock", title="Experiment", description="Under which the jobs are listed."
    )
    identity: Literal["managed", "user"] = Field(
        default="managed",
        title="Identity",
        description="As whom the job reads storage and the key vault: the compute's managed "
        "identity, or the user who submits it.",
    )
    services: tuple[Literal["ssh", "vs_code", "jupyter"], ...] = Field(
        default=(),
        title="Interactive services",
        description="Ways into the running nodes, to debug there: ssh, vs_code, jupyter.",
    )
    ssh_public_key: str | None = Field(
        default=None, title="Public key", description="Of whom ssh lets in."
    )

    @field_validator("compute", "experiment")
    @classmethod
    def _is_name(cls, name: str | None) -> str | None:
        if name is not None and not _NAME.fullmatch(name):
            raise ValueError(f"{name!r} is no name: use letters, digits, - and _")
        return name

    @field_validator("environment")
    @classmethod
    def _is_environment(cls, environment: str | None) -> str | None:
        if environment is not None and not _ENVIRONMENT.fullmatch(environment):
            raise ValueError(
                f"{environment!r} is no environment: write azureml:NAME@latest, "
                "azureml:NAME:VERSION or REGISTRY/IMAGE:TAG"
            )
        return environment

    @field_validator("ssh_public_key")
    @classmethod
    def _is_public(cls, key: str | None) -> str | None:
        if key is not None and not _KEY.fullmatch(key.strip()):
            raise ValueError("this is no public key: give the one line of a .pub file")
        return key

    @model_validator(mode="after")
    def _fits(self) -> Self:
        if self.compute == LOCAL:
            return self
        if self.compute is None and self.instance_type is None:
            raise ValueError(
                "no compute is named: give compute, or instance_type for serverless compute"
            )
        if self.compute is not None and self.low_priority:
            raise ValueError(
                f"{self.compute} is of low priority or not since it was made (az ml compute create "
                "--tier low_priority): leave low_priority to serverless compute"
            )
        if self.environment is None:
            raise ValueError("no environment is named: give one that has restock")
        if "ssh" in self.services and self.ssh_public_key is None:
            raise ValueError("the service ssh needs ssh_public_key")
        return self


def check_environment(variables: Mapping[str, str]) -> None:
    """ValueError for a secret, or a name that is no variable's."""
    for name in variables:
        if not _VARIABLE.fullmatch(name):
            raise ValueError(f"{name!r} is no name of an environment variable")
        if name.upper() in SECRETS:
            raise ValueError(
                f"{name} is a secret, and everybody who sees the workspace reads a job's "
                f"definition: put it into the vault that {vault.VAULT} names, as "
                f"{name.replace('_', '-')}"
            )


def without_files(variables: Mapping[str, str]) -> dict[str, str]:
    """Without names of certificates on this machine: a node has its own, from the vault.

    SettingsError for any other file of this machine.
    """
    left = {name: value for name, value in variables.items() if name not in vault.FILES}
    paths = {name: value for name, value in left.items() if value.startswith("/")}
    folders = ", ".join(OF_IMAGES)
    check_files(paths, OF_IMAGES, f"put it into the image, below {folders}, and name it there")
    return left


def command_job(spec: JobSpec, options: Options, name: str) -> "Command":
    """The job in the words of ``azure-ai-ml``; asks nobody.

    name: of the job in the workspace, never used before. Every node runs the command. ValueError
    for what Azure ML would misunderstand, or for a secret. MissingSDK.
    """
    try:
        from azure.ai.ml import PyTorchDistribution, command
        from azure.ai.ml.entities import ManagedIdentityConfiguration, UserIdentityConfiguration
    except ImportError as error:
        raise MissingSDK from error
    if not _NAME.fullmatch(name):
        raise ValueError(f"{name!r} is no name of a job: use letters, digits, - and _")
    check_environment(spec.environment)
    kinds: dict[str, Any] = {
        "managed": ManagedIdentityConfiguration,
        "user": UserIdentityConfiguration,
    }
    job = command(
        name=name,
        display_name=spec.name,
        experiment_name=options.experiment,
        command=_line(spec.command),
        environment=_environment(options),
        environment_variables=dict(spec.environment),
        compute=options.compute,
        instance_count=spec.nodes,
        instance_type=options.instance_type,
        distribution=PyTorchDistribution(process_count_per_instance=1),
        identity=kinds[options.identity](),
        services=_services(options),
    )
    if options.low_priority:
        job.set_queue_settings(job_tier="Spot")
    return job


def _line(words: Sequence[str]) -> str:
    line = shlex.join(words)
    if "${{" in line:
        raise ValueError(f"Azure ML would fill in what stands between ${{{{ and }}}}: {line}")
    return line


def _environment(options: Options) -> Any:
    if (options.environment or "").startswith("azureml:"):
        return options.environment
    from azure.ai.ml.entities import Environment

    return Environment(image=options.environment)


def _services(options: Options) -> dict[str, Any] | None:
    from azure.ai.ml.entities import JupyterLabJobService, SshJobService, VsCodeJobService

    # on all nodes: each runs workers in which a breakpoint may be
    made: dict[str, Any] = {}
    for service in options.services:
        if service == "ssh":
            made[service] = SshJobService(ssh_public_keys=options.ssh_public_key, nodes="all")
        else:
            kind = VsCodeJobService if service == "vs_code" else JupyterLabJobService
            made[service] = kind(nodes="all")
    return made or None
