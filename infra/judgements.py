"""Judgements on their way from the workers to the fan-in: one object of the store per batch."""

import datetime as dt
import hashlib
import io
import json
from collections.abc import Mapping, Sequence
from typing import Any

import numpy as np

from restock.evaluation import Scorecard
from restock.evaluation.contest import Judgement
from restock.infra.store import Store

FOLDER = "spool/judgements"
_ARRAYS = ("customer", "cold", "part", "lists", "values")


def put(store: Store, judgements: Sequence[Judgement], token: str) -> str:
    """Write a batch as npz (no pickle); returns its key, which follows from its content."""
    buffer = io.BytesIO()
    np.savez(buffer, allow_pickle=False, **to_arrays(judgements))
    data = buffer.getvalue()
    key = f"{FOLDER}/{token}/{hashlib.sha256(data).hexdigest()[:24]}.npz"
    store.put(key, data)
    return key


def to_arrays(judgements: Sequence[Judgement]) -> dict[str, np.ndarray[Any, Any]]:
    """Judgements as named arrays, for npz."""
    arrays: dict[str, np.ndarray[Any, Any]] = {}
    about = []
    for judgement in judgements:
        cards = {}
        for key, card in judgement.scorecards.items():
            at = len(arrays)
            arrays |= {f"{at}.{name}": getattr(card, name) for name in _ARRAYS}
            cards[key] = {
                "at": at,
                "fold_hash": card.fold_hash,
                "k": card.k,
                "cutoff": card.cutoff.isoformat(),
                "horizon_days": card.horizon_days,
                "n_candidates": list(card.n_candidates),
            }
        about.append(
            {
                "market": judgement.market,
                "cutoff": judgement.cutoff.isoformat(),
                "cards": cards,
                "skipped": judgement.skipped,
            }
        )
    arrays["about"] = np.frombuffer(json.dumps(about).encode(), dtype=np.uint8)
    return arrays


def from_arrays(arrays: Mapping[str, Any]) -> list[Judgement]:
    """What ``to_arrays`` gave."""
    return [_judgement(one, arrays) for one in json.loads(arrays["about"].tobytes())]


def get(store: Store, key: str) -> list[Judgement]:
    """Read what ``put`` wrote."""
    with np.load(io.BytesIO(store.get(key).data), allow_pickle=False) as arrays:
        return from_arrays(arrays)


def clear(store: Store, token: str) -> None:
    """Remove the batches of a run, once they have been gathered."""
    for entry in store.list(f"{FOLDER}/{token}"):
        store.delete(entry.key)


def _judgement(about: dict[str, Any], arrays: Any) -> Judgement:
    market = about["market"]
    judgement = Judgement(
        market, dt.date.fromisoformat(about["cutoff"]), skipped=dict(about["skipped"])
    )
    for key, card in about["cards"].items():
        own = {name: arrays[f"{card['at']}.{name}"] for name in _ARRAYS}
        judgement.scorecards[key] = Scorecard(
            fold_hash=card["fold_hash"],
            k=card["k"],
            cutoff=dt.date.fromisoformat(card["cutoff"]),
            horizon_days=card["horizon_days"],
            market=np.full(own["customer"].size, market, dtype=object),
            n_candidates=tuple(card["n_candidates"]),
            **own,
        )
    return judgement
