"""A store in an Azure Blob container: ETag conditions, retries, no secrets in its address."""

import uuid
from collections.abc import Iterator, Sequence
from contextlib import contextmanager
from pathlib import Path
from typing import Any, Self
from urllib.parse import urlsplit

from restock.infra.connections import LOOPBACK_HOSTS, AzureSettings
from restock.infra.store import (
    Blob,
    Conflict,
    Entry,
    NotFound,
    StoreError,
    Unavailable,
    check_key,
)

PUBLIC_CLOUD = "blob.core.windows.net"
WRITE_ID = "restock_write"
CONNECT_SECONDS = 10
READ_SECONDS = 60
BLOCK_BYTES = 8 << 20
TRANSFERS = 4

try:
    from azure.core import MatchConditions
    from azure.core.exceptions import (
        ClientAuthenticationError,
        HttpResponseError,
        ResourceExistsError,
        ResourceModifiedError,
        ResourceNotFoundError,
        ServiceRequestError,
        ServiceResponseError,
    )
    from azure.storage.blob import ContainerClient, ExponentialRetry
except ImportError as error:
    raise ImportError("an Azure store needs: pip install 'restock[azure]'") from error


class AzureStore:
    """Objects are block blobs below a prefix of one container.

    A write carries an id of its own in the blob's metadata: when the SDK's retry of a swap
    whose answer was lost is refused, the id shows that the first attempt had succeeded.
    Uploads carry an MD5 for each block, which the service checks.
    """

    def __init__(self, container: ContainerClient, prefix: str, uri: str) -> None:
        self._container = container
        self._prefix = f"{check_key(prefix)}/" if prefix else ""
        self._uri = uri

    def __repr__(self) -> str:
        return f"AzureStore({self._uri!r})"

    @classmethod
    def open(cls, address: str, settings: AzureSettings) -> Self:
        """From ``azure://ACCOUNT/CONTAINER[/PREFIX]`` or the https address of the container.

        With no key in the settings, ``DefaultAzureCredential`` finds the identity. Connects
        at the first use.
        """
        endpoint, account, container, prefix = _split(address)
        tuning: dict[str, Any] = {
            "retry_policy": ExponentialRetry(initial_backoff=1, increment_base=2, retry_total=4),
            "connection_timeout": CONNECT_SECONDS,
            "read_timeout": READ_SECONDS,
            "max_block_size": BLOCK_BYTES,
            "max_single_put_size": BLOCK_BYTES,
        }
        if settings.connection_string is not None:
            client = ContainerClient.from_connection_string(
                settings.connection_string.get_secret_value(), container, **tuning
            )
            if client.account_name != account:
                raise ValueError(
                    f"{address} is on the account {account}, the connection string is for "
                    f"{client.account_name}: change RESTOCK_AZURE__CONNECTION_STRING"
                )
        else:
            client = ContainerClient(
                endpoint, container, credential=_credential(settings), **tuning
            )
        return cls(client, prefix, address.rstrip("/"))

    @property
    def uri(self) -> str:
        """The address it was opened with."""
        return self._uri

    def put(self, key: str, data: bytes) -> str:
        """See ``Store.put``."""
        return self._upload(key, data, overwrite=True)

    def get(self, key: str) -> Blob:
        """See ``Store.get``."""
        with self._errors(key):
            stream = self._blob(key).download_blob()
            return Blob(stream.readall(), str(stream.properties.etag))

    def list(self, folder: str = "") -> Sequence[Entry]:
        """See ``Store.list``."""
        below = f"{self._prefix}{check_key(folder)}/" if folder else self._prefix
        try:
            with self._errors(folder):
                found = [
                    Entry(blob.name.removeprefix(self._prefix), blob.size, blob.last_modified)
                    for blob in self._container.list_blobs(name_starts_with=below)
                ]
        except NotFound:  # no container yet
            return []
        return sorted(found, key=lambda entry: entry.key)

    def compare_and_swap(self, key: str, data: bytes, etag: str | None) -> str:
        """See ``Store.compare_and_swap``."""
        write_id = uuid.uuid4().hex
        condition: dict[str, Any] = {"overwrite": False}
        if etag is not None:
            condition = {
                "overwrite": True,
                "etag": etag,
                "match_condition": MatchConditions.IfNotModified,
            }
        try:
            return self._upload(key, data, metadata={WRITE_ID: write_id}, **condition)
        except (Conflict, NotFound) as refused:
            return self._settle(key, write_id, refused)

    def delete(self, key: str) -> None:
        """See ``Store.delete``."""
        try:
            with self._errors(key):
                self._blob(key).delete_blob()
        except NotFound:
            return

    def put_file(self, key: str, path: Path) -> None:
        """See ``Store.put_file``."""
        with path.open("rb") as file:
            self._upload(
                key, file, overwrite=True, validate_content=True, max_concurrency=TRANSFERS
            )

    def get_file(self, key: str, path: Path) -> None:
        """See ``Store.get_file``."""
        with self._errors(key):
            stream = self._blob(key).download_blob(validate_content=True, max_concurrency=TRANSFERS)
            path.parent.mkdir(parents=True, exist_ok=True)
            with path.open("wb") as file:
                stream.readinto(file)

    def local(self, key: str) -> Path | None:
        """See ``Store.local``: nothing of this store is on the node."""
        check_key(key)
        return None

    def _blob(self, key: str) -> Any:
        return self._container.get_blob_client(self._prefix + check_key(key))

    def _upload(self, key: str, data: Any, **options: Any) -> str:
        blob = self._blob(key)
        with self._errors(key):
            try:
                return str(blob.upload_blob(data, **options)["etag"])
            except ResourceNotFoundError as error:
                if getattr(error, "error_code", None) != "ContainerNotFound":
                    raise
            self._make_container()
            if hasattr(data, "seek"):
                data.seek(0)
            return str(blob.upload_blob(data, **options)["etag"])

    def _make_container(self) -> None:
        try:
            self._container.create_container()
        except ResourceExistsError:  # another process was first
            return

    def _settle(self, key: str, write_id: str, refused: StoreError) -> str:
        """The ETag, when the write that was refused is a retry of one that had succeeded."""
        try:
            with self._errors(key):
                now = self._blob(key).get_blob_properties()
        except NotFound:
            now = None
        if now is not None and now.metadata.get(WRITE_ID) == write_id:
            return str(now.etag)
        raise Conflict(f"{key} in {self._uri} was changed by another process") from refused

    @contextmanager
    def _errors(self, key: str) -> Iterator[None]:
        where = f"{key or 'the container'} in {self._uri}"
        try:
            yield
        except ResourceNotFoundError as error:
            raise NotFound(f"there is no {where}") from error
        except (ResourceModifiedError, ResourceExistsError) as error:
            raise Conflict(f"{where} was changed by another process") from error
        except (ServiceRequestError, ServiceResponseError) as error:
            raise Unavailable(f"no answer about {where}: {error}") from error
        except HttpResponseError as error:
            if isinstance(error, ClientAuthenticationError) or error.status_code in (401, 403):
                raise StoreError(
                    f"not allowed to use {where}: sign in (az login, managed identity) with the "
                    "role Storage Blob Data Contributor, or set RESTOCK_AZURE__CONNECTION_STRING"
                ) from error
            if error.status_code is None or error.status_code >= 500 or error.status_code == 429:
                raise Unavailable(f"no answer about {where}: {error.message}") from error
            raise StoreError(f"{where}: {error.message}") from error


