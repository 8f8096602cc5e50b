"""Secrets of a job come from Azure Key Vault to its node: none is in the job's definition.

``python -m restock.infra.azureml.vault -- COMMAND…`` runs a command that has them.

The node shows the identity that Azure ML gives it (``DefaultAzureCredential``). A secret of the
vault is called as the variable with ``-`` for ``_``: ``RESTOCK-PREFECT--AUTH-STRING``.
"""

import os
import subprocess
import sys
from collections.abc import Iterator, Mapping, MutableMapping, Sequence
from contextlib import contextmanager
from pathlib import Path
from tempfile import TemporaryDirectory
from typing import Any
from urllib.parse import urlsplit

from restock.infra import signals
from restock.infra.settings import known_keys, variable

VAULT = "RESTOCK_AZURE__KEY_VAULT"
FILES = ("RESTOCK_DASK__TLS_CA_FILE", "RESTOCK_DASK__TLS_CERT", "RESTOCK_DASK__TLS_KEY")
"""Variables that name a file: the vault holds what is in it, as PEM."""
SECRETS = tuple(variable(key) for key, secret in known_keys().items() if secret)
API = "7.4"


class VaultError(RuntimeError):
    """The vault gives nothing; the text says what it needs."""


class NotStarted(RuntimeError):
    """What a node is to start does not; the text says what it needs."""


@contextmanager
def opened(environment: MutableMapping[str, str]) -> Iterator[None]:
    """Add the secrets of the vault that ``environment`` names; what is there already stays.

    Certificates lie in files that only this user may read, until the end. Does nothing where no
    vault is named. VaultError, ImportError without the extra.
    """
    address = environment.get(VAULT)
    if not address:
        yield
        return
    wanted = [name for name in (*SECRETS, *FILES) if name not in environment]
    found = _read(address, wanted)
    with TemporaryDirectory(prefix="restock-") as folder:
        for name in FILES:
            if pem := found.get(name):
                found[name] = str(_write(Path(folder) / f"{name.lower()}.pem", pem))
        environment.update(found)
        yield


def _write(path: Path, text: str) -> Path:
    path.touch(mode=0o600)  # before anything is in it
    path.write_text(text)
    return path


def _read(address: str, names: list[str]) -> dict[str, str]:
    """Variable → secret, of those that the vault has."""
    try:
        from azure.core import PipelineClient
        from azure.core.exceptions import AzureError
        from azure.core.pipeline.policies import BearerTokenCredentialPolicy, RetryPolicy
        from azure.identity import DefaultAzureCredential
    except ImportError as error:
        raise ImportError(f"{VAULT} needs: pip install 'restock[azureml]'") from error

    # the token is for all vaults of a cloud: https://vault.azure.net, https://vault.azure.cn
    cloud = (urlsplit(address).hostname or "").partition(".")[2]
    credential: Any = DefaultAzureCredential(exclude_interactive_browser_credential=True)
    signing = BearerTokenCredentialPolicy(credential, f"https://{cloud}/.default")
    client: Any = PipelineClient(address, policies=[RetryPolicy(), signing])
    with client:
        try:
            return dict(_secrets(client, names))
        except AzureError as error:
            raise VaultError(
                f"no secret can be read from {address}: give this node's identity the role Key "
                f"Vault Secrets User, or set the variables without a vault ({error.message})"
            ) from error


def _secrets(client: Any, names: list[str]) -> Iterator[tuple[str, str]]:
    from azure.core.exceptions import HttpResponseError
    from azure.core.rest import HttpRequest

    for name in names:
        url = client.format_url(f"/secrets/{name.replace('_', '-')}")
        answer = client.send_request(HttpRequest("GET", url, params={"api-version": API}))
        if answer.status_code == 404:
            continue
        if answer.status_code >= 400:
            raise HttpResponseError(f"{url}: {answer.status_code} {answer.reason}")
        body: Mapping[str, str] = answer.json()
        yield name, body["value"]


def command_line(module: str) -> list[str]:
    """The command behind ``--``. Exits with 2 where there is none."""
    if "--" in sys.argv and (command := sys.argv[sys.argv.index("--") + 1 :]):
        return command
    print(f"usage: python -m {module} -- COMMAND…", file=sys.stderr)
    raise SystemExit(2)


@contextmanager
def starting(command: Sequence[str]) -> Iterator[None]:
    """NotStarted where the program of a command is not there."""
    try:
        yield
    except OSError as error:
        raise NotStarted(
            f"{command[0]} cannot be started ({error.strerror}): write behind -- a program of this "
            "image, or its path"
        ) from error


def _run(command: Sequence[str]) -> int:
    with starting(command), signals.later(lambda number, _: process.send_signal(number)):
        process = subprocess.Popen(command)
    code = process.wait()
    return code if code >= 0 else 128 - code


def main() -> int:
    """Exit with the command's own status; 2 when it does not start or has no secrets."""
    command = command_line("restock.infra.azureml.vault")
    try:
        with signals.sigterm_exits(), opened(os.environ):
            return _run(command)
    except (VaultError, NotStarted, ImportError) as error:
        print(error, file=sys.stderr)
        return 2


if __name__ == "__main__":
    sys.exit(main())
