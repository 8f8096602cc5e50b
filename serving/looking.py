"""Which publication is current in each market, and its arrays as soon as it is a new one."""

import logging
import time
import uuid
from collections.abc import Sequence
from pathlib import Path
from typing import NamedTuple

from restock.infra.folders import File, file_of
from restock.infra.markets import load_markets
from restock.infra.publications import current, published_markets, read_manifest, rows_file
from restock.infra.records import Manifest, Pointer
from restock.infra.settings import Settings
from restock.infra.store import NotFound, Store, StoreError
from restock.serving.lists import About
from restock.serving.messages import Looked, Ready
from restock.serving.packing import pack

AGAIN_SECONDS = 60.0
"""Between two looks for markets that are published for the first time, and before a publication
that could not be opened is tried again."""
STORE = "store"

logger = logging.getLogger(__name__)


class _Failed(NamedTuple):
    swap: str
    why: str
    until: float


class Look:
    """Reads the markets' pointers, and packs what is new. markets: none means all published."""

    def __init__(
        self, store: Store, settings: Settings, markets: Sequence[str], scratch: Path
    ) -> None:
        self._store, self._settings, self._scratch = store, settings, scratch
        self._declared = load_markets(settings)
        self._markets, self._all = tuple(markets), not markets
        self._listed = float("-inf")
        self._served: dict[str, str] = {}  # by market, the write of its pointer
        self._failed: dict[str, _Failed] = {}
        self._problems: dict[str, str] = {}

    def round(self) -> Looked:
        """Look at every market once; says ``Ready`` of each new publication."""
        problems: dict[str, str] = {}
        try:
            self._list()
        except StoreError as error:
            problems[STORE] = str(error)
        for market in self._markets:
            try:
                self._look(market)
            except StoreError as error:
                problems[market] = str(error)
        for place, why in problems.items():
            if self._problems.get(place) != why:
                logger.error("%s", why)
        self._problems = problems
        return Looked(problems=problems)

    def _list(self) -> None:
        due = not self._markets or time.monotonic() >= self._listed + AGAIN_SECONDS
        if self._all and due:
            self._markets = tuple({*self._markets, *published_markets(self._store)})
            self._listed = time.monotonic()

    def _look(self, market: str) -> None:
        pointer = current(self._store, market)
        if pointer is None:
            raise NotFound(f"{market}: nothing is published: run restock retrain")
        if self._served.get(market) == pointer.swap:
            return
        failed = self._failed.get(market)
        if failed and failed.swap == pointer.swap and time.monotonic() < failed.until:
            raise StoreError(failed.why)
        folder = self._scratch / uuid.uuid4().hex
        try:
            self._pack(pointer, folder)
        except (StoreError, ValueError, OSError) as error:
            kept = "the publication before is still served" if market in self._served else ""
            why = f"{market}: {pointer.token} cannot be served: {error}" + (kept and f"; {kept}")
            self._failed[market] = _Failed(pointer.swap, why, time.monotonic() + AGAIN_SECONDS)
            raise StoreError(why) from error
        self._served[market] = pointer.swap
        self._failed.pop(market, None)
        Ready(folder=str(folder)).say()

    def _pack(self, pointer: Pointer, folder: Path) -> None:
        manifest = read_manifest(self._store, pointer.market, pointer.token)
        if manifest is None:
            raise NotFound(f"it is no longer in {self._store.uri}")
        if manifest.hash != pointer.manifest:
            raise StoreError("its manifest is not the one that was made current")
        path = rows_file(self._store, manifest, self._settings)
        if file_of(path) != File(size=manifest.size, sha256=manifest.sha256):
            raise StoreError(f"{path} is damaged: it is not what its manifest says")
        pack(path, self._about(pointer, manifest), folder)
        if path.is_relative_to(self._settings.cache):
            path.unlink(missing_ok=True)  # fetched; a server that runs for months would fill it

    def _about(self, pointer: Pointer, manifest: Manifest) -> About:
        return About(
            market=manifest.market,
            token=manifest.token,
            as_of=manifest.as_of,
            model=manifest.model,
            plan=manifest.plan.label,
            policy=manifest.plan.key,
            k=manifest.k,
            customers=manifest.customers,
            rows=manifest.rows,
            published=pointer.at,
            time_zone=self._declared.of(manifest.market).time_zone,
        )
