"""The lists of one publication as memory-mapped arrays: no object per row.

``packing`` writes the files. Nothing is decoded but what is asked for.
"""

import datetime as dt
import json
from dataclasses import dataclass
from pathlib import Path
from typing import Any, Self
from zoneinfo import ZoneInfo

import numpy as np
from numpy.typing import NDArray
from pydantic import BaseModel, ConfigDict

ABOUT = "about.json"
TEXTS = ("customer", "item", "item_id", "reason")
ARRAYS = ("first_row", "item_code", "score", "bought_before", "reason_code")
UNKNOWN_CUSTOMER = b""  # as in infra.publication_table, which imports too much for this process


class About(BaseModel):
    """What is known of a publication beside its rows."""

    model_config = ConfigDict(frozen=True, extra="forbid")

    market: str
    token: str
    as_of: dt.date
    model: str
    plan: str
    """For people, as in ``reorder (market)``."""
    policy: str
    """The plan's key: what an exposure log calls the chooser of the list."""
    k: int
    customers: int
    rows: int
    published: dt.datetime
    """When it became current (UTC)."""
    time_zone: str
    """IANA name: exposures are logged in the market's local time."""


class ByteTable:
    """Byte strings one after the other in one array, with the place where each begins."""

    def __init__(self, data: NDArray[np.uint8], begins: NDArray[np.int64]) -> None:
        self._data, self._begins = data.data, begins

    def __len__(self) -> int:
        return len(self._begins) - 1

    def __getitem__(self, at: int) -> bytes:
        return bytes(self._data[self._begins[at] : self._begins[at + 1]])

    def find(self, text: bytes) -> int | None:
        """The place of a text, where they are in ascending order; None: it is not there."""
        low, high = 0, len(self)
        while low < high:
            middle = (low + high) // 2
            if self[middle] < text:
                low = middle + 1
            else:
                high = middle
        return low if low < len(self) and self[low] == text else None


@dataclass(frozen=True, slots=True)
class Answer:
    """One list: the JSON that is answered, and what has to be written down of it."""

    body: bytes
    items: bytes
    """The shown items' ids from the top, a JSON array."""
    shown: int
    fallback: bool


class Lists:
    """A publication, ready to be asked.

    Customer ``n`` has the rows ``first_row[n]`` to ``first_row[n + 1]``, best first. Names and
    reasons lie there once, as JSON.
    """

    def __init__(
        self, about: About, texts: dict[str, ByteTable], arrays: dict[str, NDArray[Any]]
    ) -> None:
        self.about = about
        self.zone = ZoneInfo(about.time_zone)
        self._customers = texts["customer"]
        self._items, self._item_ids = texts["item"], texts["item_id"]
        self._reasons = texts["reason"]
        self._arrays = arrays
        self._first = arrays["first_row"]
        publication = about.model_dump_json(include={"token", "as_of", "model", "plan"})
        self._publication = f',"publication":{publication},"items":['.encode()
        self._market = f'{{"market":"{about.market}","customer":'.encode()

    @classmethod
    def open(cls, folder: Path) -> Self:
        """Map the files of a folder. They may be removed afterwards: what is mapped stays."""
        about = About.model_validate_json((folder / ABOUT).read_bytes())
        texts = {
            name: ByteTable(_map(folder, f"{name}_text"), _map(folder, f"{name}_begins"))
            for name in TEXTS
        }
        return cls(about, texts, {name: _map(folder, name) for name in ARRAYS})

    def answer(self, customer: str, k: int) -> Answer:
        """The best ``k`` of a customer; of the market for one who is not in the publication."""
        place = self._customers.find(customer.encode()) if customer else None
        fallback = place is None
        if place is None:
            place = self._customers.find(UNKNOWN_CUSTOMER)
        rows = range(0)
        if place is not None:
            first = int(self._first[place])
            rows = range(first, min(int(self._first[place + 1]), first + k))
        parts = [self._row(rank, row) for rank, row in enumerate(rows, start=1)]
        codes = self._arrays["item_code"][rows.start : rows.stop].tolist()
        return Answer(
            body=b"".join(
                (
                    self._market,
                    json.dumps(customer).encode(),
                    b',"fallback":true' if fallback else b',"fallback":false',
                    self._publication,
                    b",".join(parts),
                    b"]}",
                )
            ),
            items=b"[" + b",".join([self._item_ids[code] for code in codes]) + b"]",
            shown=len(parts),
            fallback=fallback,
        )

    def _row(self, rank: int, row: int) -> bytes:
        arrays = self._arrays
        return b'{"rank":%d,%b,"score":%b,"bought_before":%b,"reason":%b}' % (
            rank,
            self._items[arrays["item_code"][row]],
            repr(float(arrays["score"][row])).encode(),
            b"true" if arrays["bought_before"][row] else b"false",
            self._reasons[arrays["reason_code"][row]],
        )


def _map(folder: Path, name: str) -> NDArray[Any]:
    # as a plain array: a slice of a memmap is an object of its own kind, and slow to make
    return np.asarray(np.load(folder / f"{name}.npy", mmap_mode="r"))
