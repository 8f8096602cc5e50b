"""What fits on the same interactions have in common, made once and kept within bounds."""

from collections import Counter, OrderedDict
from collections.abc import Callable, Hashable, Iterator, Mapping
from dataclasses import dataclass
from threading import Lock
from typing import Any, TypeVar

import psutil

from restock.dataset import Interactions

T = TypeVar("T")
Key = tuple[Hashable, ...]
SHARE_OF_FREE_MEMORY = 0.25


@dataclass(frozen=True, eq=False)
class _Kept:
    value: Any
    buffers: Mapping[int, int]
    """Identity of each array in the value → its bytes."""


class Shared:
    """Values by key, for one training set: whoever fits many candidates on it makes one.

    Thread-safe: of those who ask for one key at once, one makes the value and the others wait.
    The arrays of all values together hold at most ``limit`` bytes (a quarter of what is free,
    unless told); what was not asked for the longest time is forgotten first, and a value larger
    than the limit is not kept at all. Forgetting costs time, never a result.

    hits, misses: how often a value was there, and how often it was made.
    """

    def __init__(self, limit: int | None = None) -> None:
        free = psutil.virtual_memory().available
        self.limit = int(free * SHARE_OF_FREE_MEMORY) if limit is None else limit
        self.hits = 0
        self.misses = 0
        self.held = 0
        """Bytes of all distinct arrays that are kept; one that is in two values counts once."""
        self._kept: OrderedDict[Key, _Kept] = OrderedDict()
        self._users: Counter[int] = Counter()
        self._making: dict[Key, Lock] = {}
        self._lock = Lock()
        self._interactions: Interactions | None = None

    def once(self, key: Key, make: Callable[[], T]) -> T:
        """The value under ``key``; ``make()`` the first time. What it raises is not kept."""
        with self._lock:
            if key in self._kept:
                return self._take(key)
            making = self._making.setdefault(key, Lock())
        with making:
            with self._lock:
                if key in self._kept:
                    return self._take(key)
                self.misses += 1
            try:
                made = make()
                buffers = dict(_buffers(made, set()))
                with self._lock:
                    self._keep(key, _Kept(made, buffers))
            finally:
                with self._lock:
                    self._making.pop(key, None)
        return made

    def serve(self, interactions: Interactions) -> None:
        """ValueError when these are not the interactions that were served before."""
        with self._lock:
            first = self._interactions = self._interactions or interactions
        if first is not interactions and first.hash != interactions.hash:
            raise ValueError(
                "this Shared holds what was learned from other interactions; "
                "make one Shared for each training set"
            )

    def _take(self, key: Key) -> Any:
        self.hits += 1
        self._kept.move_to_end(key)
        return self._kept[key].value

    def _keep(self, key: Key, kept: _Kept) -> None:
        if sum(kept.buffers.values()) > self.limit or key in self._kept:
            return
        self._kept[key] = kept
        for buffer, size in kept.buffers.items():
            self.held += size if not self._users[buffer] else 0
            self._users[buffer] += 1
        while self.held > self.limit:
            self._forget()

    def _forget(self) -> None:
        _, oldest = self._kept.popitem(last=False)
        for buffer, size in oldest.buffers.items():
            self._users[buffer] -= 1
            if not self._users[buffer]:
                del self._users[buffer]
                self.held -= size


def _buffers(value: Any, seen: set[int]) -> Iterator[tuple[int, int]]:
    """Identity and bytes of every array and tensor that ``value`` is made of, each once."""
    if id(value) in seen:
        return
    seen.add(id(value))
    if hasattr(value, "nbytes"):
        owner = value
        while hasattr(getattr(owner, "base", None), "nbytes"):
            owner = owner.base  # a view keeps the whole array alive
        if owner is value or id(owner) not in seen:
            seen.add(id(owner))
            yield id(owner), int(owner.nbytes)
        return
    if isinstance(value, Mapping):
        parts = list(value.values())
    elif isinstance(value, list | tuple):
        parts = list(value)
    else:
        parts = list(getattr(value, "__dict__", {}).values())
    for part in parts:
        yield from _buffers(part, seen)
