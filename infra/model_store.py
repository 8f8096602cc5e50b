"""Fitted recommenders in the store, named by the hash of their files."""

import json
import tempfile
from pathlib import Path
from typing import Any

from pydantic import BaseModel, ConfigDict, Field

from restock.infra.folders import contents_of, open_folder, put_folder
from restock.infra.settings import Settings, load_settings
from restock.infra.snapshots import HASH_PATTERN
from restock.infra.store import Store, open_store
from restock.models import Recommender, load

FOLDER = "models"
CARD = "card.json"


class ModelRef(BaseModel):
    """Where a fitted model is. A JSON value."""

    model_config = ConfigDict(frozen=True, extra="forbid")

    store: str
    hash: str = Field(pattern=HASH_PATTERN)

    @property
    def key(self) -> str:
        """The folder of the model in its store."""
        return f"{FOLDER}/{self.hash}"


def put_model(store: Store, model: Recommender[Any], card: dict[str, Any]) -> ModelRef:
    """Store a fitted model with its card (JSON values: plan, market, snapshot, figures).

    The same fit has the same hash and is stored once, with its first card: the hash is over
    the files that ``save`` writes, the card is apart from it.
    """
    with tempfile.TemporaryDirectory(prefix="restock-") as scratch:
        folder = Path(scratch)
        model.save(folder)
        ref = ModelRef(store=store.uri, hash=contents_of(folder).hash)
        text = json.dumps(card, indent=1, sort_keys=True, allow_nan=False)
        (folder / CARD).write_text(text, encoding="utf-8")
        put_folder(store, ref.key, folder)
    return ref


def open_model(ref: ModelRef, settings: Settings | None = None) -> Recommender[Any]:
    """Open a stored model; from the node's cache when the store is elsewhere. NotFound."""
    return load(_folder(ref, settings))


def _folder(ref: ModelRef, settings: Settings | None) -> Path:
    settings = settings or load_settings()
    return open_folder(open_store(ref.store, settings), ref.key, settings.cache)
