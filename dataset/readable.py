"""Telling some bad cells, which are bad lines, from a column that is not what it should be."""

from collections.abc import Sequence
from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray

from restock.dataset import columns as c
from restock.dataset.contract import BadOrders
from restock.dataset.lines import Lines
from restock.dataset.sources import Opened

LARGE = 1000  # cells from which on one file of several is judged on its own

_WANTED = {
    c.TIMESTAMP: ("time stamps", "say time_format=, such as '%d/%m/%Y %H:%M'"),
    c.QUANTITY: ("numbers", "write them as 1234.5, or map another column"),
    c.UNIT_PRICE: ("numbers", "write them as 1234.5, or map another column"),
    c.UNIT_COST: ("numbers", "write them as 1234.5, or map another column"),
}


@dataclass(frozen=True)
class _Cells:
    """The cells of one column of one source: how many hold something, how many say nothing."""

    source: str
    column: str
    filled: int
    unreadable: int
    example: str

    @property
    def mostly_unreadable(self) -> bool:
        return self.unreadable * 2 > self.filled


def check_readable(
    opened: Sequence[Opened], names: Sequence[dict[str, str]], parts: Sequence[Lines]
) -> None:
    """Raise BadOrders when most of what a column holds is unreadable.

    All sources are judged together, so that it does not matter how lines are spread over
    files; a large file is also judged on its own. names: our name → the source's, per source.
    """
    for ours, (wanted, remedy) in _WANTED.items():
        cells = [
            _cells(source, own[ours], _unreadable(part, ours))
            for source, own, part in zip(opened, names, parts, strict=True)
            if ours in own
        ]
        together = 2 * sum(cell.unreadable for cell in cells) > sum(cell.filled for cell in cells)
        for cell in cells:
            if cell.mostly_unreadable and (together or cell.filled >= LARGE):
                raise BadOrders(
                    cell.source,
                    f"column {cell.column!r} does not hold {wanted}: {cell.unreadable:,} of its "
                    f"{cell.filled:,} values are unreadable, such as {cell.example!r}",
                    remedy,
                )


def _unreadable(part: Lines, ours: str) -> NDArray[np.bool_]:
    if ours == c.TIMESTAMP:
        return np.isnat(part.time)
    return np.isnan(getattr(part, ours))


def _cells(source: Opened, name: str, unreadable: NDArray[np.bool_]) -> _Cells:
    where = np.flatnonzero(unreadable)
    if where.size == 0:
        return _Cells(source.name, name, len(source), 0, "")
    suspects = source.column(name).iloc[where]
    texts = suspects.astype(object)[suspects.notna().to_numpy()]
    texts = texts[(texts != "").to_numpy()]
    example = str(texts.iloc[0])[:40] if len(texts) else ""
    blank = where.size - len(texts)
    return _Cells(source.name, name, len(source) - blank, len(texts), example)
