"""Publishing a market's recommendations: stage, manifest, verify, swap the pointer.

Before the swap nobody sees anything; after it everybody sees all.
"""

import datetime as dt
import re
import tempfile
from collections.abc import Sequence
from pathlib import Path

import pyarrow as pa
import pyarrow.compute as pc

from restock.dataset.columns import MARKET_PATTERN
from restock.infra.folders import File, file_of, open_file
from restock.infra.publication_table import (
    CUSTOMER,
    UNKNOWN_CUSTOMER,
    check_table,
    read_rows,
    write_table,
)
from restock.infra.records import TOKEN_PATTERN, TRAIL_STEPS, About, Manifest, Pointer, Step
from restock.infra.settings import Settings, load_settings
from restock.infra.store import Conflict, NotFound, Store, StoreError, swap

FOLDER = "publications"
MANIFEST = "manifest.json"
POINTER = "current.json"
STALE_AFTER = dt.timedelta(hours=12)
_IDENTITY = ("sha256", "model", "plan", "as_of", "k")  # not: snapshot, evidence


class Superseded(StoreError):
    """This publication had its turn: it was rolled back, or newer orders have replaced it."""


def stage(store: Store, market: str, token: str, table: pa.Table, about: About) -> Manifest:
    """Write a publication where nobody looks yet, and verify it by reading it back.

    token: the name of the run; the same run has the same token. Staging the same again (rows,
    model, plan, day) changes nothing: the first manifest stays. Anything else under the same
    token is refused (Conflict). ValueError for a table that is no publication (see
    ``check_table``).
    """
    _check_names(market, token)
    with tempfile.TemporaryDirectory(prefix="restock-") as scratch:
        path = Path(scratch) / "rows.parquet"
        table = check_table(table, market, about.k)
        write_table(table, path)
        file = file_of(path)
        manifest = Manifest(
            **dict(about),
            market=market,
            token=token,
            file=f"recommendations-{file.sha256[:16]}.parquet",
            rows=table.num_rows,
            customers=len(set(pc.unique(table[CUSTOMER]).to_pylist()) - {UNKNOWN_CUSTOMER}),
            size=file.size,
            sha256=file.sha256,
            columns=tuple(table.column_names),
        )
        there = read_manifest(store, market, token)
        if there is not None:
            return _verified(store, _same(there, manifest))
        # The file's name holds its hash: two writers under one token cannot mix their rows.
        store.put_file(_key(market, token, manifest.file), path)
    try:
        swap(store, _key(market, token, MANIFEST), manifest.bytes(), None)
    except Conflict:  # another process of the same run was first
        there = read_manifest(store, market, token)
        if there is None:
            raise
        manifest = _same(there, manifest)
    return _verified(store, manifest)


def verify(store: Store, manifest: Manifest) -> None:
    """Read a staged publication back and compare it with its manifest. StoreError."""
    if read_manifest(store, manifest.market, manifest.token) != manifest:
        raise StoreError(f"{manifest.market}: the manifest of {manifest.token} has changed")
    key = _key(manifest.market, manifest.token, manifest.file)
    with tempfile.TemporaryDirectory(prefix="restock-") as scratch:
        path = store.local(key)
        if path is None:
            path = Path(scratch) / "rows.parquet"
            store.get_file(key, path)
        there = file_of(path) if path.is_file() else None
    if there != File(size=manifest.size, sha256=manifest.sha256):
        raise StoreError(f"{key} in {store.uri} is not what its manifest says: stage it again")


def make_current(store: Store, manifest: Manifest, *, replaces: str | None) -> Pointer:
    """Swap the market's pointer to a staged publication.

    replaces: the token that was current when the run began (None: nothing was). When
    another run has moved the pointer since, Conflict says which one won. Doing it again
    changes nothing; a lost answer is settled by reading the pointer back. Superseded when
    this publication was rolled back, or was replaced by one that knows later orders.
    """
    market, token = manifest.market, manifest.token
    now, etag = _read_pointer(store, market)
    if now is not None and now.token == token:
        return now
    if now is not None and token in now.withdrawn:
        raise Superseded(f"{market}: {token} was rolled back; {now.token} stays current")
    if now is not None and manifest.as_of < now.as_of and now.knows(token):
        raise Superseded(
            f"{market}: {token} was published before and replaced by {now.token}, which knows "
            f"the orders before {now.as_of}; that one stays current"
        )
    if (now.token if now else None) != replaces:
        raise Conflict(_who_won(market, now))
    verify(store, manifest)
    return _move(store, Pointer.published(manifest, now), etag)


