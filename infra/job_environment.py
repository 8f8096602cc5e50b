"""What a job on machines elsewhere is told of our settings: everything but secrets and places."""

import json
from collections.abc import Iterator, Mapping, Sequence
from pathlib import Path, PurePosixPath
from typing import Any
from urllib.parse import urlsplit

from restock.infra.connections import LOOPBACK_HOSTS
from restock.infra.settings import (
    Settings,
    SettingsError,
    known_keys,
    value_of,
    variable,
)

OF_THIS_MACHINE = frozenset({"home", "cache", "cores", "debug", "traceback"})
MOUNTS = ("/Volumes", "/Workspace", "/dbfs")
"""What every cluster of Databricks sees."""


def job_environment(settings: Settings) -> dict[str, str]:
    """Variables for a job that is to reach what we reach; no secret is among them.

    Raises SettingsError where the store is a folder, or a server listens on loopback: the job
    would start servers and a store of its own, on disks that end with it. Files are the matter of
    ``check_files``: which of them are there is different in each cloud.
    """
    if "://" not in settings.storage:
        raise SettingsError(
            f"the store {settings.storage} is a folder of this machine, which a job elsewhere does "
            "not see: set RESTOCK_STORAGE, as in azure://ACCOUNT/CONTAINER"
        )
    told = {}
    for name, value in _told(settings):
        if isinstance(value, str) and urlsplit(value).hostname in LOOPBACK_HOSTS:
            raise SettingsError(
                f"{name} is {value}, on this machine alone: a job elsewhere needs an "
                "address that it can reach"
            )
        told[name] = json.dumps(value) if isinstance(value, list | tuple) else str(value)
    return told


def _told(settings: Settings) -> Iterator[tuple[str, Any]]:
    """Variable and value of what a job is told: what is no default, of no secret and no place."""
    plain = Settings.model_construct()
    for key, secret in known_keys().items():
        value = value_of(settings, key)
        ours = key in OF_THIS_MACHINE or key.startswith("databricks.")
        if not (secret or ours or value == value_of(plain, key)):
            yield variable(key), value


def files_told(settings: Settings) -> dict[str, str]:
    """Variable → path, of the files and folders that a job is told of."""
    return {name: str(value) for name, value in _told(settings) if isinstance(value, Path)}


def check_files(files: Mapping[str, str], there: Sequence[str], remedy: str) -> None:
    """SettingsError for a file that a job elsewhere would not find, minutes later.

    files: variable → path. there: folders that its machines have.
    """
    for name, path in files.items():
        if not is_below(path, there):
            raise SettingsError(
                f"{name} is {path}, a path of this machine, which a job elsewhere does not see: "
                f"{remedy}"
            )


def is_below(path: str, folders: Sequence[str]) -> bool:
    """Whether a path is in one of the folders."""
    return any(PurePosixPath(path).is_relative_to(folder) for folder in folders)


def check_files_of_databricks(settings: Settings) -> None:
    """SettingsError for a setting that names a file which no cluster of Databricks sees."""
    remedy = "put it into a volume, as in /Volumes/CATALOG/SCHEMA/VOLUME, and name it there"
    check_files(files_told(settings), MOUNTS, remedy)
