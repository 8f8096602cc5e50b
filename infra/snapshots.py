"""Interactions in the store, named by the hash of their content: written once, never changed."""

import tempfile
from pathlib import Path

from pydantic import BaseModel, ConfigDict, Field

from restock.dataset import Interactions
from restock.infra.folders import open_folder, put_folder, read_contents
from restock.infra.settings import Settings, load_settings
from restock.infra.store import Store, StoreError, open_store

FOLDER = "snapshots"
HASH_PATTERN = r"^[0-9a-f]{64}$"


class SnapshotRef(BaseModel):
    """Where a snapshot is: what tasks are handed instead of rows. A JSON value."""

    model_config = ConfigDict(frozen=True, extra="forbid")

    store: str
    hash: str = Field(pattern=HASH_PATTERN)

    @property
    def key(self) -> str:
        """The folder of the snapshot in its store."""
        return f"{FOLDER}/{self.hash}"


def put_snapshot(store: Store, interactions: Interactions) -> SnapshotRef:
    """Store interactions; a snapshot that is there already is left as it is.

    Before the reference is given out, what was written is opened and must have the hash
    that it is named by (for a store elsewhere: each block was checked by the service).
    """
    ref = SnapshotRef(store=store.uri, hash=interactions.hash)
    if read_contents(store, ref.key) is None:
        with tempfile.TemporaryDirectory(prefix="restock-") as scratch:
            folder = Path(scratch)
            interactions.save(folder)
            written = Interactions.open(folder)
            if written.hash != ref.hash:
                raise StoreError(
                    f"the files of snapshot {ref.hash[:12]} do not hold what was saved: "
                    f"they give {written.hash[:12]}; check the disk of {folder}"
                )
            put_folder(store, ref.key, folder)
    return ref


def open_snapshot(ref: SnapshotRef, settings: Settings | None = None) -> Interactions:
    """Open a snapshot memory-mapped: the processes of a node share one copy.

    From a local store in place; otherwise from the node's cache, after one checked download.
    NotFound, StoreError when the files are damaged.
    """
    settings = settings or load_settings()
    folder = open_folder(open_store(ref.store, settings), ref.key, settings.cache)
    return Interactions.open(folder)