def step_back(
    store: Store,
    market: str,
    *,
    to_plan_before: bool = False,
    effective: dt.date | None = None,
    leaving: str | None = None,
) -> Pointer:
    """Swap the pointer to the publication before the current one, and bar the plan left.

    ``champions.rollback`` is what people want: it moves the champion record as well, and says
    what the arguments mean. NotFound when nothing is published; Conflict when another publication
    than ``leaving`` is current; StoreError when there is nothing to return to.
    """
    now, etag = _read_pointer(store, market)
    if now is None:
        raise NotFound(f"{market}: nothing is published: run restock retrain --markets {market}")
    if leaving is not None and now.token != leaving:
        raise Conflict(_who_won(market, now))
    target = now.plan_before if to_plan_before else now.previous
    if target is None and to_plan_before:
        raise StoreError(f"{market}: there is no plan before {now.plan_label} to return to")
    if target is None:
        raise StoreError(f"{market}: {now.token} is the first publication: nothing to return to")
    manifest = read_manifest(store, market, target)
    if manifest is None:
        raise NotFound(
            f"{market}: the publication {target} is no longer in {store.uri} (restock prune keeps "
            f"one step back): {now.token} stays; restock rollback --plan returns to the plan "
            "before, where there is one"
        )
    verify(store, manifest)
    return _move(store, now.rolled_back(manifest, effective), etag)


def current(store: Store, market: str) -> Pointer | None:
    """What is published in a market; None when nothing is."""
    return _read_pointer(store, market)[0]


def published_markets(store: Store) -> tuple[str, ...]:
    """The codes of the markets that have a current publication, sorted."""
    keys = [entry.key.split("/") for entry in store.list(FOLDER)]
    return tuple(key[1] for key in keys if len(key) == 3 and key[2] == POINTER)


def history(store: Store, market: str) -> Sequence[Step]:
    """The moves of a market's pointer, newest first (the last hundred and the current one)."""
    now = current(store, market)
    return [] if now is None else [now.step, *reversed(now.trail)]


def read_manifest(store: Store, market: str, token: str) -> Manifest | None:
    """The manifest of a staged publication; None when there is none."""
    _check_names(market, token)
    key = _key(market, token, MANIFEST)
    try:
        return Manifest.parse(store.get(key).data, f"{key} in {store.uri}")
    except NotFound:
        return None


def read_current(store: Store, market: str, settings: Settings | None = None) -> pa.Table:
    """All rows of a market's current publication. NotFound when nothing is published."""
    return read_rows(_current_file(store, market, settings))


def read_publication(
    store: Store, market: str, token: str, settings: Settings | None = None
) -> pa.Table:
    """All rows of a publication that was staged, current or not. NotFound when it is gone."""
    manifest = read_manifest(store, market, token)
    if manifest is None:
        raise NotFound(f"{market}: there is no publication {token} in {store.uri}")
    return read_rows(rows_file(store, manifest, settings))


def rows_file(store: Store, manifest: Manifest, settings: Settings | None = None) -> Path:
    """The Parquet file of a publication on this node: the store's own, or fetched once.

    NotFound when it is gone; StoreError when its size, or the hash of a fetched one, is wrong.
    """
    cache, market = (settings or load_settings()).cache, manifest.market
    file = File(size=manifest.size, sha256=manifest.sha256)
    try:
        return open_file(store, _key(market, manifest.token, manifest.file), file, cache)
    except NotFound:
        raise
    except StoreError as error:
        raise StoreError(f"{error}; restock rollback --market {market} leaves it") from error


