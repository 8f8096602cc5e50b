"""Tables in files: Arrow, to be memory-mapped, and Parquet, for whoever reads nothing else."""

from pathlib import Path
from typing import Any

import pyarrow as pa
import pyarrow.parquet as pq
from numpy.typing import NDArray


def write_arrow(table: pa.Table, path: Path) -> None:
    """Write one chunk, so that columns can be mapped without a copy."""
    with pa.ipc.new_file(str(path), table.schema) as writer:
        writer.write_table(table.combine_chunks(), max_chunksize=max(table.num_rows, 1))


def open_arrow(path: Path) -> pa.Table:
    """Open what ``write_arrow`` wrote, memory-mapped."""
    return pa.ipc.open_file(pa.memory_map(str(path))).read_all()


def column(table: pa.Table, name: str, dtype: type) -> NDArray[Any]:
    """A column as an array, without a copy where it is one chunk."""
    found = table[name]
    if found.num_chunks == 1:
        return found.chunk(0).to_numpy(zero_copy_only=True)
    return found.to_numpy().astype(dtype)


def write_parquet(table: pa.Table, path: Path) -> None:
    """Write the whole table at once; the same table always gives the same bytes."""
    pq.write_table(table, path, compression="zstd")
