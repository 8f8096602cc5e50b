"""Columns of text as codes and distinct values, so that rules look at each value once."""

import re
import unicodedata
from collections.abc import Sequence
from dataclasses import dataclass
from typing import Any, Self

import numpy as np
import pandas as pd
from numpy.typing import NDArray

from restock.dataset.contract import MAX_ID_LENGTH

MISSING, CONTROL, TOO_LONG = 1, 2, 3
_PLAIN = re.compile(r"[!-~]([ -~]*[!-~])?")  # printable ASCII, no blank at either end
_NO_ID = {"Cc", "Cf", "Cs", "Zl", "Zp"}  # control, invisible, surrogate, line breaks


@dataclass(frozen=True, eq=False)
class Texts:
    """A column of text: line i holds ``values[codes[i]]``; code -1 is a missing text.

    codes: int64 (lines). values: object array of str; a value may occur twice in it.
    """

    codes: NDArray[np.int64]
    values: NDArray[np.object_]

    @classmethod
    def of(cls, column: pd.Series) -> Self:
        """From text, whole numbers, or both mixed; 12346.0 is the text ``12346``."""
        if isinstance(column.dtype, pd.CategoricalDtype):
            codes = column.cat.codes.to_numpy().astype(np.int64)
            return cls(codes, _objects([_text(value) for value in column.cat.categories]))
        codes, values = factorize(column.to_numpy())
        return cls(codes, _objects([_text(value) for value in values]))

    @classmethod
    def concat(cls, parts: Sequence[Self]) -> Self:
        """The lines of several columns, one after the other."""
        starts = np.cumsum([0, *(part.values.size for part in parts)])
        codes = [
            np.where(part.codes < 0, -1, part.codes + start)
            for part, start in zip(parts, starts, strict=False)
        ]
        return cls(np.concatenate(codes), np.concatenate([part.values for part in parts]))

    def replaced(self, values: Sequence[str]) -> Self:
        """The same lines with other values; equal values are merged, values come out sorted."""
        codes, distinct = factorize(_objects(values), sort=True)
        return type(self)(self.lookup(codes, -1), distinct)

    def lookup(self, per_value: NDArray[Any], missing: object) -> NDArray[Any]:
        """Per line, the entry of ``per_value`` (one per value); ``missing`` where text is."""
        table = np.append(per_value, np.array([missing], dtype=per_value.dtype))
        return table[self.codes]

    def objects(self) -> NDArray[np.object_]:
        """Per line, the text (object array; None where it is missing)."""
        return self.lookup(self.values, None)


def factorize(
    values: NDArray[Any], *, sort: bool = False
) -> tuple[NDArray[np.int64], NDArray[np.object_]]:
    """Codes (int64, -1 where missing) and distinct values, as ``pandas.factorize`` gives them.

    Where all values are text, pandas compares them up to the first NUL character only: to it
    ``A`` and ``A\\0`` are one. A missing value among them makes it compare them whole.
    """
    if values.dtype == object:
        values = np.append(values, np.array([None], dtype=object))
        codes, distinct = pd.factorize(values, sort=sort)
        codes = codes[:-1]
    else:
        codes, distinct = pd.factorize(values, sort=sort)
    return codes.astype(np.int64), _objects(list(distinct))


def clean_ids(texts: Texts, *, upper: bool = False) -> tuple[Texts, NDArray[np.int8]]:
    """Ids in Unicode form NFC without blanks around them, and what is wrong with each line's.

    upper: letter case does not matter, make it upper. Returns the texts and, per line, 0 or
    MISSING, CONTROL (a line break, a control or an invisible character) or TOO_LONG.
    """
    cleaned, faults = [], np.zeros(texts.values.size, dtype=np.int8)
    for at, value in enumerate(texts.values):
        value = value.upper() if upper else value
        if not _PLAIN.fullmatch(value):
            if any(unicodedata.category(ch) in _NO_ID for ch in value):
                faults[at] = CONTROL
            value = unicodedata.normalize("NFC", value).strip()
            if not value:
                faults[at] = MISSING
        if len(value) > MAX_ID_LENGTH:
            faults[at] = TOO_LONG
        cleaned.append(value)
    return texts.replaced(cleaned), texts.lookup(faults, MISSING).astype(np.int8)


def clean_names(texts: Texts) -> Texts:
    """Names for people: NFC, blanks and control characters squeezed to one blank, cut to size.

    A name that is blank becomes missing.
    """
    cleaned = []
    for value in texts.values:
        if not _PLAIN.fullmatch(value):
            kept = (" " if unicodedata.category(ch) in _NO_ID else ch for ch in value)
            value = unicodedata.normalize("NFC", "".join(kept))
        cleaned.append(" ".join(value.split())[:MAX_ID_LENGTH])
    named = texts.replaced(cleaned)
    blank = np.array([value == "" for value in named.values], dtype=bool)
    codes = np.where(named.lookup(blank, True), -1, named.codes)
    return Texts(codes, named.values)


def _text(value: object) -> str:
    if isinstance(value, float | np.floating) and float(value).is_integer():
        return str(int(value))
    return str(value)


def _objects(values: Sequence[str]) -> NDArray[np.object_]:
    array = np.empty(len(values), dtype=object)
    array[:] = values
    return array
