"""Where the platform is and how to reach it: environment variables and ``restock.toml``.

A setting is looked up in the environment (``RESTOCK_STORAGE``, ``RESTOCK_PREFECT__API_URL``:
a double underscore goes one level down), then in ``restock.toml`` of the working directory
or the file that ``RESTOCK_CONFIG`` names, then here. Secrets come by environment only.
"""

import json
import os
import re
import tomllib
from difflib import get_close_matches
from functools import reduce
from pathlib import Path
from typing import Any, get_origin

from pydantic import BaseModel, Field, SecretStr, ValidationError, field_validator, model_validator
from pydantic_settings import BaseSettings, PydanticBaseSettingsSource, SettingsConfigDict
from pydantic_settings import SettingsError as NoJson

from restock.infra import debugger, logs
from restock.infra.connections import (
    Address,
    AlertSettings,
    AzureMLSettings,
    AzureSettings,
    DaskSettings,
    DatabricksSettings,
    LocalPath,
    MlflowSettings,
    PrefectSettings,
    absolute,
)
from restock.kernels import policy

PREFIX = "RESTOCK_"
CONFIG_VARIABLE = "RESTOCK_CONFIG"
CONFIG_FILE = "restock.toml"
_LIST = 'write it as a JSON list, as in ["A"]'
_RUNNER = re.compile(r"^(threads|dask|(dask|tls)://[A-Za-z0-9._-]+:\d{1,5})$")


class SettingsError(ValueError):
    """A setting is wrong or unknown; the text says which, why, and what would be right."""


