"""Where people find what is in a store, and how a browser opens it."""

from pathlib import Path

from restock.infra.store import Store


def address(store: Store, key: str) -> str:
    """Where people find an object: its path on this machine, or its address."""
    path = store.local(key)
    return str(path) if path else f"{store.uri}/{key}"


def link(place: str) -> str:
    """An address that a browser opens."""
    return place if "://" in place else Path(place).as_uri()
