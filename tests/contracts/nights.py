"""Reading what a night of retraining said and left behind."""

import json
import subprocess
from pathlib import Path
from typing import Any

import pandas as pd

from restock.infra.local_store import LocalStore

MARKETS = ("BE", "DE", "ES", "FR", "PT")


def night_of(done: subprocess.CompletedProcess[str]) -> dict[str, Any]:
    """The record that ``restock retrain --json`` printed."""
    assert done.stdout, done.stderr[-3000:]
    return dict(json.loads(done.stdout))


def states(done: subprocess.CompletedProcess[str]) -> dict[str, str]:
    """Market → state."""
    return {one["market"]: one["state"] for one in night_of(done)["markets"]}


def published(store: LocalStore) -> dict[str, bytes]:
    """The rows of every current publication, as they lie in the store."""
    files = {}
    for entry in store.list("publications"):
        if entry.key.endswith("/current.json"):
            market = entry.key.split("/")[1]
            token = json.loads(store.get(entry.key).data)["token"]
            rows = [e.key for e in store.list(f"publications/{market}/{token}")]
            files[market] = store.get(next(k for k in rows if k.endswith(".parquet"))).data
    return files


def write_orders(path: Path, frame: pd.DataFrame) -> Path:
    """Write order lines as Parquet."""
    frame.to_parquet(path, index=False)
    return path