class Settings(BaseSettings):
    """Everything that differs between two installations. Read it with ``load_settings``.

    Secrets are ``SecretStr``: neither repr, logs nor JSON show them.
    """

    model_config = SettingsConfigDict(
        env_prefix=PREFIX,
        env_nested_delimiter="__",
        env_ignore_empty=True,
        extra="forbid",
        frozen=True,
        validate_default=True,
        hide_input_in_errors=True,
    )

    home: LocalPath = Path(".restock")
    """Folder of the embedded defaults: store, cache, tracking database."""
    storage: Address = ""
    """Store: a folder, ``azure://ACCOUNT/CONTAINER[/PREFIX]`` or a blob https address."""
    cache: LocalPath = Path()
    """Folder of this node for what is fetched from a store that is elsewhere."""
    markets: LocalPath | None = None
    """A ``markets.toml`` that replaces the packaged one."""
    runner: str = "dask"
    """Where work runs: threads, dask, dask://HOST:PORT or tls://HOST:PORT."""
    cores: int | None = Field(default=None, ge=1)
    """Cores to use on this node; None: all that this process may use."""
    spark_scratch: LocalPath | None = None
    """Folder that all nodes of a Spark cluster see, as a volume; None: a temporary one."""
    debug: int | None = Field(default=None, ge=1, le=65000)
    """Port on loopback where a debugger attaches to the flow; workers elsewhere use the next."""
    traceback: bool = False
    """Show where in the code an error arose, on the command line."""
    azure: AzureSettings = AzureSettings()
    azureml: AzureMLSettings = AzureMLSettings()
    prefect: PrefectSettings = PrefectSettings()
    mlflow: MlflowSettings = MlflowSettings()
    dask: DaskSettings = DaskSettings()
    alerts: AlertSettings = AlertSettings()
    databricks: DatabricksSettings = DatabricksSettings()

    @model_validator(mode="before")
    @classmethod
    def _places(cls, data: dict[str, Any]) -> dict[str, Any]:
        home = Path(data.get("home") or cls.model_fields["home"].default)
        places = {"storage": str(absolute(home) / "store"), "cache": home / "cache"}
        return {**places, **{key: value for key, value in data.items() if value is not None}}

    @field_validator("storage")
    @classmethod
    def _storage(cls, uri: str) -> str:
        # A folder is made absolute here: a worker may run in another working directory.
        return uri if "://" in uri else str(absolute(Path(uri)))

    @field_validator("runner")
    @classmethod
    def _runner(cls, runner: str) -> str:
        if not _RUNNER.match(runner):
            raise ValueError(
                f"{runner!r} is no runner: use threads, dask, dask://HOST:PORT or tls://HOST:PORT"
            )
        return runner

    @classmethod
    def settings_customise_sources(
        cls,
        settings_cls: type[BaseSettings],
        init_settings: PydanticBaseSettingsSource,
        env_settings: PydanticBaseSettingsSource,
        dotenv_settings: PydanticBaseSettingsSource,
        file_secret_settings: PydanticBaseSettingsSource,
    ) -> tuple[PydanticBaseSettingsSource, ...]:
        """Arguments, then the environment, then the file."""
        return init_settings, env_settings, _TomlSource(settings_cls)

    @property
    def tracking_uri(self) -> str:
        """The MLflow address: the configured server, or SQLite in ``home``."""
        return self.mlflow.tracking_uri or f"sqlite:///{self.home / 'mlflow.db'}"

    def environment(self) -> dict[str, str]:
        """Variables that make Prefect, MLflow, Dask and restock on another node reach the same.

        Holds secrets in clear text: hand it to a process, never to a log. Folders of this
        node (home, cache) and the embedded servers are left out.
        """
        prefect, mlflow, dask, azure = self.prefect, self.mlflow, self.dask, self.azure
        values: dict[str, object] = {
            "PREFECT_API_URL": prefect.api_url,
            "PREFECT_API_KEY": prefect.api_key,
            "PREFECT_API_AUTH_STRING": prefect.auth_string,
            "PREFECT_API_SSL_CERT_FILE": prefect.tls_ca_file,
            "PREFECT_API_TLS_INSECURE_SKIP_VERIFY": prefect.tls_insecure or None,
            "MLFLOW_TRACKING_URI": mlflow.tracking_uri,
            "MLFLOW_TRACKING_TOKEN": mlflow.token,
            "MLFLOW_TRACKING_USERNAME": mlflow.username,
            "MLFLOW_TRACKING_PASSWORD": mlflow.password,
            "MLFLOW_TRACKING_SERVER_CERT_PATH": mlflow.tls_ca_file,
            "MLFLOW_TRACKING_CLIENT_CERT_PATH": mlflow.tls_client_cert,
            "MLFLOW_TRACKING_INSECURE_TLS": mlflow.tls_insecure or None,
            "DASK_DISTRIBUTED__COMM__TLS__CA_FILE": dask.tls_ca_file,
            "DASK_DISTRIBUTED__COMM__TLS__CLIENT__CERT": dask.tls_cert,
            "DASK_DISTRIBUTED__COMM__TLS__CLIENT__KEY": dask.tls_key,
            f"{PREFIX}STORAGE": self.storage,
            f"{PREFIX}AZURE__CONNECTION_STRING": azure.connection_string,
            f"{PREFIX}AZURE__ACCOUNT_KEY": azure.account_key,
            f"{PREFIX}AZURE__SAS_TOKEN": azure.sas_token,
        }
        return {name: _plain(value) for name, value in values.items() if value is not None}


def load_settings(**overrides: Any) -> Settings:
    """Read the settings of this process; ``overrides`` come before the environment.

    Raises SettingsError: for a value that is wrong, a key that is unknown (with the nearest
    known one), a secret in the file, or a file that cannot be read.
    """
    _refuse_unknown_variables()
    try:
        return Settings(**{key: value for key, value in overrides.items() if value is not None})
    except ValidationError as error:
        raise SettingsError("\n".join(_explain(dict(one)) for one in error.errors())) from None
    except NoJson as error:
        raise SettingsError(_explain_no_json(error)) from None


