"""The rows of a publication: one per customer and rank, in a Parquet file sorted by customer."""

from pathlib import Path

import numpy as np
import pyarrow as pa
import pyarrow.compute as pc
import pyarrow.parquet as pq

MARKET = "market"
CUSTOMER = "customer_id"
RANK = "rank"
ITEM = "item_id"
ITEM_NAME = "item_name"
SCORE = "score"
BOUGHT_BEFORE = "bought_before"
REASON = "reason"

SCHEMA = pa.schema(
    [
        pa.field(MARKET, pa.string(), nullable=False),
        pa.field(CUSTOMER, pa.string(), nullable=False),
        pa.field(RANK, pa.int32(), nullable=False),
        pa.field(ITEM, pa.string(), nullable=False),
        pa.field(ITEM_NAME, pa.string()),
        pa.field(SCORE, pa.float32(), nullable=False),
        pa.field(BOUGHT_BEFORE, pa.bool_(), nullable=False),
        pa.field(REASON, pa.string(), nullable=False),
    ]
)
UNKNOWN_CUSTOMER = ""  # whose list is for customers without one; no order line has this id
ROWS_PER_GROUP = 10_000  # about a thousand customers: what one look-up reads


def check_table(table: pa.Table, market: str, k: int) -> pa.Table:
    """The table in the published schema, sorted by customer and rank.

    ValueError, naming the column, when it is empty, lacks a column, holds another market,
    nulls, scores that are not finite, an item twice in one list, or ranks that are not
    1, 2, … of at most k.
    """
    try:
        table = table.select(SCHEMA.names)
        for field in SCHEMA:
            if not field.nullable and table[field.name].null_count:
                raise ValueError(f"missing values in {field.name}")
        table = table.cast(SCHEMA).combine_chunks()
    except (KeyError, ValueError, pa.ArrowInvalid) as error:
        raise ValueError(f"{market}: the table is no publication: {error}") from error
    if table.num_rows == 0:
        raise ValueError(f"{market}: there are no recommendations to publish")
    if pc.unique(table[MARKET]).to_pylist() != [market]:
        raise ValueError(f"{market}: the table holds rows of another market")
    if not pc.all(pc.is_finite(table[SCORE])).as_py():
        raise ValueError(f"{market}: {SCORE} must be finite")
    table = table.sort_by([(CUSTOMER, "ascending"), (RANK, "ascending")])
    if pa.TableGroupBy(table, [CUSTOMER, ITEM]).aggregate([]).num_rows != table.num_rows:
        raise ValueError(f"{market}: an item stands twice in one customer's list")
    customer = table[CUSTOMER].combine_chunks().dictionary_encode().indices.to_numpy()
    start = np.flatnonzero(np.diff(customer, prepend=-1))
    place = np.arange(customer.size) - np.repeat(start, np.diff(start, append=customer.size))
    rank = table[RANK].to_numpy()
    if (rank != place + 1).any() or rank.max() > k:
        raise ValueError(f"{market}: the ranks of a customer must be 1, 2, … up to {k}")
    return table


def write_table(table: pa.Table, path: Path) -> None:
    """Write a checked table; the same rows give the same bytes."""
    pq.write_table(table, path, compression="zstd", row_group_size=ROWS_PER_GROUP)


def read_rows(path: Path, customer_id: str | None = None) -> pa.Table:
    """All rows, or those of one customer (reading only the row groups that may hold it)."""
    filters = None if customer_id is None else [(CUSTOMER, "=", customer_id)]
    return pq.read_table(path, filters=filters, partitioning=None, memory_map=True)
