"""From a publication's Parquet file to the arrays that ``lists`` maps, a part at a time."""

import json
from collections.abc import Iterable
from pathlib import Path
from typing import Any

import numpy as np
import pyarrow as pa
import pyarrow.parquet as pq
from numpy.typing import NDArray

from restock.infra import publication_table as t
from restock.serving.lists import ABOUT, About

ROWS_AT_ONCE = 65_536
_COLUMNS = [t.CUSTOMER, t.ITEM, t.ITEM_NAME, t.SCORE, t.BOUGHT_BEFORE, t.REASON]


def pack(rows: Path, about: About, folder: Path) -> None:
    """Write a publication's rows, sorted by customer and rank, into a new folder.

    Memory: the arrays (13 bytes a row) and one part of the table. ValueError when the rows are
    not as many as ``about`` says, or not sorted by customer.
    """
    packer = _Packer()
    with pq.ParquetFile(rows, memory_map=True) as file:
        for batch in file.iter_batches(ROWS_AT_ONCE, columns=_COLUMNS):
            packer.add(batch)
    if packer.rows != about.rows:
        raise ValueError(f"{rows} holds {packer.rows} rows, not {about.rows}")
    folder.mkdir(parents=True)
    for name, array in packer.arrays().items():
        np.save(folder / f"{name}.npy", array)
    (folder / ABOUT).write_text(about.model_dump_json(), encoding="utf-8")


class _Packer:
    def __init__(self) -> None:
        self.rows = 0
        self._customers: list[str] = []
        self._first: list[int] = []
        self._items: dict[tuple[str, str | None], int] = {}
        self._reasons: dict[str, int] = {}
        self._parts: dict[str, list[NDArray[Any]]] = {
            "item_code": [],
            "score": [],
            "bought_before": [],
            "reason_code": [],
        }

    def add(self, batch: pa.RecordBatch) -> None:
        """Take the next rows."""
        self._add_customers(batch.column(t.CUSTOMER).dictionary_encode())
        ids = batch.column(t.ITEM).dictionary_encode()
        names = batch.column(t.ITEM_NAME).dictionary_encode(null_encoding="encode")
        # a row is a pair of codes; only pairs that differ become Python objects
        pair = _indices(ids) * len(names.dictionary) + _indices(names)
        pairs, code = np.unique(pair, return_inverse=True)
        at, name_at = np.divmod(pairs, len(names.dictionary))
        found = zip(
            ids.dictionary.take(pa.array(at)).to_pylist(),
            names.dictionary.take(pa.array(name_at)).to_pylist(),
            strict=True,
        )
        parts = self._parts
        parts["item_code"].append(_codes(self._items, found)[code])
        reasons = batch.column(t.REASON).dictionary_encode()
        known = _codes(self._reasons, reasons.dictionary.to_pylist())
        parts["reason_code"].append(known[_indices(reasons)])
        parts["score"].append(batch.column(t.SCORE).to_numpy())
        parts["bought_before"].append(
            batch.column(t.BOUGHT_BEFORE).to_numpy(zero_copy_only=False).astype(np.uint8)
        )
        self.rows += batch.num_rows

    def _add_customers(self, customers: pa.DictionaryArray) -> None:
        names, code = customers.dictionary.to_pylist(), _indices(customers)
        first = np.flatnonzero(np.diff(code, prepend=-1))
        for name, row in zip([names[at] for at in code[first]], first.tolist(), strict=True):
            last = self._customers[-1] if self._customers else None
            if last == name:  # the list began in the part before
                continue
            if last is not None and last.encode() > name.encode():
                raise ValueError(f"the rows are not sorted by customer: {name!r} after {last!r}")
            self._customers.append(name)
            self._first.append(self.rows + row)

    def arrays(self) -> dict[str, NDArray[Any]]:
        """Everything that was taken, by the name of its file."""
        found = {name: np.concatenate(parts) for name, parts in self._parts.items()}
        found["first_row"] = np.array([*self._first, self.rows], dtype=np.int32)
        texts = {
            "customer": (name.encode() for name in self._customers),
            "item": (
                b'"item_id":%b,"item_name":%b' % (_json(item), _json(name))
                for item, name in self._items
            ),
            "item_id": (_json(item) for item, _ in self._items),
            "reason": (_json(reason) for reason in self._reasons),
        }
        for name, pieces in texts.items():
            found[f"{name}_text"], found[f"{name}_begins"] = _one_after_the_other(pieces)
        return found


def _indices(array: pa.DictionaryArray) -> NDArray[np.int64]:
    return array.indices.to_numpy().astype(np.int64)


def _codes(known: dict[Any, int], found: Iterable[Any]) -> NDArray[np.int32]:
    """The code of each, given out in order of appearance."""
    return np.array([known.setdefault(one, len(known)) for one in found], dtype=np.int32)


def _json(text: str | None) -> bytes:
    return json.dumps(text, ensure_ascii=False).encode()


def _one_after_the_other(
    pieces: Iterable[bytes],
) -> tuple[NDArray[np.uint8], NDArray[np.int64]]:
    held = list(pieces)
    begins = np.cumsum([0, *map(len, held)], dtype=np.int64)
    return np.frombuffer(b"".join(held), dtype=np.uint8), begins
