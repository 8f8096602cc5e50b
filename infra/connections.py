"""How to reach the servers and accounts of a platform that is not on this machine."""

import re
from pathlib import Path
from typing import Annotated, Literal, Self
from urllib.parse import urlsplit

from pydantic import (
    AfterValidator,
    BaseModel,
    ConfigDict,
    Field,
    SecretStr,
    field_validator,
    model_validator,
)

LOOPBACK_HOSTS = frozenset({"localhost", "127.0.0.1", "::1"})


def _no_credentials(uri: str) -> str:
    parts = urlsplit(uri)
    if parts.password or re.search(r"[?&]sig=", uri):
        raise ValueError(
            "an address must not carry a password or a signature: it is written to logs and "
            "references; give the secret in its own environment variable"
        )
    return uri


def absolute(path: Path) -> Path:
    """A path that means the same in another working directory."""
    return path.expanduser().absolute()


Address = Annotated[str, AfterValidator(_no_credentials)]
LocalPath = Annotated[Path, AfterValidator(absolute)]
CatchUp = Literal["latest", "all", "none"]


class Section(BaseModel):
    """A table of settings: cannot be changed, refuses unknown keys, shows no values in errors."""

    model_config = ConfigDict(frozen=True, extra="forbid", hide_input_in_errors=True)


def _needs_tls(section: str, address: str | None, *secrets: SecretStr | None) -> None:
    parts = urlsplit(address or "")
    if parts.scheme == "http" and parts.hostname not in LOOPBACK_HOSTS and any(secrets):
        raise ValueError(
            f"the {section} credentials would travel in clear text to {address}: use https://"
        )


class AzureSettings(Section):
    """Keys of the blob account, for where ``DefaultAzureCredential`` finds no identity."""

    key_vault: Address | None = None
    """A vault that holds the secrets of nodes in Azure ML: ``https://NAME.vault.azure.net``."""
    connection_string: SecretStr | None = None
    account_key: SecretStr | None = None
    sas_token: SecretStr | None = None

    @field_validator("key_vault")
    @classmethod
    def _is_encrypted(cls, vault: str | None) -> str | None:
        if vault is not None and urlsplit(vault).scheme != "https":
            raise ValueError(f"{vault} is no vault: write https://NAME.vault.azure.net")
        return vault

    @model_validator(mode="after")
    def _one_credential(self) -> Self:
        given = [name for name, value in self if isinstance(value, SecretStr)]
        if len(given) > 1:
            raise ValueError(f"give one of {', '.join(given)}, not several")
        return self


class AzureMLSettings(Section):
    """The workspace of Azure ML whose compute runs jobs."""

    subscription: str | None = None
    resource_group: str | None = None
    workspace: str | None = None


class PrefectSettings(Section):
    """A Prefect server that is not the embedded one. No address: an ephemeral server."""

    api_url: Address | None = None
    api_key: SecretStr | None = None
    """Key of Prefect Cloud."""
    auth_string: SecretStr | None = None
    """``user:password`` of a self-hosted server with basic authentication."""
    tls_ca_file: LocalPath | None = None
    tls_insecure: bool = False
    catch_up: CatchUp = "latest"
    """Of the runs that were due while the platform was away: the newest, all, or none."""

    @model_validator(mode="after")
    def _check(self) -> Self:
        _needs_tls("Prefect", self.api_url, self.api_key, self.auth_string)
        return self


class AlertSettings(Section):
    """Whom to tell what cannot wait."""

    blocks: tuple[str, ...] = ()
    """Prefect notification blocks, ``type/name``, as in slack-webhook/ops."""

    @field_validator("blocks")
    @classmethod
    def _are_blocks(cls, blocks: tuple[str, ...]) -> tuple[str, ...]:
        for name in blocks:
            if not re.fullmatch(r"[a-z0-9-]+/[a-z0-9-]+", name):
                raise ValueError(f"{name!r} is no block: write type/name, as in slack-webhook/ops")
        return blocks


class DatabricksSettings(Section):
    """Clusters of a Databricks workspace that run jobs. Who we are is Databricks' own settings."""

    image: str | None = None
    """The image of the target ``databricks`` in a registry, for new clusters."""
    private_image: bool = False
    """The registry asks for a password: DOCKER_USER and DOCKER_PASSWORD of the scope."""
    cluster: str | None = None
    """Id of a cluster that runs already; None: each job brings one of its own."""
    policy: str | None = None
    """Id of the policy that new clusters obey."""
    spark_version: str = "17.3.x-scala2.13"
    """Runtime of new clusters: one with the image's Ubuntu and Python, 16.4 or 17.3."""
    node_type: str = "Standard_D8ds_v5"
    secret_scope: str = "restock"
    secrets: tuple[str, ...] = ()
    """Variables that new clusters take from secrets of the same name in the scope. Secret
    settings that are given here are among them without being named."""

    @field_validator("secrets")
    @classmethod
    def _are_variables(cls, secrets: tuple[str, ...]) -> tuple[str, ...]:
        for name in secrets:
            if not re.fullmatch(r"[A-Z][A-Z0-9_]*", name):
                raise ValueError(f"{name!r} is no variable: capital letters, digits and _")
        return secrets

    @field_validator("secret_scope")
    @classmethod
    def _is_scope(cls, scope: str) -> str:
        if not re.fullmatch(r"[A-Za-z0-9_.@-]{1,128}", scope):
            raise ValueError(f"{scope!r} is no scope: letters, digits, -, _, @ and . (at most 128)")
        return scope


class MlflowSettings(Section):
    """An MLflow tracking server that is not the embedded one. No address: SQLite at home."""

    tracking_uri: Address | None = None
    token: SecretStr | None = None
    username: str | None = None
    password: SecretStr | None = None
    tls_ca_file: LocalPath | None = None
    tls_client_cert: LocalPath | None = None
    tls_insecure: bool = False

    @model_validator(mode="after")
    def _check(self) -> Self:
        _needs_tls("MLflow", self.tracking_uri, self.token, self.password)
        if self.tls_insecure and self.tls_ca_file:
            raise ValueError("give tls_ca_file or tls_insecure, not both")
        if (self.username is None) != (self.password is None):
            raise ValueError("username and password go together")
        return self


class DaskSettings(Section):
    """A Dask cluster that the runner names: its TLS, and how many workers a node gives it."""

    tls_ca_file: LocalPath | None = None
    tls_cert: LocalPath | None = None
    tls_key: LocalPath | None = None
    workers_min: int = Field(default=1, ge=0)
    """Workers of a node that stay (``restock workers``)."""
    workers_max: int | None = Field(default=None, ge=1)
    """Most workers of a node; None: one to each core."""
    tasks_per_worker: float = Field(default=2.0, gt=0)
    """The threshold: with more tasks waiting for each worker of the cluster, one is added."""
    idle_seconds: float = Field(default=60.0, ge=0)
    """A worker beyond ``workers_min`` ends that has had nothing to do for so long."""

    @model_validator(mode="after")
    def _in_order(self) -> Self:
        if self.workers_max is not None and self.workers_max < self.workers_min:
            raise ValueError(
                f"workers_max ({self.workers_max}) is below workers_min ({self.workers_min})"
            )
        return self
