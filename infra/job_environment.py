"""What a job on machines elsewhere is told of our settings: everything but secrets and places."""

import json
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


def job_environment(settings: Settings) -> dict[str, str]:
    """Variables for a job that is to reach what we reach; no secret is among them.

    Raises SettingsError where the store is a folder, or a server listens on loopback: the job
    would start servers and a store of its own, on disks that end with it.
    """
    if "://" not in settings.storage:
        raise SettingsError(
            f"the store {settings.storage} is a folder of this machine, which a job elsewhere does "
            "not see: set RESTOCK_STORAGE, as in azure://ACCOUNT/CONTAINER"
        )
    plain = Settings.model_construct()
    told = {}
    for key, secret in known_keys().items():
        value = value_of(settings, key)
        ours = key in OF_THIS_MACHINE or key.startswith("databricks.")
        if secret or ours or value == value_of(plain, key):
            continue
        if isinstance(value, str) and urlsplit(value).hostname in LOOPBACK_HOSTS:
            raise SettingsError(
                f"{variable(key)} is {value}, on this machine alone: a job elsewhere needs an "
                "address that it can reach"
            )
        told[variable(key)] = json.dumps(value) if isinstance(value, list | tuple) else str(value)
    return told