def read_customer(
    store: Store, market: str, customer_id: str, settings: Settings | None = None
) -> pa.Table:
    """The current list of one customer, best first; no rows for a customer not in it.

    Reads one row group; from a store elsewhere the file is fetched once per node. NotFound
    when nothing is published.
    """
    return read_rows(_current_file(store, market, settings), customer_id)


def clean_stale(
    store: Store, market: str, *, older_than: dt.timedelta = STALE_AFTER
) -> Sequence[str]:
    """Remove what runs staged in a market and never made current; returns their tokens.

    Only what was last written ``older_than`` ago: younger ones may belong to a run that is
    about to publish. Publications from before the trail's start are left alone.
    """
    _check_market(market)
    staged: dict[str, list[str]] = {}
    newest: dict[str, dt.datetime] = {}
    for entry in store.list(f"{FOLDER}/{market}"):
        token, _, name = entry.key.removeprefix(f"{FOLDER}/{market}/").partition("/")
        if name:
            staged.setdefault(token, []).append(entry.key)
            newest[token] = max(newest.get(token, entry.modified), entry.modified)
    now = current(store, market)  # after the listing: what became current meanwhile is known
    trail = (*now.trail, now.step) if now else ()
    known = {step.token for step in trail}
    limit = dt.datetime.now(dt.UTC) - older_than
    stale = [
        token
        for token in sorted(staged)
        if token not in known
        and newest[token] <= limit
        and (len(trail) <= TRAIL_STEPS or newest[token] >= trail[0].at)
    ]
    for token in stale:
        for key in sorted(staged[token], key=lambda key: not key.endswith(MANIFEST)):
            store.delete(key)
    return stale


def _move(store: Store, pointer: Pointer, etag: str | None) -> Pointer:
    try:
        swap(store, _pointer_key(pointer.market), pointer.bytes(), etag)
    except Conflict as error:
        now = current(store, pointer.market)
        if now is not None and now.token == pointer.token:  # another process of the same run
            return now
        raise Conflict(_who_won(pointer.market, now)) from error
    return pointer


def _who_won(market: str, now: Pointer | None) -> str:
    if now is None:
        return f"{market}: what this run wanted to replace is no longer published"
    return (
        f"{market}: {now.token} was {now.action} at {now.at:%Y-%m-%d %H:%M:%S} UTC, while this "
        "run was working; nothing of this run was published"
    )


def _same(there: Manifest, manifest: Manifest) -> Manifest:
    """The manifest that is there, if it is of the same publication."""
    if any(getattr(there, name) != getattr(manifest, name) for name in _IDENTITY):
        raise Conflict(
            f"{manifest.market}: {manifest.token} is staged already with other content "
            f"({there.rows} rows, {there.sha256[:12]}): a new run needs a new token"
        )
    return there


def _verified(store: Store, manifest: Manifest) -> Manifest:
    verify(store, manifest)
    return manifest


def _read_pointer(store: Store, market: str) -> tuple[Pointer | None, str | None]:
    key = _pointer_key(market)
    try:
        blob = store.get(key)
    except NotFound:
        return None, None
    return Pointer.parse(blob.data, f"{key} in {store.uri}"), blob.etag


def _current_file(store: Store, market: str, settings: Settings | None) -> Path:
    now = current(store, market)
    manifest = read_manifest(store, market, now.token) if now else None
    if now is None or manifest is None:
        raise NotFound(f"{market}: nothing is published: run restock retrain --markets {market}")
    return rows_file(store, manifest, settings)


def _check_names(market: str, token: str) -> None:
    _check_market(market)
    if not re.fullmatch(TOKEN_PATTERN, token) or token == POINTER:
        raise ValueError(f"{token!r} is no token: letters, digits and _ . = -, up to 100")


def _check_market(market: str) -> None:
    if not re.fullmatch(MARKET_PATTERN, market):
        raise ValueError(f"{market!r} is no market code: 2 to 8 capital letters")


def _key(market: str, token: str, name: str) -> str:
    return f"{FOLDER}/{market}/{token}/{name}"


def _pointer_key(market: str) -> str:
    _check_market(market)
    return f"{FOLDER}/{market}/{POINTER}"
