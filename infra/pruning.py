"""Removing from the store what is old and what nothing needs any more.

What is in service stays, with the way back from it; so does every model and snapshot that is named
by a record that stays. The rest goes by age.
"""

import datetime as dt
import re
from collections.abc import Mapping, Sequence

from pydantic import BaseModel, ConfigDict

from restock.infra import (
    backtest_store,
    exposure_store,
    judgements,
    model_store,
    publications,
    reporting,
    search_store,
    snapshots,
)
from restock.infra.folders import CONTENTS
from restock.infra.ingestion import QUARANTINE
from restock.infra.publications import MANIFEST, POINTER, current
from restock.infra.store import Entry, Store

DEPTH = {
    publications.FOLDER: 3,
    model_store.FOLDER: 2,
    snapshots.FOLDER: 2,
    search_store.FOLDER: 2,
    backtest_store.FOLDER: 2,
    judgements.FOLDER: 3,
}
"""Folder → how many parts of a key name one thing, which goes or stays whole."""
BY_AGE = (*DEPTH, reporting.FOLDER, QUARANTINE)
BY_NAME = (model_store.FOLDER, snapshots.FOLDER)
_HASH = re.compile(rb"\b[0-9a-f]{64}\b")
_FIRST = (MANIFEST, CONTENTS)  # what says that the rest is whole
Things = dict[str, list[Entry]]


class Removed(BaseModel):
    """What went of one kind. kind: its folder; things: keys of folders or objects; size: bytes."""

    model_config = ConfigDict(frozen=True)

    kind: str
    things: tuple[str, ...]
    objects: int
    size: int


def prune(
    store: Store, before: dt.datetime, *, exposures: bool = False, dry_run: bool = False
) -> list[Removed]:
    """Remove what was last written before a moment and is not needed; says what, by kind.

    Needed are, of each market, the publication in service, the one before it, the last one of the
    plan before and the first one of the plan in service; and every model and snapshot whose hash
    is in a record that stays. exposures: whether days of them before the moment go, too. dry_run:
    nothing is removed. Doing it again, also after it was broken off, goes on.
    """
    entries = store.list()  # before the pointers: what becomes current meanwhile is younger
    things = _things(entries)
    gone = {
        thing: found
        for thing, found in things.items()
        if max(entry.modified for entry in found) < before
    }
    for thing in _needed(store, things):
        gone.pop(thing, None)
    named = _named(store, entries, gone)
    gone = {
        thing: found
        for thing, found in gone.items()
        if not (_kind(thing) in BY_NAME and thing.rpartition("/")[2].encode() in named)
    }
    if exposures:
        gone |= _days_before(entries, before.date())
    if not dry_run:
        for found in gone.values():
            for entry in sorted(found, key=lambda one: not one.key.endswith(_FIRST)):
                store.delete(entry.key)
    return _by_kind(gone)


def _kind(key: str) -> str:
    """The folder that a key is of, of those that are looked at; empty for others."""
    return next((kind for kind in BY_AGE if key.startswith(f"{kind}/")), "")


def _things(entries: Sequence[Entry]) -> Things:
    """What goes or stays whole: key of its folder, or of an object alone → objects."""
    things: Things = {}
    for entry in entries:
        kind, parts = _kind(entry.key), entry.key.split("/")
        depth = DEPTH.get(kind, len(parts))
        folder = "/".join(parts[:depth])
        alone = kind in DEPTH and folder == entry.key  # as the pointer of a market
        if kind and not alone:
            things.setdefault(folder, []).append(entry)
    return things


def _needed(store: Store, things: Things) -> set[str]:
    """The publications that a market needs: in service, and where it can go back to."""
    folder = publications.FOLDER
    needed = set()
    for market in {thing.split("/")[1] for thing in things if _kind(thing) == folder}:
        now = current(store, market)
        if now is not None:
            came = now.came.token if now.came else None
            tokens = {now.token, now.previous, now.plan_before, came}
            needed |= {f"{folder}/{market}/{token}" for token in tokens if token}
    return needed


def _named(store: Store, entries: Sequence[Entry], gone: Things) -> set[bytes]:
    """The hashes in the records that stay. Not in pointers: these remember a hundred nights."""
    going = {entry.key for found in gone.values() for entry in found}
    named: set[bytes] = set()
    for entry in entries:
        key = entry.key
        record = key.endswith(".json") and not key.endswith(f"/{POINTER}")
        if record and key not in going and _kind(key) not in BY_NAME:
            named.update(_HASH.findall(store.get(key).data))
    return named


def _days_before(entries: Sequence[Entry], day: dt.date) -> Things:
    """Logged exposures of days before one: ``exposures/<MARKET>/<day>``."""
    things: Things = {}
    for entry in entries:
        parts = entry.key.split("/")
        if parts[0] == exposure_store.FOLDER and dt.date.fromisoformat(parts[2]) < day:
            things.setdefault("/".join(parts[:3]), []).append(entry)
    return things


def _by_kind(gone: Mapping[str, Sequence[Entry]]) -> list[Removed]:
    kinds: dict[str, list[str]] = {}
    for thing in gone:
        kinds.setdefault(_kind(thing) or exposure_store.FOLDER, []).append(thing)
    return [
        Removed(
            kind=kind,
            things=tuple(sorted(names)),
            objects=sum(len(gone[name]) for name in names),
            size=sum(entry.size for name in names for entry in gone[name]),
        )
        for kind, names in sorted(kinds.items())
    ]
