"""Where order lines come from: frames, Parquet and CSV files, opened with their own names."""

import csv
import hashlib
from collections import defaultdict
from collections.abc import Iterator, Sequence
from contextlib import contextmanager
from dataclasses import dataclass, replace
from pathlib import Path

import numpy as np
import pandas as pd
import pyarrow as pa
import pyarrow.compute as pc
import pyarrow.csv as pacsv
import pyarrow.parquet as pq
from numpy.typing import NDArray

from restock.dataset.contract import BadOrders
from restock.dataset.texts import Texts

Source = pd.DataFrame | str | Path | Sequence[str | Path]

_NULLABLE = {
    pa.int8(): pd.Int8Dtype(),
    pa.int16(): pd.Int16Dtype(),
    pa.int32(): pd.Int32Dtype(),
    pa.int64(): pd.Int64Dtype(),
}


Columns = dict[str, Texts | pa.ChunkedArray]
"""The columns of a file by name: text as codes and values, in the order of the file."""


@dataclass(frozen=True, eq=False)
class Opened:
    """One opened source: its lines as they are.

    lines: a frame as it was given, or the columns of a file.
    typed: False for CSV, where everything is text until it is parsed. repeated: a file that
    comes later has the very same content.
    """

    name: str
    lines: pd.DataFrame | Columns
    typed: bool
    repeated: bool = False

    def __len__(self) -> int:
        if isinstance(self.lines, pd.DataFrame):
            return len(self.lines)
        return len(next(iter(self.lines.values()), ()))

    @property
    def names(self) -> list[str]:
        """The names of its columns."""
        return [str(name) for name in self.lines]

    def text(self, name: str) -> Texts | None:
        """A column of text in a file, its values sorted; None where it is another.

        It is kept so: what is made of it and changes no value has the same codes in memory.
        """
        if isinstance(self.lines, pd.DataFrame):
            return None
        column = self.lines[name]
        if not isinstance(column, Texts):
            return None
        self.lines[name] = ordered = column.ordered()
        return ordered

    def column(self, name: str) -> pd.Series:
        """A column as pandas holds it, text of a file as categories."""
        if (text := self.text(name)) is not None:
            return pd.Series(pd.Categorical.from_codes(text.codes, pd.Index(text.values)))
        column = self.lines[name]
        return column if isinstance(column, pd.Series) else _series(column)

    def rows(self, positions: NDArray[np.int64]) -> pd.DataFrame:
        """The lines at these positions as a frame, text as objects."""
        if isinstance(self.lines, pd.DataFrame):
            frame = self.lines.iloc[positions]
            texts = frame.select_dtypes("category").columns
            return frame.astype(dict.fromkeys(texts, object))
        return pd.DataFrame(
            {
                name: column[positions].compact().objects()
                if isinstance(column, Texts)
                else _series(column.take(positions))
                for name, column in self.lines.items()
            }
        )


def open_sources(source: Source, *, delimiter: str = ",", encoding: str = "utf-8") -> list[Opened]:
    """Open a frame, a file, a folder of files or a list of files.

    delimiter, encoding: of CSV files. Raises BadOrders for a file that is missing, empty,
    truncated, listed twice or of another kind, and when there is no line at all.
    """
    if isinstance(source, pd.DataFrame):
        opened = [Opened("the frame", source, typed=True)]
    else:
        paths = _paths(source)
        opened = [_open(path, delimiter, encoding) for path in paths]
        repeated = _repeated(paths)
        opened = [
            replace(part, repeated=path in repeated)
            for path, part in zip(paths, opened, strict=True)
        ]
    for part in opened:
        _check_names(part)
    if not any(len(part) for part in opened):
        names = ", ".join(part.name for part in opened)
        raise BadOrders(names, "there is no order line in it", "check what wrote it")
    return opened


def headers(
    source: str | Path | Sequence[str | Path], *, delimiter: str = ",", encoding: str = "utf-8"
) -> dict[str, list[str]]:
    """Name of each file → the names of its columns; lines are not read.

    Raises BadOrders as ``open_sources`` does, as far as the beginning of a file tells.
    """
    found = {}
    for path in _paths(source):
        with _opening(path):
            if file_kind(path) == "Parquet":
                found[str(path)] = list(pq.read_schema(path).names)
            else:
                found[str(path)] = _csv_names(path, delimiter, encoding)
    return found


def _paths(source: str | Path | Sequence[str | Path]) -> list[Path]:
    given = [source] if isinstance(source, str | Path) else list(source)
    paths: list[Path] = []
    for path in map(Path, given):
        if path.is_dir():
            inside = sorted(file for file in path.rglob("*") if file_kind(file))
            if not inside:
                raise BadOrders(str(path), "no Parquet or CSV file in this folder", _CHECK_PATH)
            paths += inside
        else:
            paths.append(path)
    if not paths:
        raise BadOrders("the list of files", "it is empty", "name at least one file")
    seen: set[Path] = set()
    for path in paths:
        if path.resolve() in seen:
            raise BadOrders(str(path), "listed twice, its lines would count twice", "list it once")
        seen.add(path.resolve())
    return paths


_CHECK_PATH = "check the path"


