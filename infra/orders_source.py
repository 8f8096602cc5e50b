"""Orders that lie at an address in the cloud: brought here while they are read."""

import tempfile
from collections.abc import Iterator
from contextlib import contextmanager, suppress
from pathlib import Path

from restock.dataset.contract import BadOrders
from restock.dataset.sources import file_kind
from restock.infra.store import NotFound, check_key, open_store


@contextmanager
def orders_here(source: str) -> Iterator[str]:
    """The path of a file or folder: the source itself, or a copy of what is at an address.

    source: a path, or an address as of a store (``azure://ACCOUNT/CONTAINER/…``) with a file or
    the files below it at its end; the credentials are those of the store. Raises BadOrders when
    no file of orders is there, ValueError for an address of another form.
    """
    if "://" not in source:
        yield source
        return
    with tempfile.TemporaryDirectory(prefix="restock-") as scratch:
        yield str(_fetch(source.rstrip("/"), Path(scratch)))


def _fetch(address: str, folder: Path) -> Path:
    store = open_store(address)
    # where folders are objects of their own, they are empty
    inside = [one.key for one in store.list() if file_kind(Path(one.key)) and one.size]
    for key in inside:
        place = folder / check_key(key)  # a name from outside becomes a path
        place.parent.mkdir(parents=True, exist_ok=True)
        store.get_file(key, place)
    if inside:
        return folder
    above, _, name = address.rpartition("/")
    if file_kind(Path(name)):
        with suppress(NotFound):
            open_store(above).get_file(name, folder / name)
            return folder / name
    raise BadOrders(address, "there is no Parquet or CSV file", "check the address")
