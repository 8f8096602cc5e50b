"""The ledger of experiments: ``experiments/<name>/entry.json``, one for each that was measured."""

from collections.abc import Collection
from pathlib import Path

from pydantic import ValidationError

from restock.evaluation.link.entry import Entry
from restock.infra.store import Conflict, Store, StoreError

FOLDER, FILE = "experiments", "entry.json"


def entry_key(name: str) -> str:
    """Where the entry of an experiment lies; its name was checked when the entry was made."""
    return f"{FOLDER}/{name}/{FILE}"


def put_entry(store: Store, entry: Entry) -> str:
    """Write an entry, over an earlier one of the same experiment; returns its key.

    The same entry gives the same bytes, so writing it again changes nothing.
    """
    key = entry_key(entry.name)
    store.put(key, _bytes(entry))
    return key


def add_entry(store: Store, entry: Entry) -> str:
    """Write the entry of an experiment that ran elsewhere; returns its key.

    Conflict when the ledger has another entry of that name.
    """
    key = entry_key(entry.name)
    try:
        store.compare_and_swap(key, _bytes(entry), None)
    except Conflict:
        if store.get(key).data != _bytes(entry):
            raise Conflict(
                f"{key} exists and says something else: give the experiment another name"
            ) from None
    return key


def read_entries(store: Store, markets: Collection[str] | None = None) -> list[Entry]:
    """All entries in order of start and name; with ``markets`` those that ran in one of them.

    StoreError names an entry that cannot be read.
    """
    listed = [one.key for one in store.list(FOLDER) if one.key.endswith(f"/{FILE}")]
    found = [parse_entry(store.get(key).data, f"{key} in {store.uri}") for key in listed]
    wanted = [one for one in found if markets is None or not set(markets).isdisjoint(one.markets)]
    return sorted(wanted, key=lambda one: (one.start, one.name))


def read_entry_file(path: Path) -> Entry:
    """An entry from a JSON file. StoreError says what is wrong with it."""
    try:
        data = path.read_bytes()
    except OSError as error:
        raise StoreError(f"{path} cannot be read: {error.strerror}") from None
    return parse_entry(data, str(path))


def parse_entry(data: bytes, where: str) -> Entry:
    """Read an entry. StoreError names the object, the field and what is wrong with it."""
    try:
        return Entry.model_validate_json(data)
    except ValidationError as error:
        about = error.errors()[0]
        place = ".".join(str(part) for part in about["loc"])
        raise StoreError(
            f"{where} is no entry of an experiment: {f'{place}: ' if place else ''}{about['msg']}"
        ) from error


def _bytes(entry: Entry) -> bytes:
    return entry.model_dump_json(indent=1).encode()
