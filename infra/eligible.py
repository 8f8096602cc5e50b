"""The eligibility table of a night in the store, so that every worker reads the same one."""

import hashlib
import io
import tempfile
from pathlib import Path

import pandas as pd

from restock.dataset.eligibility import read_eligibility
from restock.infra.store import Store

FOLDER = "eligibility"


def keep_eligibility(store: Store, source: str) -> str:
    """Read a table (a path, or ``store:KEY``), check it, store it by content; returns its key."""
    with tempfile.TemporaryDirectory(prefix="restock-") as scratch:
        path = Path(source)
        if source.startswith("store:"):
            path = Path(scratch) / Path(source).name
            store.get_file(source.removeprefix("store:"), path)
        table = read_eligibility(path)
    buffer = io.BytesIO()
    table.drop_duplicates().sort_values(list(table.columns)).to_parquet(buffer, index=False)
    key = f"{FOLDER}/{hashlib.sha256(buffer.getvalue()).hexdigest()[:24]}.parquet"
    store.put(key, buffer.getvalue())
    return key


def load_eligibility(store: Store, key: str | None) -> pd.DataFrame | None:
    """The table under a key; None when everything is eligible."""
    return None if key is None else pd.read_parquet(io.BytesIO(store.get(key).data))