def file_kind(path: Path) -> str | None:
    """``Parquet`` or ``CSV`` by the name of a file; None: it holds no orders."""
    name = path.name.lower()
    if name.endswith((".parquet", ".pq")):
        return "Parquet"
    return "CSV" if name.endswith((".csv", ".csv.gz")) else None


def _repeated(paths: Sequence[Path]) -> set[Path]:
    """Of files with the very same bytes, all but the last; only files of one size are hashed."""
    by_size: dict[int, list[Path]] = defaultdict(list)
    for path in paths:
        by_size[path.stat().st_size].append(path)
    last: dict[bytes, Path] = {}
    found = set()
    for path in (path for same in by_size.values() if len(same) > 1 for path in same):
        with path.open("rb") as file:
            digest = hashlib.file_digest(file, "sha256").digest()
        found |= {last[digest]} if digest in last else set()
        last[digest] = path
    return found


def _open(path: Path, delimiter: str, encoding: str) -> Opened:
    with _opening(path):
        parquet = file_kind(path) == "Parquet"
        lines = _parquet(path) if parquet else _csv(path, delimiter, encoding)
        hand_back()
        return Opened(str(path), lines, typed=parquet)


@contextmanager
def _opening(path: Path) -> Iterator[None]:
    """Refuse what is no file of orders; what goes wrong while it is read names file and remedy."""
    kind = file_kind(path)
    if not path.is_file():
        raise BadOrders(str(path), "there is no such file", _CHECK_PATH)
    if kind is None:
        raise BadOrders(
            str(path), "neither Parquet nor CSV by its name", "name it .parquet, .csv or .csv.gz"
        )
    if path.stat().st_size == 0:
        raise BadOrders(str(path), "the file is empty (0 bytes)", "check what wrote it")
    try:
        yield
    except (pa.ArrowException, OSError, UnicodeError, EOFError) as error:
        cause = str(error).strip().splitlines()[0] if str(error).strip() else type(error).__name__
        remedy = "it is truncated, damaged or of another kind: copy or write it again"
        if kind == "CSV":
            remedy += ", or say delimiter= and encoding="
        raise BadOrders(str(path), f"cannot be read as {kind} ({cause})", remedy) from error


def _parquet(path: Path) -> Columns:
    schema = pq.read_schema(path)
    _check_different(path, schema.names)
    text = [field.name for field in schema if _is_text(field.type)]
    # file by file, not as a data set: that would repeat a row group's dictionary in each batch;
    # column by column: what reading one takes is room for the next, and fresh memory costs time
    with pq.ParquetFile(path, read_dictionary=text) as file:
        return {name: _plain(file.read([name])[name]) for name in schema.names}


def _csv_names(path: Path, delimiter: str, encoding: str) -> list[str]:
    with pa.input_stream(str(path), compression="detect") as stream:
        head = stream.read(1 << 16).decode(encoding, errors="replace").lstrip("\ufeff")
    names = next(csv.reader(head.splitlines(keepends=True), delimiter=delimiter), [])
    _check_different(path, names)
    return names


def _check_different(path: Path, names: Sequence[str]) -> None:
    if len(set(names)) < len(names):
        raise BadOrders(str(path), "two columns have one name", "rename one of them")


def _csv(path: Path, delimiter: str, encoding: str) -> Columns:
    names = _csv_names(path, delimiter, encoding)
    text = pa.dictionary(pa.int32(), pa.string())
    table = pacsv.read_csv(
        path,
        read_options=pacsv.ReadOptions(encoding=encoding),
        parse_options=pacsv.ParseOptions(delimiter=delimiter, newlines_in_values=True),
        # no text stands for a missing one: the market NA is a market
        convert_options=pacsv.ConvertOptions(
            column_types=dict.fromkeys(names, text), strings_can_be_null=False
        ),
    )
    columns = {}
    for name in table.column_names:
        columns[name] = _plain(table[name])
        table = table.drop_columns(name)  # makes room for the next
    return columns


def _plain(column: pa.ChunkedArray) -> Texts | pa.ChunkedArray:
    """Text as codes and values, decimal numbers as float64, all else as it is."""
    kind = column.type
    if _is_text(kind):
        return Texts.of_arrow(pc.dictionary_encode(column))
    if pa.types.is_dictionary(kind):
        text = _is_text(kind.value_type)
        return Texts.of_arrow(column) if text else column.cast(kind.value_type)
    return column.cast(pa.float64()) if pa.types.is_decimal(kind) else column


def hand_back() -> None:
    """Give the system the memory that Arrow has freed and keeps for later."""
    pa.default_memory_pool().release_unused()


def _series(column: pa.ChunkedArray) -> pd.Series:
    values: pd.Series = column.to_pandas(types_mapper=_NULLABLE.get, date_as_object=False)
    return values


def _is_text(kind: pa.DataType) -> bool:
    text = pa.types.is_string(kind) or pa.types.is_large_string(kind)
    return bool(text or pa.types.is_string_view(kind))


def _check_names(part: Opened) -> None:
    names = pd.Index(part.names)
    if not names.is_unique:
        twice = ", ".join(names[names.duplicated()].unique())
        raise BadOrders(part.name, f"two columns are called {twice}", "rename one of them")
