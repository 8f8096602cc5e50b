"""Columns of text as codes and distinct values, so that rules look at each value once."""

import re
import unicodedata
from collections.abc import Sequence
from dataclasses import dataclass
from functools import cached_property
from typing import Any, Self, TypeAlias

import numpy as np
import pandas as pd
import pyarrow as pa
import pyarrow.compute as pc
from numpy.typing import NDArray

from restock.dataset.contract import MAX_ID_LENGTH
from restock.kernels.sorting import KEY_BYTES, occurring, radix_order, recode, text_keys

MISSING, CONTROL, TOO_LONG = 1, 2, 3
SHORT = 4 * KEY_BYTES  # bytes of a text up to which it is sorted as a few numbers
_PLAIN = re.compile(r"[!-~]([ -~]*[!-~])?")  # printable ASCII, no blank at either end
_NO_ID = {"Cc", "Cf", "Cs", "Zl", "Zp"}  # control, invisible, surrogate, line breaks


Values: TypeAlias = pa.StringArray | NDArray[np.object_]


@dataclass(frozen=True, eq=False)
class Texts:
    """A column of text: line i holds ``values[codes[i]]``; code -1 is a missing text.

    codes: int32 (lines). distinct: the values, in Arrow where they come from a file (it cannot
    hold half a character, as a frame can), else an object array of str; one may occur twice.
    """

    codes: NDArray[np.int32]
    distinct: Values

    def __len__(self) -> int:
        return self.codes.size

    @property
    def n_values(self) -> int:
        """How many values there are."""
        return len(self.distinct)

    @cached_property
    def values(self) -> NDArray[np.object_]:
        """The values as an object array of str; from Arrow they are made when asked for."""
        if isinstance(self.distinct, pa.Array):
            return self.distinct.to_numpy(zero_copy_only=False)
        return self.distinct

    @classmethod
    def of(cls, column: pd.Series) -> Self:
        """From text, whole numbers, or both mixed; 12346.0 is the text ``12346``."""
        if isinstance(column.dtype, pd.CategoricalDtype):
            codes = column.cat.codes.to_numpy().astype(np.int32, copy=False)
            return cls(codes, _objects([_text(value) for value in column.cat.categories]))
        found, values = factorize(column.to_numpy())
        return cls(found, _objects([_text(value) for value in values]))

    @classmethod
    def of_arrow(cls, column: pa.ChunkedArray) -> Self:
        """From text with a dictionary in each chunk, without an object per value."""
        distinct = pa.chunked_array([chunk.dictionary for chunk in column.chunks], pa.string())
        codes = np.empty(len(column), dtype=np.int32)
        at = first = 0
        for chunk in column.chunks:
            indices = chunk.indices.cast(pa.int32()).fill_null(-1).to_numpy()
            to = at + len(chunk)
            np.add(indices, np.int32(first), out=codes[at:to])
            if chunk.null_count:
                codes[at:to][indices < 0] = -1
            at, first = to, first + len(chunk.dictionary)
        return cls(codes, distinct.combine_chunks())

    @classmethod
    def concat(cls, parts: Sequence[Self]) -> Self:
        """The lines of several columns, one after the other."""
        if len(parts) == 1:
            return parts[0]
        starts = np.cumsum([0, *(part.n_values for part in parts)], dtype=np.int32)
        codes = np.concatenate(
            [
                np.where(part.codes < 0, np.int32(-1), part.codes + start)
                for part, start in zip(parts, starts, strict=False)
            ]
        )
        if all(isinstance(part.distinct, pa.Array) for part in parts):
            return cls(codes, pa.concat_arrays([part.distinct for part in parts]))
        return cls(codes, np.concatenate([part.values for part in parts]))

    def replaced(self, values: Sequence[str] | Values) -> Self:
        """The same lines with other values; equal values are merged, values come out sorted."""
        codes, distinct = _sorted(values if isinstance(values, pa.Array) else _objects(values))
        return type(self)(self._recoded(codes), distinct)

    def ordered(self) -> Self:
        """The same lines, equal values merged and all of them sorted."""
        return self.replaced(self.distinct)

    def compact(self) -> Self:
        """The same lines without the values that no line has."""
        used = occurring(self.codes, self.n_values)
        if used.all():
            return self
        codes = np.cumsum(used, dtype=np.int32) - np.int32(1)
        return type(self)(self._recoded(codes), _taken(self.distinct, np.flatnonzero(used)))

    def __getitem__(self, lines: NDArray[np.int64] | NDArray[np.bool_]) -> Self:
        """The lines at these positions, or where a mask says so."""
        return type(self)(self.codes[lines], self.distinct)

    def _recoded(self, codes: NDArray[np.int32]) -> NDArray[np.int32]:
        if (codes == np.arange(codes.size)).all():
            # kernels are compiled for arrays that can be written to, which Arrow's cannot
            return self.codes if self.codes.flags.writeable else self.codes.copy()
        return recode(self.codes, np.append(codes, np.int32(-1)))

    def lookup(self, per_value: NDArray[Any], missing: object) -> NDArray[Any]:
        """Per line, the entry of ``per_value`` (one per value); ``missing`` where text is."""
        table = np.append(per_value, np.array([missing], dtype=per_value.dtype))
        return table[self.codes]

    def objects(self) -> NDArray[np.object_]:
        """Per line, the text (object array; None where it is missing)."""
        return self.lookup(self.values, None)