class _TomlSource(PydanticBaseSettingsSource):
    """``restock.toml``: every key but the secrets."""

    def get_field_value(self, field: Any, field_name: str) -> tuple[Any, str, bool]:
        raise NotImplementedError  # the file is read as a whole

    def __call__(self) -> dict[str, Any]:
        named = os.environ.get(CONFIG_VARIABLE)
        path = Path(named or CONFIG_FILE)
        if not named and not path.is_file():
            return {}
        try:
            data = tomllib.loads(path.read_text(encoding="utf-8"))
        except FileNotFoundError:
            raise SettingsError(f"{CONFIG_VARIABLE} names {path}: no such file") from None
        except (tomllib.TOMLDecodeError, UnicodeDecodeError) as error:
            raise SettingsError(f"{path} is not valid TOML: {error}") from None
        secrets = _secret_keys() & _flat(data)
        if secrets:
            key = min(secrets)
            raise SettingsError(
                f"{path} holds the secret {key}: remove it and set {variable(key)} instead"
            )
        return data


def _plain(value: object) -> str:
    return value.get_secret_value() if isinstance(value, SecretStr) else str(value)


def variable(key: str) -> str:
    """The environment variable of ``section.key``."""
    return PREFIX + key.replace(".", "__").upper()


def known_keys() -> dict[str, bool]:
    """Every setting as ``section.key``, and whether it is a secret."""
    keys: dict[str, bool] = {}
    for name, field in Settings.model_fields.items():
        section = field.annotation
        if isinstance(section, type) and issubclass(section, BaseModel):
            for inner, about in section.model_fields.items():
                keys[f"{name}.{inner}"] = "SecretStr" in str(about.annotation)
        else:
            keys[name] = False
    return keys


def secret_variables(settings: Settings) -> list[str]:
    """Variables of the secrets that are set here, by name alone."""
    return [variable(key) for key in sorted(_secret_keys()) if value_of(settings, key) is not None]


def value_of(settings: Settings, key: str) -> Any:
    """The value of ``section.key``."""
    return reduce(getattr, key.split("."), settings)


def _secret_keys() -> set[str]:
    return {key for key, secret in known_keys().items() if secret}


def _flat(data: dict[str, Any]) -> set[str]:
    inner = {f"{a}.{b}" for a, value in data.items() if isinstance(value, dict) for b in value}
    return inner | set(data)


def _nearest(key: str) -> str:
    near = get_close_matches(key, known_keys(), n=1, cutoff=0.6)
    return (
        f"did you mean {near[0]} ({variable(near[0])})?"
        if near
        else (f"known settings: {', '.join(known_keys())}")
    )


def _explain(error: dict[str, Any]) -> str:
    key = ".".join(str(part) for part in error["loc"])
    if error["type"] == "extra_forbidden":
        return f"unknown setting {key}; {_nearest(key)}"
    text = str(error["msg"]).removeprefix("Value error, ")
    if error["type"] == "tuple_type":
        text = _LIST
    return f"setting {key} ({variable(key)}): {text}"


def _explain_no_json(error: NoJson) -> str:
    """Which variable it is and how to write it: pydantic names the section alone."""
    for section, field in Settings.model_fields.items():
        about = field.annotation
        if not (isinstance(about, type) and issubclass(about, BaseModel)):
            continue
        if _is_no_json(variable(section)):
            keys = ", ".join(variable(f"{section}.{inner}") for inner in about.model_fields)
            return f"{variable(section)} is a section, not a setting: it has {keys}"
        for inner, one in about.model_fields.items():
            name = variable(f"{section}.{inner}")
            if get_origin(one.annotation) is tuple and _is_no_json(name):
                return f"setting {section}.{inner} ({name}): {_LIST}"
    return str(error)


def _is_no_json(name: str) -> bool:
    try:
        json.loads(os.environ.get(name) or "null")
    except ValueError:
        return True
    return False


def _refuse_unknown_variables() -> None:
    """A misspelt variable would be ignored in silence: pydantic looks up the known ones only."""
    tops = {variable(name) for name in Settings.model_fields}
    tops |= {CONFIG_VARIABLE, policy.THREADS, logs.LINES, debugger.SESSION}
    for name in sorted(os.environ):
        if name.startswith(PREFIX) and name.split("__")[0] not in tops:
            key = name.removeprefix(PREFIX).lower().replace("__", ".")
            raise SettingsError(f"unknown environment variable {name}; {_nearest(key)}")
