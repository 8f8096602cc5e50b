"""The store: keys and bytes, in a local folder or in Azure Blob, behind one protocol.

Every implementation passes ``tests/contracts/store.py``.
"""

import re
from collections.abc import Sequence
from dataclasses import dataclass
from datetime import datetime
from pathlib import Path
from typing import Protocol
from urllib.parse import unquote, urlsplit

from restock.infra.settings import Settings, load_settings

MAX_KEY_LENGTH = 512
_SEGMENT = re.compile(r"[A-Za-z0-9_][A-Za-z0-9_.=+-]*")
_SWAP_ATTEMPTS = 3


class StoreError(RuntimeError):
    """The store could not do what was asked; the text names the object and the remedy."""


class NotFound(StoreError):
    """There is nothing under this key."""


class Conflict(StoreError):
    """Somebody else changed the object first: read it again and decide anew."""


class Unavailable(StoreError):
    """The store did not answer; whether a write happened is unknown."""


@dataclass(frozen=True)
class Blob:
    """The bytes of an object, and the ETag that names this version of it."""

    data: bytes
    etag: str


@dataclass(frozen=True)
class Entry:
    """An object as a listing shows it: key, size in bytes, last change (UTC)."""

    key: str
    size: int
    modified: datetime


class Store(Protocol):
    """Keys and bytes. A write is seen whole or not at all, by every process.

    Keys are segments joined by ``/``, each of letters, digits and ``_ . = + -``, not
    starting with a dot; ValueError otherwise. No key is also the folder of another key.
    """

    @property
    def uri(self) -> str:
        """The address that ``open_store`` takes; without secrets."""

    def put(self, key: str, data: bytes) -> str:
        """Write an object whatever was there; returns its ETag."""

    def get(self, key: str) -> Blob:
        """Read an object whole. NotFound."""

    def list(self, folder: str = "") -> Sequence[Entry]:
        """Everything below a folder (all levels), sorted by key; empty when there is nothing."""

    def compare_and_swap(self, key: str, data: bytes, etag: str | None) -> str:
        """Write only if the object still has this ETag (None: does not exist).

        Returns the new ETag. Conflict when somebody else was first: of any number of
        processes that swap from one ETag at once, exactly one succeeds. An ETag may name the
        bytes, so let no two writes be equal where it matters (``swap`` needs that too).
        """

    def delete(self, key: str) -> None:
        """Remove an object; no error when it is gone already."""

    def put_file(self, key: str, path: Path) -> None:
        """Write an object from a file, streaming; what arrives is what was read."""

    def get_file(self, key: str, path: Path) -> None:
        """Write an object into a file, streaming. NotFound; then there is no file."""

    def local(self, key: str) -> Path | None:
        """The path of an object or folder on this node; None where it has to be fetched."""


def check_key(key: str) -> str:
    """The key, or ValueError saying what is wrong with it."""
    if not key or len(key) > MAX_KEY_LENGTH:
        raise ValueError(f"a store key has 1 to {MAX_KEY_LENGTH} characters, not {len(key)}")
    for segment in key.split("/"):
        if not _SEGMENT.fullmatch(segment):
            raise ValueError(
                f"{key!r} is no store key: {segment!r} must be letters, digits and _ . = + -, "
                "and must not start with a dot"
            )
    return key


def swap(store: Store, key: str, data: bytes, etag: str | None) -> str:
    """``compare_and_swap`` that settles a lost acknowledgement by reading the object back.

    ``data`` must be unlike any other write (carry an id). Conflict when another was first;
    Unavailable when the store stays away: then run the same again, nothing is half done.
    """
    for _ in range(_SWAP_ATTEMPTS):
        try:
            return store.compare_and_swap(key, data, etag)
        except Unavailable as error:
            lost = error
        try:
            now = store.get(key)
        except NotFound:
            now = None
        if now is not None and now.data == data:
            return now.etag
        if (now.etag if now else None) != etag:
            raise Conflict(f"{key} was changed by another process while we wrote it")
    raise lost


def open_store(uri: str | None = None, settings: Settings | None = None) -> Store:
    """Open the store at an address, or the one of the settings.

    A folder (a path or ``file://``), ``azure://ACCOUNT/CONTAINER[/PREFIX]`` or the https
    address of a blob container. Credentials come from the settings, by default those of
    this process. ValueError for an address of another form.
    """
    settings = settings or load_settings()
    address = uri or settings.storage
    parts = urlsplit(address)
    if "://" not in address or parts.scheme == "file":
        from restock.infra.local_store import LocalStore

        return LocalStore(Path(unquote(parts.path)) if parts.scheme == "file" else Path(address))
    if parts.scheme in ("azure", "https", "http"):
        from restock.infra.azure_store import AzureStore

        return AzureStore.open(address, settings.azure)
    raise ValueError(
        f"{address} is no store: use a folder, azure://ACCOUNT/CONTAINER[/PREFIX] or the https "
        "address of a blob container"
    )