def factorize(
    values: NDArray[Any], *, sort: bool = False
) -> tuple[NDArray[np.int32], NDArray[np.object_]]:
    """Codes (int32, -1 where missing) and distinct values, as ``pandas.factorize`` gives them.

    Where all values are text, pandas compares them up to the first NUL character only: to it
    ``A`` and ``A\\0`` are one. A missing value among them makes it compare them whole.
    """
    if values.dtype == object:
        values = np.append(values, np.array([None], dtype=object))
        codes, distinct = pd.factorize(values, sort=sort)
        codes = codes[:-1]
    else:
        codes, distinct = pd.factorize(values, sort=sort)
    return np.asarray(codes, dtype=np.int32), _objects(list(distinct))


def _sorted(values: Values) -> tuple[NDArray[np.int32], Values]:
    """The code (int32) of each text among the distinct ones, which come out sorted."""
    arrow = _arrow(values)
    if arrow is None:
        distinct, place = np.unique(values, return_inverse=True)
        return place.astype(np.int32), distinct
    if len(arrow) < 2 or pc.all(pc.less(arrow[:-1], arrow[1:])).as_py():
        same: NDArray[np.int32] = np.arange(len(values), dtype=np.int32)
        return same, values
    by = _order(arrow)
    ordered = arrow.take(pa.array(by))
    fresh = np.ones(len(values), dtype=bool)
    fresh[1:] = pc.not_equal(ordered[:-1], ordered[1:]).to_numpy(zero_copy_only=False)
    codes = np.empty(len(values), dtype=np.int32)
    codes[by] = np.cumsum(fresh, dtype=np.int32) - 1
    return codes, _taken(values, by[fresh])


def _order(texts: pa.StringArray) -> NDArray[np.integer]:
    """The positions of the texts sorted by bytes, which in UTF-8 is by code point."""
    length = pc.binary_length(texts).to_numpy()
    if not 0 < length.max(initial=0) <= SHORT:
        return pc.array_sort_indices(texts).to_numpy()
    _, start, data = texts.buffers()
    begin = np.frombuffer(start, np.int32)[texts.offset :][: len(texts) + 1]
    content = np.frombuffer(data, np.uint8)
    for array in (begin, content):  # always, so that the kernel is compiled once
        array.flags.writeable = False
    keys = np.zeros((-(-length.max() // KEY_BYTES), len(texts)), dtype=np.int64)
    text_keys(begin, content, keys)
    # of two that are alike but for NUL characters at the end, the shorter one is first
    return radix_order(length, *keys[::-1])


def _taken(values: Values, at: NDArray[np.integer]) -> Values:
    return values.take(pa.array(at)) if isinstance(values, pa.Array) else values[at]


def _arrow(values: Values) -> pa.StringArray | None:
    """The same in Arrow, which compares texts fast; None when one has half a character."""
    try:
        return values if isinstance(values, pa.Array) else pa.array(values, pa.string())
    except UnicodeEncodeError:
        return None


def _odd(values: Values) -> NDArray[np.int64]:
    """Which texts are not plain: 1 to MAX_ID_LENGTH printable ASCII, no blank at either end."""
    arrow = _arrow(values)
    if arrow is None:
        return np.arange(len(values))
    length = pc.binary_length(arrow)
    plain = pc.and_(pc.ascii_is_printable(arrow), pc.equal(pc.ascii_trim(arrow, " "), arrow))
    plain = pc.and_(plain, pc.and_(pc.greater(length, 0), pc.less_equal(length, MAX_ID_LENGTH)))
    return np.flatnonzero(~plain.to_numpy(zero_copy_only=False))


def clean_ids(texts: Texts, *, upper: bool = False) -> tuple[Texts, NDArray[np.int8]]:
    """Ids in Unicode form NFC without blanks around them, and what is wrong with each line's.

    upper: letter case does not matter, make it upper. Returns the texts and, per line, 0 or
    MISSING, CONTROL (a line break, a control or an invisible character) or TOO_LONG.
    """
    faults = np.zeros(texts.n_values, dtype=np.int8)
    cleaned = _objects([value.upper() for value in texts.values]) if upper else texts.distinct
    odd = _odd(cleaned)
    if odd.size and not upper:
        cleaned = texts.values.copy()
    for at in odd:
        value = cleaned[at]
        if any(unicodedata.category(ch) in _NO_ID for ch in value):
            faults[at] = CONTROL
        value = unicodedata.normalize("NFC", value).strip()
        if not value:
            faults[at] = MISSING
        if len(value) > MAX_ID_LENGTH:
            faults[at] = TOO_LONG
        cleaned[at] = value
    return texts.replaced(cleaned), recode(texts.codes, np.append(faults, np.int8(MISSING)))


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
    return Texts(codes, named.distinct)


def _text(value: object) -> str:
    if isinstance(value, float | np.floating) and float(value).is_integer():
        return str(int(value))
    return str(value)


def _objects(values: Sequence[str] | NDArray[np.object_]) -> NDArray[np.object_]:
    array = np.empty(len(values), dtype=object)
    array[:] = values
    return array