def _credential(settings: AzureSettings) -> Any:
    for secret in (settings.account_key, settings.sas_token):
        if secret is not None:
            return secret.get_secret_value()
    try:
        from azure.identity import DefaultAzureCredential
    except ImportError as error:
        raise ImportError("an Azure identity needs: pip install 'restock[azure]'") from error
    return DefaultAzureCredential()


def _split(address: str) -> tuple[str, str, str, str]:
    """Endpoint, account, container and prefix of an address."""
    parts = urlsplit(address)
    path = [part for part in parts.path.split("/") if part]
    account = (parts.hostname or "").split(".")[0]
    endpoint = f"{parts.scheme}://{parts.netloc}"
    if parts.scheme == "azure":
        endpoint = f"https://{account}.{PUBLIC_CLOUD}"
    elif parts.hostname in LOOPBACK_HOSTS:  # an emulator has the account in the path
        account = path.pop(0) if path else ""
        endpoint = f"{endpoint}/{account}"
    elif parts.scheme == "http":
        raise ValueError(f"{address}: a blob address starts with https://")
    if parts.query or parts.username or not account or not path:
        raise ValueError(
            f"{address} is no blob address: use azure://ACCOUNT/CONTAINER[/PREFIX]; "
            "keys come by environment (RESTOCK_AZURE__…)"
        )
    return endpoint, account, path[0], "/".join(path[1:])
