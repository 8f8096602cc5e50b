"""Folders of files in a store: written once, listed with their hashes, fetched once per node."""

import fcntl
import hashlib
import json
import os
import shutil
import uuid
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path

from pydantic import BaseModel, ConfigDict, ValidationError

from restock.infra.store import NotFound, Store, StoreError, check_key

CONTENTS = "contents.json"


class File(BaseModel):
    """Size in bytes and sha256 of a stored file."""

    model_config = ConfigDict(frozen=True, extra="forbid")

    size: int
    sha256: str


class Contents(BaseModel):
    """What a stored folder holds, by path in it: written last, so it means "complete"."""

    model_config = ConfigDict(frozen=True, extra="forbid")

    schema_version: int = 1
    files: dict[str, File]

    @property
    def hash(self) -> str:
        """sha256 over the names and hashes of the files."""
        names = {name: file.sha256 for name, file in sorted(self.files.items())}
        return hashlib.sha256(json.dumps(names).encode()).hexdigest()


def contents_of(folder: Path) -> Contents:
    """Hash the files in a folder on disk and below it."""
    files = {
        path.relative_to(folder).as_posix(): file_of(path)
        for path in sorted(folder.rglob("*"))
        if path.is_file()
    }
    return Contents(files=files)


def file_of(path: Path) -> File:
    """Size and sha256 of a file, reading it in pieces."""
    with path.open("rb") as stream:
        digest = hashlib.file_digest(stream, "sha256")
        return File(size=stream.tell(), sha256=digest.hexdigest())


def put_folder(store: Store, key: str, folder: Path, contents: Contents | None = None) -> Contents:
    """Store the files of a folder below a key that names their content.

    A complete folder is left as it is (its name says that it holds the same); one that an
    interrupted writer left without its list is written again. Returns what is stored.
    """
    there = read_contents(store, key)
    if there is not None:
        return there
    contents = contents or contents_of(folder)
    for name in contents.files:
        store.put_file(f"{key}/{name}", folder / name)
    store.put(f"{key}/{CONTENTS}", contents.model_dump_json(indent=1).encode())
    return contents


def read_contents(store: Store, key: str) -> Contents | None:
    """The list of a stored folder; None when there is no complete one."""
    try:
        blob = store.get(f"{key}/{CONTENTS}")
    except NotFound:
        return None
    try:
        contents = Contents.model_validate_json(blob.data)
        for name in contents.files:
            check_key(name)
    except (ValidationError, ValueError) as error:
        raise StoreError(f"{key}/{CONTENTS} in {store.uri} is damaged: {error}") from error
    return contents


def open_folder(store: Store, key: str, cache: Path) -> Path:
    """A folder on this node with the stored files: the store's own, or fetched into the cache.

    Fetching is done once per node: other processes wait, then use the same files. Every
    fetched file is checked against its hash before any process sees it; files of a local
    store are checked by size. NotFound when the store has no complete folder there.
    """
    local = store.local(key)
    if local is not None:
        return _check_local(store, key, local)
    target = cache / check_key(key)
    if target.is_dir():
        return target
    with _locked(cache / ".locks" / key.replace("/", "+")):
        if not target.is_dir():
            _fetch(store, key, target, cache / ".tmp" / uuid.uuid4().hex)
    return target


def open_file(store: Store, key: str, file: File, cache: Path) -> Path:
    """A stored file on this node, the store's own or fetched once into the cache, checked.

    The cache is by hash; a file of a local store is checked by size. NotFound; StoreError when
    the store holds something else.
    """
    local = store.local(key)
    if local is not None:
        if not local.is_file():
            raise NotFound(f"there is no {key} in {store.uri}")
        _check_size(local, file)
        return local
    target = cache / "files" / file.sha256
    if target.is_file():
        return target
    with _locked(cache / ".locks" / file.sha256):
        if not target.is_file():
            temporary = cache / ".tmp" / uuid.uuid4().hex
            try:
                _fetch_file(store, key, file, temporary)
                target.parent.mkdir(parents=True, exist_ok=True)
                temporary.rename(target)
            finally:
                temporary.unlink(missing_ok=True)
    return target


def _fetch_file(store: Store, key: str, file: File, path: Path) -> None:
    store.get_file(key, path)
    if file_of(path) != file:
        raise StoreError(f"{key} in {store.uri} is damaged: its hash is wrong")


def _check_local(store: Store, key: str, local: Path) -> Path:
    for name, file in _require(store, key).files.items():
        _check_size(local / name, file)
    return local


def _check_size(path: Path, file: File) -> None:
    size = path.stat().st_size if path.is_file() else None
    if size != file.size:
        raise StoreError(f"{path} is damaged: {size} bytes, not {file.size}")


def _fetch(store: Store, key: str, target: Path, temporary: Path) -> None:
    contents = _require(store, key)
    try:
        for name, file in contents.files.items():
            _fetch_file(store, f"{key}/{name}", file, temporary / name)
        target.parent.mkdir(parents=True, exist_ok=True)
        temporary.rename(target)
    finally:
        shutil.rmtree(temporary, ignore_errors=True)


def _require(store: Store, key: str) -> Contents:
    contents = read_contents(store, key)
    if contents is None:
        raise NotFound(f"there is no complete {key} in {store.uri}")
    return contents


@contextmanager
def _locked(path: Path) -> Iterator[None]:
    path.parent.mkdir(parents=True, exist_ok=True)
    descriptor = os.open(path, os.O_RDWR | os.O_CREAT)
    try:
        fcntl.flock(descriptor, fcntl.LOCK_EX)
        yield
    finally:
        os.close(descriptor)
